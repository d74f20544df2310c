/**
 * The fast look at a new point: is it outside what its history does? Median and quartiles of the last 30 points, as
 * rustc-perf judges by the spread of each series itself, and a practical floor, since of a series that never moves any
 * hair would be a change. What the gate lets through is not shown to anyone: it is a reason to run both commits again.
 */
import { medianOf } from "./points.ts";
import type { Rule } from "./policy.ts";

/** Points that are looked back on. */
export const HISTORY = 30;
/** Fewer points say nothing about their spread: then their runs do, and where those are few too, the floor alone counts. */
const FEWEST = 5;
const FEWEST_RUNS = 3;

/** Where a new point is expected, in the metric's unit. */
export interface Band {
  readonly level: number;
  readonly low: number;
  readonly high: number;
}

/**
 * @param history levels of the commits before, oldest first, none of them beyond a confirmed change
 * @param runs values of all runs behind them: what tells the spread while there are few points
 * Null without any point.
 */
export function bandOf(
  history: readonly number[],
  { floor, spread }: Pick<Rule, "floor" | "spread">,
  runs: readonly number[] = [],
): Band | null {
  const last = history.slice(-HISTORY);
  if (last.length === 0) return null;
  const level = medianOf(last);
  const practical = floor * (level < 0 ? -level : level);
  const known = last.length < FEWEST ? runs : last;
  const [lower, upper] = known.length < FEWEST_RUNS ? [level, level] : quartilesOf(known);
  const reach = spread * (upper - lower);
  return {
    level,
    low: Math.min(level - practical, lower - reach),
    high: Math.max(level + practical, upper + reach),
  };
}

export const isSuspect = ({ low, high }: Band, value: number): boolean => value < low || value > high;

/** Lower and upper quartile, interpolated between neighbours. */
export function quartilesOf(values: readonly number[]): readonly [lower: number, upper: number] {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => {
    const position = share * (sorted.length - 1);
    const low = Math.floor(position);
    const high = Math.min(low + 1, sorted.length - 1);
    return sorted[low]! + (position - low) * (sorted[high]! - sorted[low]!);
  };
  return [at(0.25), at(0.75)];
}
