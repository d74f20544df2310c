/**
 * A method's settings and the recipe as forms and tables show them, read from the registries' own schemas: name, kind,
 * default, bounds and description. A new setting needs nothing here.
 */
import { type Method, recipeSchema, settingsSchema } from "@ticketmark/core";
import { z } from "zod";

export interface Field {
  readonly name: string;
  readonly description: string;
  readonly kind: "integer" | "number" | "choice" | "switch" | "json";
  /** Of a choice. */
  readonly choices: readonly string[];
  /** Display names of the choices; a choice without one names itself. */
  readonly labels: readonly string[];
  readonly min: number | null;
  readonly max: number | null;
  /** Absent = may be left out, and then means what the description says. */
  readonly default: unknown;
}

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
      min: bound(given.minimum, given.exclusiveMinimum),
      max: bound(given.maximum, given.exclusiveMaximum),
      default: given.default,
    };
  });
}

const bound = (...candidates: unknown[]): number | null =>
  candidates.find((candidate): candidate is number => typeof candidate === "number") ?? null;

/** What is neither number, word nor yes/no (a schedule) is written as JSON. */
function kindOf(schema: Schema): Field["kind"] {
  if (schema.enum) return "choice";
  if (schema.type === "boolean") return "switch";
  if (schema.type === "integer" || schema.type === "number") return schema.type;
  return "json";
}

/** A field's text to its value; "" = left out. Text that is not what the field holds is given on: the spec's schema says why. */
export function parseField({ kind }: Field, text: string): unknown {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  if (kind === "choice") return trimmed;
  if (kind === "switch") return trimmed === "true" || trimmed === "on";
  try {
    return JSON.parse(trimmed);
  } catch {
    return trimmed;
  }
}

/** A value as the text of its field. */
export const textOf = (value: unknown): string =>
  value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
