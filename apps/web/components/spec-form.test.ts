import { methods, type Problem, parseSpec } from "@ticketmark/core";
import { expect, test } from "vitest";
import { fieldsOfMethod, fieldsOfRecipe } from "./settings-fields.ts";
import { faultsByField, formTextOf, MOST_SEEDS, seedsOf, sparsityHint, sparsityOf, specInputOf } from "./spec-form.ts";

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

test("what is wrong with a sparsity is said in per cent, as it is typed", () => {
  const faultOf = (sparsity: string) => {
    const form = { ...text, sparsity };
    try {
      parseSpec(inputOf(form));
    } catch (fault) {
      return faultsByField((fault as Problem).message, form).sparsity;
    }
    return undefined;
  };
  expect(faultOf("120")).toBe("expected per cent, 0 to below 100, such as 98; got 120");
  expect(faultOf("100")).toBe("expected per cent, 0 to below 100, such as 98; got 100");
  expect(faultOf("much")).toBe("expected per cent, 0 to below 100, such as 98; got much");
  expect(faultOf(" ")).toBe("expected per cent, 0 to below 100, such as 98; got none");
  expect(faultOf("0.98")).toBeUndefined();
  const full = "sparsity: expected to keep at least one weight; got 0 of 5 kept";
  expect(faultsByField(full, { sparsity: "99" }).sparsity).toBe(
    "expected to keep at least one weight; got 0 of 5 kept",
  );
});

test("a share where per cent are meant is asked about", () => {
  expect(sparsityHint("0.98")).toBe("0.98 % keeps nearly every weight: did you mean 98?");
  expect(sparsityHint(" 0.977 ")).toMatch(/did you mean 97\.7\?$/);
  for (const fine of ["", "0", "0.0", "1", "98", "97.7", "much", "120"]) expect(sparsityHint(fine)).toBeUndefined();
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
