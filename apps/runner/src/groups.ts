/** Results of one spec and several seeds are a group: its means, its spread, its cost, and what to call it. */
import {
  groupDigest,
  methods,
  namesOf,
  type Result,
  type Score,
  type Spec,
  type Summary,
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
