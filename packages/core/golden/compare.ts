/** Compares what came with what was expected, with README.md's tolerances, and keeps the largest error and every fault. */
import type { Weights } from "../src/weights.ts";

/** Of e = max|a − b| / max(1, max|b|) over a tensor. */
export const TOLERANCE = { values: 1e-5, momentum: 1e-4, exact: 0 } as const;

export interface Comparison {
  /** Largest error of anything compared with a tolerance above 0. */
  readonly largest: () => number;
  readonly faults: readonly string[];
  close(what: string, got: ArrayLike<number>, expected: ArrayLike<number>, tolerance?: number): void;
  weights(what: string, got: Weights, expected: Weights, tolerance?: number): void;
  equal(what: string, got: unknown, expected: unknown): void;
}

export function comparison(): Comparison {
  const faults: string[] = [];
  let largest = 0;
  const close: Comparison["close"] = (what, got, expected, tolerance = TOLERANCE.values) => {
    if (got.length !== expected.length) {
      faults.push(`${what}: expected ${expected.length} values; got ${got.length}`);
      return;
    }
    let difference = 0;
    let scale = 1;
    for (let i = 0; i < expected.length; i++) {
      difference = Math.max(difference, Math.abs(got[i]! - expected[i]!)); // NaN stays NaN
      scale = Math.max(scale, Math.abs(expected[i]!));
    }
    const error = difference / scale;
    if (!(error <= tolerance)) faults.push(`${what}: error ${error.toExponential(1)}, allowed ${tolerance}`);
    if (tolerance > 0 && !(error <= largest)) largest = error;
  };
  return {
    faults,
    largest: () => largest,
    close,
    weights(what, got, expected, tolerance) {
      for (const [name, values] of Object.entries(expected))
        close(`${what} ${name}`, got[name] ?? [], values, tolerance);
    },
    equal(what, got, expected) {
      const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
      if (a !== b) faults.push(`${what}: expected ${brief(b)}; got ${brief(a)}`);
    },
  };
}

const brief = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text);
