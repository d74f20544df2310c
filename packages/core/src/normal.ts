/**
 * Draws from the standard normal distribution, to the same bits on every JavaScript engine: the polar method (Marsaglia and
 * Bray 1964, https://doi.org/10.1137/1006063) on our own generator and our own logarithm; sqrt is IEEE's.
 *
 * A point uniform in the unit disc, at squared radius s, gives two independent draws: its coordinates, each
 * times √(−2 · log s ÷ s). The generator's 24 bits put the largest draw at 7.9 standard deviations.
 */
import { logarithm } from "./power.ts";
import type { Rng } from "./rng.ts";

/** A source of draws; it takes numbers from `rng` two at a time. */
export function normals(rng: Rng): () => number {
  let spare: number | null = null;
  return () => {
    if (spare !== null) {
      const draw = spare;
      spare = null;
      return draw;
    }
    let x: number;
    let y: number;
    let s: number;
    do {
      x = 2 * rng.uniform() - 1;
      y = 2 * rng.uniform() - 1;
      s = x * x + y * y;
    } while (s >= 1 || s === 0);
    const scale = Math.sqrt((-2 * logarithm(s)) / s);
    spare = y * scale;
    return x * scale;
  };
}
