/**
 * From clearness (−2 log likelihood, weeding.ts) to the chance of as clear a change in a quiet series, and back.
 *
 * Fitted to simulation: 20,000 to 300 series of 6 to 3,000 points of independent normal noise (seed 101 of
 * bench/detect-noise.ts), each searched at 19 limits. The shape is that of a t² with n − 3 degrees of freedom, steeper
 * by a fifth, as the log m of the pieces takes off too. Chances of 0.2 to 0.005 are met within a third for 15 to 1,000
 * points; for fewer points the formula says more, up to five times.
 */
import { exponential, logarithm } from "../power.ts";

const FACTOR = 0.22;
const STEEPNESS = 0.6;

/** Chance of a change at least so clear in a quiet series of n ≥ 6 points. 0 … 1. */
export function chance(clearness: number, n: number): number {
  const degrees = n - 3;
  const tail = exponential(-STEEPNESS * (degrees + 1) * logarithm(1 + Math.max(0, clearness) / degrees));
  return Math.min(1, FACTOR * Math.sqrt(n) * tail);
}

/** The clearness that a quiet series of n ≥ 6 points reaches with chance p, 0 < p < FACTOR·√n. */
export function clearnessAt(p: number, n: number): number {
  const degrees = n - 3;
  const exponent = logarithm((FACTOR * Math.sqrt(n)) / p) / (STEEPNESS * (degrees + 1));
  return Math.max(0, degrees * (exponential(exponent) - 1));
}
