/**
 * The contract of a change-point detector: where in a series of measurements, oldest first, a new level begins. Pure
 * functions of the values: the same series gives the same change points on every machine, at any time.
 */
import { Problem } from "../problem.ts";

export interface ChangePoint {
  /** First point of the new level: 1 … n − 1. */
  readonly index: number;
  /** Levels on both sides, up to the neighbouring change points, in the unit of the values. */
  readonly before: number;
  readonly after: number;
  /** Chance of as clear a change in a series of that noise without one, as the detector reckons it. 0 … 1. */
  readonly p: number;
}

export interface Detector {
  readonly id: string;
  readonly name: string;
  readonly summary: string;
  /** Paper, or the program and version whose rule this is. */
  readonly source: string;
  /** Ascending by index. Throws Problem "bad-request" on values that are not finite, and on more than MAX_POINTS. */
  detect(values: readonly number[]): readonly ChangePoint[];
}

/** Longest series that detectors take. */
export const MAX_POINTS = 10_000;

/** What every detector asks of its input. Throws Problem "bad-request". */
export function checkSeries(values: readonly number[]): void {
  if (values.length > MAX_POINTS)
    throw new Problem("bad-request", `series: expected at most ${MAX_POINTS} points; got ${values.length}`);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new Problem("bad-request", `series: expected finite numbers; got ${values[bad]} at index ${bad}`);
}

/** Mean of values[from … to − 1], which are not none. */
export function mean(values: ArrayLike<number>, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += values[i]!;
  return sum / (to - from);
}

/** Change points at the indices given, ascending, with means as levels. */
export function withMeans(
  values: ArrayLike<number>,
  found: readonly { readonly index: number; readonly p: number }[],
): ChangePoint[] {
  const bounds = [0, ...found.map(({ index }) => index), values.length];
  const levels = bounds.slice(1).map((end, i) => mean(values, bounds[i]!, end));
  return found.map(({ index, p }, i) => ({ index, before: levels[i]!, after: levels[i + 1]!, p }));
}
