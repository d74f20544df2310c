/** A point of a series: what several runs of one group at one commit on one testbed come to. */
import type { Metric } from "./metrics.ts";

export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** One run, as far as series know it. */
export interface Run {
  readonly seed: number;
  /** By metric id. */
  readonly values: Readonly<Record<string, number>>;
}

/**
 * The level at a commit: of an exact metric the mean over its seeds, each counted once; of a measured one the median of all
 * runs. Null where no run measured it.
 */
export function levelOf({ id, kind }: Pick<Metric, "id" | "kind">, runs: readonly Run[]): number | null {
  if (kind === "exact") {
    const bySeed = new Map(runs.filter(({ values }) => id in values).map(({ seed, values }) => [seed, values[id]!]));
    if (bySeed.size === 0) return null;
    return [...bySeed.values()].reduce((sum, value) => sum + value, 0) / bySeed.size;
  }
  const values = runs.flatMap((run) => (id in run.values ? [run.values[id]!] : []));
  return values.length === 0 ? null : medianOf(values);
}

/** Id of a series, for addresses: the first 16 digits of both digests, and the metric. */
export const seriesId = (groupDigest: string, testbed: string, metric: string): string =>
  `${groupDigest.slice(0, 16)}-${testbed.slice(0, 16)}-${metric}`;
