import { methods } from "@ticketmark/core";
import { expect, test } from "vitest";
import { parseField, textOf } from "./field-text.ts";
import { fieldsOf, fieldsOfMethod, fieldsOfRecipe } from "./settings-fields.ts";

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
        limit: { type: "number", exclusiveMinimum: 0, maximum: 10_000 },
        share: { type: "number", minimum: 0, exclusiveMaximum: 1 },
      },
    }).map((f) => [f.name, f.kind, f.range, f.default]),
  ).toEqual([
    ["rounds", "integer", "1 to 100", 5],
    ["pick", "choice", "", "random"],
    ["hold", "switch", "", false],
    ["rate", "number or steps", "", undefined],
    ["limit", "number", "above 0 to 10,000", undefined],
    ["share", "number", "0 to below 1", undefined],
  ]);
  expect(fieldsOfRecipe().map((f) => f.name)).toContain("learningRate");
});

test("text becomes values; what cannot be read is passed on for the schema to refuse", () => {
  expect(parseField({ kind: "integer" }, " 3 ")).toBe(3);
  expect(parseField({ kind: "number" }, "1e-4")).toBe(1e-4);
  expect(parseField({ kind: "integer" }, "")).toBeUndefined();
  expect(parseField({ kind: "integer" }, "three")).toBe("three");
  expect(parseField({ kind: "switch" }, "false")).toBe(false);
});

test("schedules are written as epoch: value, and one number is enough", () => {
  const steps = [
    { epoch: 0, value: 0.1 },
    { epoch: 100, value: 0.01 },
  ];
  expect(textOf(steps)).toBe("0: 0.1, 100: 0.01");
  expect(parseField({ kind: "steps" }, "0:0.1,100:0.01")).toEqual(steps);
  expect(parseField({ kind: "steps" }, "0.1")).toEqual([{ epoch: 0, value: 0.1 }]);
  expect(parseField({ kind: "number or steps" }, "0.1")).toBe(0.1);
  expect(parseField({ kind: "steps" }, "0:0.1,soon:0.01")).toBe("0:0.1,soon:0.01");
});
