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

export interface Rank {
  /** 1 + how many are surely better: their interval lies wholly above this one's. */
  readonly rank: number;
  /** Someone else has the same rank. */
  readonly tied: boolean;
}

/** Ranks of intervals mean ± half, highest best, in the order given. */
export function ranks(intervals: readonly { readonly mean: number; readonly half: number }[]): Rank[] {
  const numbers = intervals.map((a) => 1 + intervals.filter((b) => b.mean - b.half > a.mean + a.half).length);
  return numbers.map((rank) => ({ rank, tied: numbers.filter((other) => other === rank).length > 1 }));
}
