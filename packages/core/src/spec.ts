/**
 * A spec says what to run, and nothing of where: data set, model, method and its settings, sparsity, scope, recipe,
 * seed, protocol. Complete, with defaults filled in; its canonical JSON has one digest. `groupDigest` leaves the seed out.
 *
 * A default never changes its meaning. A setting that is added later is `.optional()`: absent means the old behaviour,
 * so old specs keep their digests (pinned in spec.test.ts).
 */
import { z } from "zod";
import { digestOfJson } from "./canonical.ts";
import { datasets } from "./datasets/index.ts";
import { methods } from "./methods/index.ts";
import { models } from "./models/index.ts";
import { Problem } from "./problem.ts";
import { type Recipe, recipeSchema } from "./training/recipe.ts";

const scopeSchema = z.enum(["uniform"]).describe("uniform: the same sparsity in every prunable layer (the DLTH rule)");
const protocolSchema = z
  .enum(["validation", "paper"])
  .describe(
    "validation: 5,000 seeded training images are held out; paper: train on all of them, as published numbers do",
  );

/** What a person writes: only data set, model, method and, unless it is dense, sparsity are needed. */
export interface SpecInput {
  readonly dataset: string;
  readonly model: string;
  /** "rst", or { id: "rst", …settings }. */
  readonly method: string | ({ readonly id: string } & Record<string, unknown>);
  readonly sparsity?: number;
  readonly scope?: "uniform";
  readonly recipe?: Partial<Recipe>;
  readonly seed?: number;
  readonly protocol?: "validation" | "paper";
}

export interface Spec {
  readonly dataset: string;
  readonly model: string;
  /** id, and every setting of the method. */
  readonly method: { readonly id: string } & Readonly<Record<string, unknown>>;
  readonly sparsity: number;
  readonly scope: "uniform";
  readonly recipe: Recipe;
  readonly seed: number;
  readonly protocol: "validation" | "paper";
}

const inputSchema = z.strictObject({
  dataset: z.string().max(100),
  model: z.string().max(100),
  method: z.union([
    z
      .string()
      .max(100)
      .transform((id) => ({ id })),
    z.looseObject({ id: z.string().max(100) }),
  ]),
  sparsity: z.number().min(0).lt(1).optional(),
  scope: scopeSchema.default("uniform"),
  recipe: z.looseObject({}).default({}),
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .default(0),
  protocol: protocolSchema.default("validation"),
});

/** Fills in defaults and checks everything. Throws Problem "bad-spec": every fault, each with its place. */
export function parseSpec(input: unknown): Spec {
  const top = check(inputSchema, input, "");
  const dataset = datasets.get(top.dataset);
  models.get(top.model);
  const method = methods.get(top.method.id);
  const { id, ...given } = top.method;
  const settings = check(method.settings, given, "method.") as Record<string, unknown>;
  const recipe = check(recipeSchema, { ...dataset.recipe, ...top.recipe }, "recipe.");
  const sparsity = top.sparsity ?? (method.sparse ? undefined : 0);
  if (sparsity === undefined)
    throw new Problem("bad-spec", `sparsity: expected a number for method ${id}, 0 ≤ sparsity < 1; got none`);
  if (!method.sparse && sparsity !== 0)
    throw new Problem("bad-spec", `sparsity: method ${id} keeps every weight: expected 0; got ${sparsity}`);
  const { scope, seed, protocol } = top;
  return {
    dataset: top.dataset,
    model: top.model,
    method: { id, ...settings },
    sparsity,
    scope,
    recipe,
    seed,
    protocol,
  };
}

function check<T>(schema: z.ZodType<T>, value: unknown, at: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues
    .slice(0, 10)
    .map((issue) => `${at}${issue.path.join(".") || "(spec)"}: ${issue.message}`);
  throw new Problem("bad-spec", faults.join("; "), { cause: parsed.error });
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

/** The same for all seeds of a spec. */
export function groupDigest(spec: Spec): string {
  const { seed: _, ...group } = spec;
  return digestOfJson(group);
}
