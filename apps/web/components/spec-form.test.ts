import { methods, type Problem, parseSpec } from "@ticketmark/core";
import { expect, test } from "vitest";
import { fieldsOfMethod, fieldsOfRecipe } from "./settings-fields.ts";
import { faultsByField, formTextOf, MOST_SEEDS, seedsOf, sparsityOf, specInputOf } from "./spec-form.ts";

const text = { dataset: "mnist", model: "lenet-300-100", method: "rst-iter", sparsity: "97.7", protocol: "paper" };
const inputOf = (form: Record<string, string>) =>
  specInputOf(form, fieldsOfMethod(methods.get(form.method!)), fieldsOfRecipe());

test("an untouched form is the defaults; what is typed goes to its place", () => {
  expect(parseSpec(inputOf(text))).toEqual(parseSpec({ ...text, sparsity: 0.977, method: { id: "rst-iter" } }));
  const changed = parseSpec(
    inputOf({
      ...text,
      "method.rounds": "3",
      "method.pick": "smallest",
      "recipe.learningRate": "0: 0.2",
    }),
  );
  expect(changed.method).toMatchObject({ rounds: 3, pick: "smallest" });
  expect(changed.recipe.learningRate).toEqual([{ epoch: 0, value: 0.2 }]);
});

test("a spec fills the form in, and comes out of it again, for every method", () => {
  for (const { id, sparse } of methods.list) {
    const spec = parseSpec({ dataset: "mnist", model: "lenet-300-100", method: id, sparsity: sparse ? 0.977 : 0 });
    expect(parseSpec({ ...inputOf({ ...formTextOf(spec) }), seed: 0 })).toEqual(spec);
  }
});

test("percent is read as decimal", () => {
  expect(sparsityOf("97.7")).toBe(0.977);
  expect(sparsityOf(" 98 ")).toBe(0.98);
  expect(sparsityOf("")).toBeUndefined();
  expect(sparsityOf("much")).toBe("much");
});

test("seeds: single, lists and ranges; too many is a fault", () => {
  expect(seedsOf("0")).toEqual([0]);
  expect(seedsOf("7, 0-2,2")).toEqual([0, 1, 2, 7]);
  expect(seedsOf("3–4")).toEqual([3, 4]);
  for (const wrong of ["", "a", "4-2", "0-999999999", `0-${MOST_SEEDS}`, "-1"])
    expect(seedsOf(wrong)).toMatch(/^expected/);
});

test("each fault of a spec finds its field", () => {
  let message = "";
  try {
    parseSpec({ ...inputOf({ ...text, "method.rounds": "0", "recipe.epochs": "many", sparsity: "" }), model: "vgg" });
  } catch (fault) {
    message = (fault as Problem).message;
  }
  const faults = faultsByField(message);
  expect(Object.keys(faults).sort()).toEqual(["method.rounds", "model", "recipe.epochs", "sparsity"]);
  expect(faults.sparsity).toBe("expected 0 ≤ sparsity < 1 for method rst-iter; got none");
  expect(faultsByField("recipe.learningRate.0.epoch: too small")).toEqual({ "recipe.learningRate": "too small" });
  expect(faultsByField("something else")).toEqual({ "": "something else" });
});
