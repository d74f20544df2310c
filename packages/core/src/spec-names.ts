/** What to call specs that stand together: method and sparsity, and whatever else is not the same in all of them. */
import { canonicalJson, digestOfJson } from "./canonical.ts";
import type { ClassFolder } from "./datasets/dataset.ts";
import { methods } from "./methods/index.ts";
import type { Spec } from "./spec.ts";
import { scheduleSchema } from "./training/recipe.ts";

/** One a spec, without its seed: "RST at 98 %, rounds 3". */
export function namesOf(specs: readonly Spec[]): string[] {
  const around = specs.map(surroundings);
  const everywhere = varying(around);
  const ofMethod = new Map<string, { settings: string[]; recipe: string[] }>();
  for (const id of new Set(specs.map(({ method }) => method.id))) {
    const alike = specs.filter(({ method }) => method.id === id);
    ofMethod.set(id, {
      settings: varying(alike.map(({ method: { id: _, ...rest } }) => rest)),
      recipe: varying(alike.map(({ recipe }) => ({ ...recipe }))),
    });
  }
  return specs.map((spec, i) => {
    const { settings, recipe } = ofMethod.get(spec.method.id)!;
    const sparsity = spec.sparsity > 0 ? ` at ${percent(spec.sparsity)}` : "";
    const parts = [
      ...texts(everywhere, around[i]!),
      ...texts(settings, spec.method),
      ...texts(recipe, { ...spec.recipe }),
    ];
    return [`${methods.get(spec.method.id).name}${sparsity}`, ...parts].join(", ");
  });
}

/** Long lists of classes and initial weights go by the first digits of their digests. */
const surroundings = ({ dataset, classes, model, scope, protocol, initial }: Spec): Record<string, unknown> => ({
  dataset,
  classes: classes && classesText(classes),
  model,
  scope,
  protocol,
  initial: initial && `${initial.slice(0, 8)}…`,
});

/** "10 (1a2b3c4d…)": how many, and which. */
export const classesText = (classes: readonly ClassFolder[]): string =>
  `${classes.length} (${digestOfClasses(classes).slice(0, 8)}…)`;

/** Many specs of a suite share one list, and it is long. */
const digests = new WeakMap<readonly ClassFolder[], string>();
export function digestOfClasses(classes: readonly ClassFolder[]): string {
  const digest = digests.get(classes) ?? digestOfJson(classes);
  digests.set(classes, digest);
  return digest;
}

/** Keys that do not have one value in all of them. */
const varying = (all: readonly Readonly<Record<string, unknown>>[]): string[] =>
  [...new Set(all.flatMap((one) => Object.keys(one)))]
    .filter((key) => new Set(all.map((one) => canonicalJson(one[key] ?? null))).size > 1)
    .sort();

const texts = (keys: readonly string[], of: Readonly<Record<string, unknown>>): string[] =>
  keys.flatMap((key) => (of[key] === undefined ? [] : [`${key} ${settingText(of[key])}`]));

function settingText(value: unknown): string {
  const steps = scheduleSchema.safeParse(value);
  if (steps.success) {
    return steps.data.map(({ epoch, value }) => (epoch === 0 ? `${value}` : `${value} from epoch ${epoch}`)).join(", ");
  }
  return typeof value === "string" ? value : canonicalJson(value);
}

/** 0.98 → "98 %", with as many digits as it has. */
export const percent = (share: number): string => `${Number((100 * share).toPrecision(12))} %`;
