/**
 * Two commits held against each other, one series at a time: how much a number changed, whether the change is more than
 * noise (significance), whether it is worth anyone's time (relevance: the policy's floor), and how large it is beside what
 * counts at all (magnitude). To keep these three apart, and to count size in multiples of the threshold, is rustc-perf's
 * idea (rust-lang/rustc-perf, docs/comparison-analysis.md). Only runs of one group on one testbed may be given.
 */
import { summarise, welch } from "../statistics.ts";
import { type Bits, bitsOf } from "./behaviour.ts";
import { kindOf } from "./finding.ts";
import { HISTORY, quartilesOf } from "./gate.ts";
import type { Metric } from "./metrics.ts";
import { levelOf, medianOf, type Run } from "./points.ts";
import type { Rule } from "./policy.ts";

/** "exact": nothing is left to chance. "too few runs": neither a history nor enough runs say what noise there is. */
export type Significance = "exact" | "clear" | "within noise" | "too few runs";
export const MAGNITUDES = ["none", "small", "medium", "large"] as const;
export type Magnitude = (typeof MAGNITUDES)[number];

export interface ComparedMetric {
  /** Levels on both sides, in the metric's unit. */
  readonly before: number;
  readonly after: number;
  /** (after − before) / |before|; null where that is nothing to divide by. */
  readonly change: number | null;
  readonly significance: Significance;
  /** At least the policy's floor. */
  readonly relevant: boolean;
  readonly magnitude: Magnitude;
  readonly verdict: "regression" | "improvement" | "none";
}

export interface CompareBy {
  readonly metric: Pick<Metric, "id" | "kind" | "better">;
  readonly rule: Rule;
  /** Relative spread of the series' latest points (`noiseOf`); null = too short to say. */
  readonly noise: number | null;
}

/** Runs on both sides from which on they can speak for themselves, and how unlikely their difference must be by chance. */
const RUNS_TO_TELL = 3;
const CLEAR_P = 0.01;
/** Magnitudes begin at so many thresholds. */
const MEDIUM = 3;
const LARGE = 10;
/** What size is counted in where the policy asks for any change at all. */
const SMALLEST_THRESHOLD = 0.01;

/**
 * Null where one of the sides has no such number. An exact metric is compared over the seeds that both sides ran. A
 * measured one is held against the history's spread, as the gate does; where both commits were run as often as a
 * confirmation asks, or there is no history, against the spread of the runs themselves (Welch's test).
 */
export function compareRuns(base: readonly Run[], head: readonly Run[], by: CompareBy): ComparedMetric | null {
  const { metric, rule, noise } = by;
  const exact = metric.kind === "exact";
  const [left, right] = exact ? sharedSeeds(base, head, metric.id) : [base, head];
  const [before, after] = [levelOf(metric, left), levelOf(metric, right)];
  if (before === null || after === null) return null;
  const change = before === after ? 0 : before === 0 ? null : (after - before) / Math.abs(before);
  const size = change === null ? Number.POSITIVE_INFINITY : Math.abs(change);
  const relevant = size > 0 && size >= rule.floor;
  const significance = exact
    ? "exact"
    : significanceOf(valuesOf(left, metric.id), valuesOf(right, metric.id), size, by);
  const counts = significance === "exact" || significance === "clear";
  const threshold = Math.max(rule.floor, exact ? 0 : rule.spread * (noise ?? 0)) || SMALLEST_THRESHOLD;
  return {
    ...{ before, after, change, significance, relevant },
    magnitude: counts && size > 0 ? magnitudeOf(size / threshold, relevant) : "none",
    verdict: counts && relevant ? kindOf(metric, after - before) : "none",
  };
}

function significanceOf(a: number[], b: number[], size: number, { rule, noise }: CompareBy): Significance {
  const runs = Math.min(a.length, b.length);
  const told = runs >= Math.max(rule.rounds, RUNS_TO_TELL) || (noise === null && runs >= RUNS_TO_TELL);
  if (told) return welch(summarise(a), summarise(b))!.p <= CLEAR_P ? "clear" : "within noise";
  if (noise === null) return "too few runs";
  return size > rule.spread * noise ? "clear" : "within noise";
}

function magnitudeOf(multiple: number, relevant: boolean): Magnitude {
  if (!relevant) return "none";
  return multiple >= LARGE ? "large" : multiple >= MEDIUM ? "medium" : "small";
}

/** Quartiles of less are chance. */
const LEAST_HISTORY = 5;

/** Distance of the quartiles of the latest points as a share of their median; null for less than 5, or a median of 0. */
export function noiseOf(history: readonly number[]): number | null {
  const latest = history.slice(-HISTORY);
  if (latest.length < LEAST_HISTORY) return null;
  const level = medianOf(latest);
  if (level === 0) return null;
  const [lower, upper] = quartilesOf(latest);
  return (upper - lower) / Math.abs(level);
}

/** What of a run tells its bits, and whether another was meant. */
export interface BitsRun extends Bits {
  readonly numerics: number;
}

export interface ComparedBits {
  /** "mixed": a commit's own runs of one seed differ, so nothing can be said. Null: no seed was run on both sides. */
  readonly state: "same" | "changed" | "intended" | "mixed" | null;
  /** Seeds that both sides ran, and those of them that came out differently. */
  readonly seeds: number;
  readonly differing: readonly number[];
}

/** Seed by seed; "intended" where NUMERICS was raised with the change. */
export function compareBits(base: readonly BitsRun[], head: readonly BitsRun[]): ComparedBits {
  const [left, right] = [bySeed(base), bySeed(head)];
  const seeds = [...left.keys()].filter((seed) => right.has(seed)).sort((a, b) => a - b);
  if (seeds.length === 0) return { state: null, seeds: 0, differing: [] };
  if (seeds.some((seed) => [left, right].some((side) => new Set(side.get(seed)!.map(bitsOf)).size > 1)))
    return { state: "mixed", seeds: seeds.length, differing: [] };
  const changed = seeds
    .map((seed) => ({ seed, a: left.get(seed)![0]!, b: right.get(seed)![0]! }))
    .filter(({ a, b }) => bitsOf(a) !== bitsOf(b));
  const raised = changed.every(({ a, b }) => b.numerics > a.numerics);
  const state = changed.length === 0 ? "same" : raised ? "intended" : "changed";
  return { state, seeds: seeds.length, differing: changed.map(({ seed }) => seed) };
}

function bySeed<R extends { readonly seed: number }>(runs: readonly R[]): Map<number, R[]> {
  const seeds = new Map<number, R[]>();
  for (const run of runs) seeds.set(run.seed, [...(seeds.get(run.seed) ?? []), run]);
  return seeds;
}

function sharedSeeds(base: readonly Run[], head: readonly Run[], metric: string): [Run[], Run[]] {
  const seedsOf = (runs: readonly Run[]) =>
    new Set(runs.filter(({ values }) => metric in values).map(({ seed }) => seed));
  const [left, right] = [seedsOf(base), seedsOf(head)];
  return [base.filter(({ seed }) => right.has(seed)), head.filter(({ seed }) => left.has(seed))];
}

const valuesOf = (runs: readonly Run[], metric: string): number[] =>
  runs.flatMap(({ values }) => (metric in values ? [values[metric]!] : []));
