/**
 * Mean, spread and rank. A rank is only given where the numbers bear it: two groups whose intervals overlap are not
 * told apart.
 */

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
