/** Results of one spec and several seeds are a group: its means, its spread, its cost, and what to call it. */
import {
  canonicalJson,
  groupDigest,
  methods,
  type Result,
  type Score,
  type Spec,
  type Summary,
  scheduleSchema,
  summarise,
} from "@ticketmark/core";
import type { StoredResult } from "./results.ts";

export interface Group {
  readonly digest: string;
  /** Of its first seed. */
  readonly spec: Spec;
  /** What tells it from the others: "RST at 98 %, rounds 3". */
  readonly name: string;
  /** Completed runs, one of each seed: the first given. */
  readonly counted: readonly StoredResult[];
  /** Not in the means. */
  readonly diverged: number;
  readonly failed: number;
  readonly repeated: number;
  /** The following are null where nothing is counted. Test set, 0 … 1: the last epoch; the ticket before and after the cut. */
  readonly accuracy: Summary | null;
  readonly beforeCut: Summary | null;
  readonly afterCut: Summary | null;
  /** Means over the seeds. */
  readonly iterations: number | null;
  readonly images: number | null;
  readonly realSparsity: number | null;
  readonly effectiveSparsity: number | null;
  readonly seconds: number | null;
  /** A step of the same net without its mask ÷ with it, as measured. */
  readonly speedUp: number | null;
}

/** By data set, model, sparsity and method; of one method, what has fewer settings first. */
export function groupsOf(results: readonly StoredResult[]): Group[] {
  const byDigest = new Map<string, StoredResult[]>();
  for (const one of results) {
    const digest = groupDigest(one.spec);
    byDigest.set(digest, [...(byDigest.get(digest) ?? []), one]);
  }
  const names = namesOf([...byDigest.values()].map(([first]) => first!.spec));
  return [...byDigest].map(([digest, members], i) => groupOf(digest, names[i]!, members)).sort(inOrder);
}

function inOrder({ spec: a, name }: Group, { spec: b, name: other }: Group): number {
  const compare = (x: string, y: string) => (x < y ? -1 : x > y ? 1 : 0);
  return (
    compare(a.dataset, b.dataset) ||
    compare(a.model, b.model) ||
    a.sparsity - b.sparsity ||
    methods.ids.indexOf(a.method.id) - methods.ids.indexOf(b.method.id) ||
    name.length - other.length ||
    compare(name, other)
  );
}

function groupOf(digest: string, name: string, members: readonly StoredResult[]): Group {
  const completed = members.filter(({ result }) => result.outcome === "completed" && result.accuracy);
  const bySeed = new Map<number, StoredResult>();
  for (const one of completed) if (!bySeed.has(one.spec.seed)) bySeed.set(one.spec.seed, one);
  const counted = [...bySeed.values()].sort((a, b) => a.spec.seed - b.spec.seed);
  const outcomes = (outcome: Result["outcome"]) => members.filter(({ result }) => result.outcome === outcome).length;
  const over = (value: (result: Result) => number | null | undefined): Summary | null => {
    const values = counted.map(({ result }) => value(result)).filter((x) => x !== null && x !== undefined);
    return values.length > 0 && values.length === counted.length ? summarise(values) : null;
  };
  const mean = (value: (result: Result) => number | null | undefined) => over(value)?.mean ?? null;
  return {
    digest,
    spec: members[0]!.spec,
    name,
    counted,
    diverged: outcomes("diverged"),
    failed: outcomes("failed"),
    repeated: completed.length - counted.length,
    accuracy: over(({ accuracy }) => share(accuracy!.last)),
    beforeCut: over(({ accuracy }) => accuracy!.beforeCut && share(accuracy!.beforeCut)),
    afterCut: over(({ accuracy }) => share(accuracy!.afterCut)),
    iterations: mean(({ cost }) => cost.methodIterations + cost.finalIterations),
    images: mean(({ cost }) => cost.methodExamples + (cost.scoredExamples ?? 0) + cost.finalExamples),
    realSparsity: mean(({ sparsity }) => sparsity?.real),
    effectiveSparsity: mean(({ sparsity }) => sparsity?.effective),
    seconds: mean(({ seconds }) => seconds),
    speedUp: mean(({ stepTimes: times }) => times && times.dense.median / times.masked.median),
  };
}

export const share = ({ correct, total }: Score): number => correct / total;

/** A name for each spec: its method and sparsity, and whatever else is not the same in all of them. */
export function namesOf(specs: readonly Spec[]): string[] {
  const everywhere = varying(specs.map(surroundings));
  return specs.map((spec) => {
    const alike = specs.filter(({ method }) => method.id === spec.method.id);
    const settings = varying(alike.map(({ method: { id: _, ...rest } }) => rest));
    const recipes = varying(alike.map(({ recipe }) => ({ ...recipe })));
    const parts = [
      ...texts(everywhere, surroundings(spec)),
      ...texts(settings, spec.method),
      ...texts(recipes, { ...spec.recipe }),
    ];
    const sparsity = spec.sparsity > 0 ? ` at ${percent(spec.sparsity)}` : "";
    return [`${methods.get(spec.method.id).name}${sparsity}`, ...parts].join(", ");
  });
}

const surroundings = ({ dataset, classes, model, scope, protocol }: Spec): Record<string, unknown> => ({
  dataset,
  classes: classes?.length,
  model,
  scope,
  protocol,
});

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
