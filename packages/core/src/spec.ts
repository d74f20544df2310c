/**
 * A spec says what to run, and nothing of where: data set, model, method and its settings, sparsity, scope, recipe,
 * seed, protocol. Complete, with defaults filled in; its canonical JSON has one digest. `groupDigest` leaves the seed out.
 *
 * A default never changes its meaning. A setting that is added later is `.optional()`: absent means the old behaviour,
 * so old specs keep their digests (pinned in spec.test.ts).
 */
import { z } from "zod";
import { digestOfJson, digestSchema } from "./canonical.ts";
import { type ClassFolder, classesSchema, type Dataset } from "./datasets/dataset.ts";
import { datasetOf } from "./datasets/index.ts";
import { type Architecture, nodesOf } from "./layers.ts";
import { methods } from "./methods/index.ts";
import type { Method } from "./methods/method.ts";
import { models } from "./models/index.ts";
import type { Model } from "./models/model.ts";
import { Problem } from "./problem.ts";
import { SCOPES, type Scope } from "./scope.ts";
import { type Recipe, recipeSchema } from "./training/recipe.ts";

export const scopeSchema = z
  .enum(SCOPES)
  .describe("where weights go: the same share of every prunable layer (the DLTH rule), or shares by another rule");
const protocolSchema = z
  .enum(["validation", "paper"])
  .describe(
    "validation: training images drawn by the seed are held out; paper: train on all of them, as published numbers do",
  );

/** What a person writes: only data set, model, method and, unless it is dense, sparsity are needed. */
export interface SpecInput {
  readonly dataset: string;
  /** Of a data set that is class folders: which, and how many images each has. */
  readonly classes?: readonly ClassFolder[];
  readonly model: string;
  /** "rst", or { id: "rst", …settings }. */
  readonly method: string | ({ readonly id: string } & Record<string, unknown>);
  readonly sparsity?: number;
  readonly scope?: Scope;
  readonly recipe?: Partial<Recipe>;
  readonly seed?: number;
  readonly protocol?: "validation" | "paper";
  /** sha256 of a file of initial weights (initial-weights.ts); left out: drawn from the seed. */
  readonly initial?: string;
}

export interface Spec {
  readonly dataset: string;
  readonly classes?: readonly ClassFolder[];
  readonly model: string;
  /** id, and every setting of the method. */
  readonly method: { readonly id: string } & Readonly<Record<string, unknown>>;
  readonly sparsity: number;
  readonly scope: Scope;
  readonly recipe: Recipe;
  readonly seed: number;
  readonly protocol: "validation" | "paper";
  readonly initial?: string;
}

const inputSchema = z.strictObject({
  dataset: z.string().max(100),
  classes: classesSchema.optional(),
  model: z.string().max(100),
  method: z.union(
    [
      z
        .string()
        .max(100)
        .transform((id) => ({ id })),
      z.looseObject({ id: z.string().max(100) }),
    ],
    { error: ({ input }) => `expected a method: "id", or { "id": …, and its settings }; got ${shown(input)}` },
  ),
  sparsity: z
    .number()
    .refine((share) => share >= 0 && share < 1, {
      error: ({ input }) => `expected a share of the weights, 0 ≤ sparsity < 1, such as 0.98; got ${shown(input)}`,
    })
    .optional(),
  scope: scopeSchema.default("uniform"),
  recipe: z.looseObject({}).default({}),
  seed: z.number().int().min(0).max(0xffff_ffff).default(0),
  protocol: protocolSchema.default("validation"),
  initial: digestSchema.optional(),
});

/** Fills in defaults and checks everything. Throws Problem "bad-spec": every fault (the first 20), each with its place. */
export function parseSpec(input: unknown): Spec {
  const faults: string[] = [];
  const whole = check(inputSchema, input, "", faults);
  const {
    dataset: datasetId,
    classes,
    model,
    method: chosen,
    recipe: changes,
    sparsity: wanted,
  } = whole ?? soundFields(input);
  const dataset = datasetId === undefined ? undefined : found(() => datasetOf({ dataset: datasetId, classes }), faults);
  const net = model === undefined ? undefined : found(() => models.get(model), faults);
  if (dataset && net) fit(net, dataset, faults);
  const { id, ...given } = chosen ?? { id: undefined };
  const method = id === undefined ? undefined : found(() => methods.get(id), faults);

  const settings = method && check(method.settings, given, "method", faults);
  const recipe = recipeOf(
    check(recipeSchema, { ...dataset?.recipe, ...changes }, "recipe", dataset ? faults : []),
    dataset,
  );
  const sparsity = wanted ?? (method?.sparse ? undefined : 0);
  if (whole && sparsity === undefined) faults.push(`sparsity: expected 0 ≤ sparsity < 1 for method ${id}; got none`);
  if (method && !method.sparse && sparsity !== 0)
    faults.push(`sparsity: expected 0, as method ${id} keeps every weight; got ${sparsity}`);
  if (!whole || faults.length > 0) throw badSpec(faults);

  return {
    dataset: whole.dataset,
    ...(whole.classes && { classes: whole.classes }),
    model: whole.model,
    method: { id: whole.method.id, ...(settings as Record<string, unknown>) },
    sparsity: sparsity!,
    scope: whole.scope,
    recipe: recipe!,
    seed: whole.seed,
    protocol: whole.protocol,
    ...(whole.initial && { initial: whole.initial }),
  };
}

