/**
 * A method's settings and the recipe as forms and tables show them, read from the registries' own schemas: name, kind,
 * default, bounds and description. A new setting needs nothing here.
 */
import { type Method, recipeSchema, settingsSchema } from "@ticketmark/core";
import { z } from "zod";
import type { Field } from "./field-text.ts";
import { formatBound } from "./format.ts";

type Schema = z.core.JSONSchema.JSONSchema;

export const fieldsOfMethod = (method: Method): Field[] => fieldsOf(settingsSchema(method));

export const fieldsOfRecipe = (): Field[] => fieldsOf(z.toJSONSchema(recipeSchema, { io: "input" }));

export function fieldsOf(schema: Schema): Field[] {
  return Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const given = property as Schema;
    const kind = kindOf(given);
    return {
      name,
      description: given.description ?? "",
      kind,
      choices: kind === "choice" ? (given.enum as string[]) : [],
      labels: [],
      range: rangeOf(given),
      default: given.default,
    };
  });
}

/** As `ticketmark methods` has it: a bound that is itself not allowed is "above" or "below". */
function rangeOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Schema): string {
  const low = bound(minimum) || bound(exclusiveMinimum, "above ");
  const high = bound(maximum) || bound(exclusiveMaximum, "below ");
  return low && high && `${low} to ${high}`;
}

const bound = (x: unknown, side = ""): string => (typeof x === "number" ? side + formatBound(x) : "");

function kindOf(schema: Schema): Field["kind"] {
  if (schema.enum) return "choice";
  if (schema.type === "boolean") return "switch";
  if (schema.type === "integer" || schema.type === "number") return schema.type;
  if (schema.type === "array") return "steps";
  return schema.anyOf ? "number or steps" : "text";
}
