import { methods } from "@ticketmark/core";
import { expect, test } from "vitest";
import { fieldsOf, fieldsOfMethod, fieldsOfRecipe, parseField, textOf } from "./settings-fields.ts";

test("every setting of every method becomes a field that says what it is", () => {
  for (const method of methods.list)
    for (const field of fieldsOfMethod(method)) {
      expect(field.description, `${method.id}.${field.name}`).not.toBe("");
      if (field.kind === "choice") expect(field.choices.length, `${method.id}.${field.name}`).toBeGreaterThan(1);
      if (field.default !== undefined) expect(parseField(field, textOf(field.default))).toEqual(field.default);
    }
});

test("kinds, bounds and defaults come from the schema", () => {
  expect(
    fieldsOf({
      type: "object",
      properties: {
        rounds: { type: "integer", minimum: 1, maximum: 100, default: 5, description: "rounds" },
        pick: { type: "string", enum: ["random", "smallest"], default: "random" },
        hold: { type: "boolean", default: false },
        rate: { anyOf: [{ type: "number" }, { type: "array" }] },
      },
    }).map((f) => [f.name, f.kind, f.min, f.max, f.default]),
  ).toEqual([
    ["rounds", "integer", 1, 100, 5],
    ["pick", "choice", null, null, "random"],
    ["hold", "switch", null, null, false],
    ["rate", "json", null, null, undefined],
  ]);
  expect(fieldsOfRecipe().map((f) => f.name)).toContain("learningRate");
});

test("text becomes values; what cannot be read is passed on for the schema to refuse", () => {
  const [rounds] = fieldsOf({ type: "object", properties: { rounds: { type: "integer" } } });
  expect(parseField(rounds!, " 3 ")).toBe(3);
  expect(parseField(rounds!, "")).toBeUndefined();
  expect(parseField(rounds!, "three")).toBe("three");
});
