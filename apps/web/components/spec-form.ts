/**
 * From what stands in the submit form to specs, and from a spec's faults back to the fields. Names of fields are places in
 * the spec (`method.rounds`, `recipe.epochs`), so that a fault finds its field by itself.
 */
import type { Spec } from "@ticketmark/core";
import { type Field, parseField, textOf } from "./field-text.ts";

/** Text by name of field. Absent and empty mean the same: the default. */
export type FormText = Readonly<Record<string, string>>;

/** What `parseSpec` takes, but for the seed. What cannot be read is passed on, so that the schema says what is wrong with it. */
export function specInputOf(
  text: FormText,
  method: readonly Field[],
  recipe: readonly Field[],
): Record<string, unknown> {
  const part = (prefix: string, fields: readonly Field[]) =>
    Object.fromEntries(
      fields
        .map((field) => [field.name, parseField(field, text[`${prefix}.${field.name}`] ?? "")] as const)
        .filter(([, value]) => value !== undefined),
    );
  return {
    dataset: text.dataset,
    model: text.model,
    method: { id: text.method, ...part("method", method) },
    sparsity: sparsityOf(text.sparsity ?? ""),
    scope: text.scope || undefined,
    recipe: part("recipe", recipe),
    protocol: text.protocol,
  };
}

/** Percent as typed to a share: read as decimal, so that 97.7 is 0.977 and not its neighbour. */
export function sparsityOf(percent: string): unknown {
  const trimmed = percent.trim();
  if (trimmed === "") return undefined;
  return /^\d+(\.\d+)?$/.test(trimmed) ? Number(`${trimmed}e-2`) : trimmed;
}

const isPercent = (percent: string): boolean => typeof sparsityOf(percent) === "number" && Number(percent) < 100;

/** What to ask who typed a share, 0.98, where per cent are meant; a sparsity below 1 % is allowed. */
export function sparsityHint(percent: string): string | undefined {
  const typed = percent.trim();
  if (!isPercent(typed) || Number(typed) === 0 || Number(typed) >= 1) return undefined;
  return `${typed} % keeps nearly every weight: did you mean ${Number(`${typed}e2`)}?`;
}

/** At once at most: a slip of the finger should not fill the queue. */
export const MOST_SEEDS = 20;

/** "0", "0-4", "0, 2, 7-9" → the seeds in order, each once. A text is the fault to show. */
export function seedsOf(text: string): number[] | string {
  const fault = `expected seeds such as 0 or 0-4 or 0, 2, 7, at most ${MOST_SEEDS}`;
  const seeds = new Set<number>();
  for (const part of text.split(",")) {
    const range = part.trim().match(/^(\d{1,10})(?:\s*[-–]\s*(\d{1,10}))?$/);
    if (!range) return `${fault}; got ${JSON.stringify(part.trim())}`;
    const [first, last] = [Number(range[1]), Number(range[2] ?? range[1])];
    if (last < first || last - first >= MOST_SEEDS) return fault;
    for (let seed = first; seed <= last; seed++) seeds.add(seed);
  }
  return seeds.size > MOST_SEEDS ? fault : [...seeds].sort((a, b) => a - b);
}

/**
 * A "bad-spec" message to faults by field; what has no field of its own stands under "". Specs have a share where the form
 * has per cent, so of a `sparsity` that is none the form speaks itself.
 */
export function faultsByField(message: string, { sparsity }: FormText = {}): Record<string, string> {
  const faults: Record<string, string> = {};
  for (const fault of message.split(
    /; (?=(?:data ?set|classes|model|method|sparsity|scope|recipe|seed|protocol|initial|spec)[\w.]*: )/,
  )) {
    const [, place, text] = fault.match(/^([\w. ]+?): (.*)$/s) ?? [];
    const name = place === undefined ? "" : fieldOf(place);
    faults[name] = [faults[name], name === "" ? fault : text].filter(Boolean).join("; ");
  }
  if (faults.sparsity && sparsity !== undefined && !isPercent(sparsity))
    faults.sparsity = `expected per cent, 0 to below 100, such as 98; got ${sparsity.trim() || "none"}`;
  return faults;
}

/** A fault inside a schedule (`recipe.learningRate.0.epoch`) belongs to the schedule's field. */
function fieldOf(place: string): string {
  if (place === "data set") return "dataset";
  const [part, name] = place.split(".");
  return name && (part === "method" || part === "recipe") ? `${part}.${name}` : part!;
}

/** The form as it would have to be filled in to give this spec. */
export function formTextOf(spec: Spec): FormText {
  const { id, ...settings } = spec.method;
  const part = (prefix: string, values: object) =>
    Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, textOf(value)]);
  return Object.fromEntries([
    ["dataset", spec.dataset],
    ["model", spec.model],
    ["method", id],
    ["sparsity", String(Number((spec.sparsity * 100).toPrecision(12)))],
    ["scope", spec.scope],
    ["seeds", String(spec.seed)],
    ["protocol", spec.protocol],
    ...part("method", settings),
    ...part("recipe", spec.recipe),
  ]);
}
