/**
 * Tails of the normal distribution, to the same bits on every JavaScript engine. Near the middle the series of Φ (Abramowitz and
 * Stegun 26.2.11), beyond it Laplace's continued fraction (26.2.14).
 */
import { exponential } from "../power.ts";

const DENSITY = 0.3989422804014327; // 1/√(2π)

/** P(|Z| ≥ |z|). */
export function normalP(z: number): number {
  const x = Math.abs(z);
  const density = DENSITY * exponential((-x * x) / 2);
  if (x < 3) {
    let [term, sum] = [x, x];
    for (let k = 3; term > sum * 1e-17; k += 2) {
      term *= (x * x) / k;
      sum += term;
    }
    return Math.max(0, 1 - 2 * density * sum);
  }
  let rest = x;
  for (let k = 60; k >= 1; k--) rest = x + k / rest;
  return (2 * density) / rest;
}

/** The z that |Z| stays below with chance `confidence`, 0 ≤ confidence < 1. */
export function normalQuantile(confidence: number): number {
  let [low, high] = [0, 40];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (normalP(middle) > 1 - confidence) low = middle;
    else high = middle;
  }
  return high;
}
