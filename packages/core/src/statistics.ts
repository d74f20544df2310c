/**
 * Mean, spread and rank over seeds; and whether two groups differ: Welch's test, the paired test where both ran the same
 * seeds, and Holm's correction where many are made at once. A rank is only given where the numbers bear it: two groups
 * whose intervals overlap are not told apart.
 *
 * Welch, Biometrika 34 (1947), with Satterthwaite's degrees of freedom; Holm, Scandinavian Journal of Statistics 6 (1979).
 */
import { power } from "./power.ts";

/** Over seeds: n values, their mean, and their sample standard deviation (null for n = 1). */
export interface Summary {
  readonly n: number;
  readonly mean: number;
  readonly sd: number | null;
}

/** Throws Error for no values. */
export function summarise(values: readonly number[]): Summary {
  const n = values.length;
  if (n === 0) throw new Error("a summary needs at least one value");
  const mean = values.reduce((sum, x) => sum + x, 0) / n;
  if (n === 1) return { n, mean, sd: null };
  const squares = values.reduce((sum, x) => sum + (x - mean) * (x - mean), 0);
  return { n, mean, sd: Math.sqrt(squares / (n - 1)) };
}

/**
 * Half the width of the interval a ranking uses: the standard deviation over seeds, and never less than the counting
 * error of the test set, √(p(1 − p)/images). So a single seed, whose spread is unknown, wins nothing by a hair.
 */
export function uncertainty({ mean, sd }: Summary, images: number): number {
  return Math.max(sd ?? 0, Math.sqrt((mean * (1 - mean)) / images));
}

/** The places a group may truly have: `best` = 1 + how many are surely better, `worst` = all but those surely worse. */
export interface Rank {
  readonly best: number;
  readonly worst: number;
}

/** Ranks of intervals mean ± half, highest best, in the order given. Surely better = its interval lies wholly above. */
export function ranks(intervals: readonly { readonly mean: number; readonly half: number }[]): Rank[] {
  const above = (a: { mean: number; half: number }, b: { mean: number; half: number }) =>
    a.mean - a.half > b.mean + b.half;
  return intervals.map((own) => ({
    best: 1 + intervals.filter((other) => above(other, own)).length,
    worst: intervals.length - intervals.filter((other) => above(own, other)).length,
  }));
}

/** "1" where the numbers decide, "1–3" where they do not. */
export const rankText = ({ best, worst }: Rank): string => (best === worst ? String(best) : `${best}–${worst}`);

/** A difference of means, and the chance of one at least as large if there were none. */
export interface Comparison {
  readonly difference: number;
  /** Its standard error. */
  readonly error: number;
  readonly degrees: number;
  /** Two-sided. */
  readonly p: number;
}

/** Welch's t-test of a − b. Null where a group has a single value: its spread is unknown. */
export function welch(a: Summary, b: Summary): Comparison | null {
  if (a.sd === null || b.sd === null) return null;
  const [va, vb] = [(a.sd * a.sd) / a.n, (b.sd * b.sd) / b.n];
  const variance = va + vb;
  const spread = (va * va) / (a.n - 1) + (vb * vb) / (b.n - 1);
  const degrees = variance === 0 ? a.n + b.n - 2 : (variance * variance) / spread;
  return comparison(a.mean - b.mean, Math.sqrt(variance), degrees);
}

/** The paired t-test on differences by seed. Null for less than two. */
export function paired(differences: readonly number[]): Comparison | null {
  if (differences.length < 2) return null;
  const { n, mean, sd } = summarise(differences);
  return comparison(mean, sd! / Math.sqrt(n), n - 1);
}

/** Without any spread, two equal means do not differ, and two others surely do. */
function comparison(difference: number, error: number, degrees: number): Comparison {
  const p = error === 0 ? (difference === 0 ? 1 : 0) : studentP(difference / error, degrees);
  return { difference, error, degrees, p };
}

/** Holm's correction: of tests made together, p-values that may each be held against one level. In the order given. */
export function holm(values: readonly number[]): number[] {
  const order = values.map((p, index) => ({ p, index })).sort((a, b) => a.p - b.p);
  const corrected = new Array<number>(values.length);
  let least = 0;
  order.forEach(({ p, index }, rank) => {
    least = Math.max(least, Math.min(1, p * (values.length - rank)));
    corrected[index] = least;
  });
  return corrected;
}

/** P(|T| ≥ |t|) of Student's distribution: I_x(ν/2, 1/2), x = ν/(ν + t²). */
export function studentP(t: number, degrees: number): number {
  const [a, b] = [degrees / 2, 1 / 2];
  const x = degrees / (degrees + t * t);
  const turn = (a + 1) / (a + b + 2); // below it the fraction of x converges quickly, above it that of 1 − x
  const whole = betaPart(turn, a, b) + betaPart(1 - turn, b, a);
  return x < turn ? betaPart(x, a, b) / whole : 1 - betaPart((t * t) / (degrees + t * t), b, a) / whole;
}

/** The t that |T| stays below with chance `confidence`: what half a confidence interval is, in standard errors. */
export function studentQuantile(confidence: number, degrees: number): number {
  let [low, high] = [0, 1];
  while (studentP(high, degrees) > 1 - confidence) [low, high] = [high, 2 * high];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (studentP(middle, degrees) > 1 - confidence) low = middle;
    else high = middle;
  }
  return high;
}

/** ∫₀ˣ u^(a−1)·(1−u)^(b−1) du by its continued fraction (DLMF 8.17.22), from its far end. */
function betaPart(x: number, a: number, b: number): number {
  if (x < 1e-300) return 0;
  let rest = 1;
  for (let m = 200; m >= 1; m--) {
    const odd = -((a + m - 1) * (a + b + m - 1) * x) / ((a + 2 * m - 2) * (a + 2 * m - 1));
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    rest = 1 + odd / (1 + even / rest);
  }
  return (raise(x, a) * raise(1 - x, b)) / (a * rest);
}

/** x^y by small exponents, of which `power` is sure, and whose product may go under to 0. */
function raise(x: number, y: number): number {
  const parts = Math.max(1, Math.ceil(y));
  const factor = power(x, y / parts);
  let product = 1;
  for (let i = 0; i < parts; i++) product *= factor;
  return product;
}
