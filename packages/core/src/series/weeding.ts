/**
 * Which change points of a division stand by themselves: all are weighed, the weakest goes, its neighbours are weighed anew,
 * until each is as clear as asked.
 *
 * A change is as clear as what it saves in squared innovations, less the log m that a division into more pieces costs. A piece that
 * lies apart from both neighbours on the same side stands or falls with both its changes. And no change is clearer
 * than a run of m outliers in a row, each as rare as values are, in this series, half as far from their level:
 * −2m·log(share). Of normal noise that bound says nothing; where outliers are common it decides.
 */
import { logarithm } from "../power.ts";
import type { Partition } from "./partition.ts";

export interface Weeded {
  /** 0, the change points that stand, n. */
  readonly bounds: readonly number[];
  /** Of each change point, in units of −2 log likelihood. */
  readonly clearness: readonly number[];
}

/** How far out an outlier must be to count, in distances between the levels. */
const HALFWAY = 0.5;

/** @param values raw ones @param partition of the same, relieved of outliers @param division 0, change points, n @param limit least clearness */
export function weeded(values: Float64Array, partition: Partition, division: readonly number[], limit: number): Weeded {
  let bounds = [...division];
  for (;;) {
    const { alone, clearness } = weigh(values, partition, bounds);
    let weakest = 0;
    clearness.forEach((own, i) => {
      const less = own - clearness[weakest]! || alone[i]! - alone[weakest]!;
      if (less < 0) weakest = i;
    });
    if (clearness.length === 0 || clearness[weakest]! >= limit) return { bounds, clearness };
    bounds = bounds.toSpliced(weakest + 1, 1);
  }
}

/** How clear each change point is: alone, and where it bounds a piece apart, at most as much as half of what both ends save. */
function weigh(values: Float64Array, partition: Partition, bounds: readonly number[]) {
  const levels = partition.levels(bounds);
  const run = runs(values, bounds, levels);
  const last = bounds.length - 2; // index of the last change point in `bounds`
  const alone: number[] = []; // [k]: change point k + 1 of `bounds`
  for (let k = 1; k <= last; k++) {
    const [left, right] = [bounds[k]! - bounds[k - 1]!, bounds[k + 1]! - bounds[k]!];
    const apart = left < right ? run(k - 1, k) : run(k, k - 1);
    alone.push(Math.min(saved(partition, bounds, levels, k, 1), apart) - sizes(bounds, k, 1));
  }
  const clearness = [...alone];
  for (let k = 1; k < last; k++) {
    const sameSide = (levels[k]! - levels[k - 1]!) * (levels[k]! - levels[k + 1]!) > 0;
    const apart = sameSide ? Math.min(run(k, k - 1), run(k, k + 1)) : Number.POSITIVE_INFINITY;
    const both = (Math.min(saved(partition, bounds, levels, k, 2), apart) - sizes(bounds, k, 2)) / 2;
    for (const i of [k - 1, k]) clearness[i] = Math.min(clearness[i]!, both);
  }
  return { alone, clearness };
}

/** What the `count` change points from `k` on save, to the end of the piece after them, whose first point knows the level before. */
function saved(partition: Partition, bounds: readonly number[], levels: readonly number[], k: number, count: number) {
  const piecewise = bounds.slice(k - 1, k + count + 2);
  const whole = piecewise.toSpliced(1, count);
  const before = levels[k - 2] ?? 0;
  return partition.costOf(whole, before) - partition.costOf(piecewise, before);
}

/** Σ log m of the pieces, less log m of the one that they would be. */
function sizes(bounds: readonly number[], k: number, count: number): number {
  let sum = -logarithm(bounds[k + count]! - bounds[k - 1]!);
  for (let i = k - 1; i < k + count; i++) sum += logarithm(bounds[i + 1]! - bounds[i]!);
  return sum;
}

/** How clear it is that piece `own` is more than a run of outliers from the level of piece `other`. */
function runs(values: Float64Array, bounds: readonly number[], levels: readonly number[]) {
  const n = values.length;
  const residuals = new Float64Array(n);
  levels.forEach((level, piece) => {
    for (let i = bounds[piece]!; i < bounds[piece + 1]!; i++) residuals[i] = values[i]! - level;
  });
  residuals.sort();
  return (own: number, other: number): number => {
    const far = HALFWAY * (levels[own]! - levels[other]!);
    const outliers = far > 0 ? n - firstFrom(residuals, far) : firstFrom(residuals, far);
    return -2 * (bounds[own + 1]! - bounds[own]!) * logarithm((1 + outliers) / (n + 1));
  };
}

/** Index of the first of `sorted` that is at least x; their number if none is. */
function firstFrom(sorted: Float64Array, x: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < x) low = middle + 1;
    else high = middle;
  }
  return low;
}
