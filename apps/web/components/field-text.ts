/** A form's field, its text, and the value the text stands for. Needs nothing of core, so that the browser can have it. */

export interface Field {
  readonly name: string;
  readonly description: string;
  /** "steps": a schedule; "number or steps": one number may stand for it. */
  readonly kind: "integer" | "number" | "choice" | "switch" | "steps" | "number or steps" | "text";
  /** Of a choice. */
  readonly choices: readonly string[];
  /** Display names of the choices; a choice without one names itself. */
  readonly labels: readonly string[];
  /** Of a number, such as "above 0 to 100"; "" = none. */
  readonly range: string;
  /** Absent = may be left out, and then means what the description says. */
  readonly default: unknown;
}

export type Steps = readonly { readonly epoch: number; readonly value: number }[];

export function isSteps(value: unknown): value is Steps {
  return Array.isArray(value) && value.length > 0 && value.every((s) => typeof s?.epoch === "number" && "value" in s);
}

/** A value as the text of its field: steps as "0: 0.1, 3: 0.01" (from epoch 3 on 0.01), what is neither word nor number as JSON. */
export function textOf(value: unknown): string {
  if (value === undefined) return "";
  if (isSteps(value)) return value.map(({ epoch, value: v }) => `${epoch}: ${v}`).join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The reverse; "" = left out. Text that is not what the field holds is passed on: the spec's schema says what is wrong. */
export function parseField({ kind }: Pick<Field, "kind">, text: string): unknown {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  if (kind === "switch") return trimmed === "true" ? true : trimmed === "false" ? false : trimmed;
  if (kind === "choice" || kind === "text") return trimmed;
  if (kind === "steps" && isNumber(trimmed)) return [{ epoch: 0, value: Number(trimmed) }];
  if (isNumber(trimmed)) return Number(trimmed);
  return stepsIn(trimmed) ?? trimmed;
}

const isNumber = (text: string): boolean => /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text);

function stepsIn(text: string): Steps | null {
  const steps = text.split(",").map((step) => step.split(":").map((part) => part.trim()));
  if (!steps.every((step) => step.length === 2 && step.every(isNumber))) return null;
  return steps.map(([epoch, value]) => ({ epoch: Number(epoch), value: Number(value) }));
}