/** "none" is said only where the data set's own recipe augments: one training has one spec. */
function recipeOf(recipe: Recipe | undefined, dataset: Dataset | undefined): Recipe | undefined {
  if (recipe?.augmentation !== "none" || dataset?.recipe.augmentation !== undefined) return recipe;
  const { augmentation: _, ...rest } = recipe;
  return rest;
}

/** The fields that fit by themselves, of an input that does not fit as a whole: so that their own faults are told too. */
function soundFields(input: unknown): Partial<z.infer<typeof inputSchema>> {
  const given = typeof input === "object" && input !== null ? (input as Record<string, unknown>) : {};
  const sound = Object.entries(inputSchema.shape).map(([name, schema]) => [name, schema.safeParse(given[name]).data]);
  return Object.fromEntries(sound);
}

const badSpec = (faults: readonly string[]): Problem => new Problem("bad-spec", faults.slice(0, 20).join("; "));

/** What the schema makes of the value; undefined, and the faults noted, where it does not fit. */
function check<T>(schema: z.ZodType<T>, value: unknown, at: string, faults: string[]): T | undefined {
  const parsed = schema.safeParse(value, { error: faultText });
  for (const issue of (parsed.error?.issues ?? []).flatMap(innermost))
    faults.push(`${[...(at ? [at] : []), ...issue.path].join(".") || "spec"}: ${issue.message}`);
  return parsed.data;
}

/** Of alternatives, one that fits but for something inside it was meant. */
function innermost(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [issue];
  const meant = issue.errors.find((faults) => faults.some(({ path }) => path.length > 0));
  return meant?.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })) ?? [issue];
}

/** What was expected and what came; undefined leaves an issue its own words. */
function faultText(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === "unrecognized_keys") {
    const known = Object.keys((issue.inst as z.ZodObject).shape);
    const wanted = known.length > 0 ? `no keys but ${known.join(", ")}` : "no keys";
    return `expected ${wanted}; got ${issue.keys.map(shown).join(", ")}`;
  }
  const wanted = wantedBy(issue);
  return wanted && `expected ${wanted}; got ${shown(issue.input)}`;
}

const NOUNS: Readonly<Record<string, string>> = {
  int: "a whole number",
  number: "a number",
  string: "text",
  boolean: "true or false",
  array: "a list",
  object: "an object",
};

function wantedBy(issue: z.core.$ZodRawIssue | z.core.$ZodIssue): string | undefined {
  if (issue.code === "invalid_type") return NOUNS[issue.expected] ?? issue.expected;
  if (issue.code === "invalid_value") {
    const values = issue.values.map((value) => shown(value)).join(", ");
    return issue.values.length > 1 ? `one of ${values}` : values;
  }
  if (issue.code === "invalid_union")
    return issue.errors.flatMap(([first]) => (first && wantedBy(first)) ?? first?.message ?? []).join(", or ");
  if (issue.code === "too_small" || issue.code === "too_big") {
    const [bound, side] =
      issue.code === "too_small"
        ? [issue.minimum, issue.inclusive ? "at least" : "more than"]
        : [issue.maximum, issue.inclusive ? "at most" : "less than"];
    const unit = issue.origin === "string" ? " characters" : issue.origin === "array" ? " items" : "";
    return `${side} ${bound}${unit}`;
  }
  return undefined;
}

/** A value of someone's own in a message: as JSON, the first characters of it. */
function shown(value: unknown): string {
  if (value === undefined) return "none";
  const text = typeof value === "number" ? String(value) : JSON.stringify(value);
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)} …` : text;
}
const MOST_SHOWN = 80;

/** What `get` gives; undefined, and its Problem noted, where it throws one. */
function found<T>(get: () => T, faults: string[]): T | undefined {
  try {
    return get();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    faults.push(error.message);
    return undefined;
  }
}

/** A net may need larger images than the data set has. */
function fit(model: Model, { id, shape, classes }: Dataset, faults: string[]): void {
  try {
    nodesOf(model.architecture(shape, classes));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    faults.push(`model: ${model.id} does not fit ${id}, images of ${shape.join(" × ")}: ${error.message}`);
  }
}

/** A complete spec and nothing else: parsing changes nothing. Throws Problem "bad-spec". */
export function parseCompleteSpec(input: unknown): Spec {
  const spec = parseSpec(input);
  if (digestOfJson(spec) !== digestOfJson(input)) {
    throw new Problem(
      "bad-spec",
      "expected a complete spec, with every default filled in (see `ticketmark run --print-spec`)",
    );
  }
  return spec;
}

export const specDigest = (spec: Spec): string => digestOfJson(spec);

/** The net that a spec trains: its model, for the shape and the classes of its data set. */
export function architectureOf(spec: Pick<Spec, "dataset" | "classes" | "model">): Architecture {
  const { shape, classes } = datasetOf(spec);
  return models.get(spec.model).architecture(shape, classes);
}

/** The same for all seeds of a spec. */
export function groupDigest(spec: Spec): string {
  const { seed: _, ...group } = spec;
  return digestOfJson(group);
}

/** A method's settings as JSON schema (2020-12), with defaults, bounds and descriptions: what forms and help are made of. */
export const settingsSchema = (method: Method): z.core.JSONSchema.JSONSchema =>
  z.toJSONSchema(method.settings, { io: "input" });
