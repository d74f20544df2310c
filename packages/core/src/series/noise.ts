/**
 * The noise of a series whose level may change: its variance, and φ, how much of a point's deviation the next one inherits
 * (AR(1)). First from differences, which a few steps hardly touch, then from what a fit leaves over.
 *
 * Differences at lags 1 and 2 have variances 2σ²(1 − φ) and 2σ²(1 − φ²), so that their ratio is 1 + φ: Chakar et al.,
 * Bernoulli 23 (2017), https://doi.org/10.3150/15-BEJ782, with medians; here moments, large differences left out.
 */

export interface Noise {
  /** Of a point about its level. */
  readonly variance: number;
  /** 0 … MOST_INHERITED. */
  readonly phi: number;
}

/** Of the innovations: what is new at each point. */
export const innovation = ({ variance, phi }: Noise): number => variance * (1 - phi * phi);

const MOST_INHERITED = 0.95;
/** A normal difference of neighbours stays below 1.812 σ (1.2816·√2) with chance 0.8; of bimodal noise it spans the modes. */
const SHARE = 0.8;
const SHARE_WIDTH = 1.8124;
/** Three outliers in a row are a level of their own, fewer are not: medians of 5. */
const MEDIAN_OF = 5;
/** Differences beyond so many σ are steps or outliers. */
const FAR = 6;

/** σ as differences of neighbours show it; 0 where four fifths of them are. @param values at least 2 */
export function roughScale(values: readonly number[]): number {
  const steps = Float64Array.from({ length: values.length - 1 }, (_, i) =>
    Math.abs(values[i + 1]! - values[i]!),
  ).sort();
  return steps[Math.floor(SHARE * steps.length)]! / SHARE_WIDTH;
}

/**
 * The values, with what lies more than `reach` beyond the medians of the 5 points up to it, around it and from it on moved
 * to that bound: outliers go, steps stay where they are. @param values at least 5
 */
export function clipped(values: readonly number[], reach: number): Float64Array {
  const last = values.length - MEDIAN_OF;
  const medians = Float64Array.from(
    { length: last + 1 },
    (_, i) => Float64Array.from(values.slice(i, i + MEDIAN_OF)).sort()[(MEDIAN_OF - 1) / 2]!,
  );
  return Float64Array.from(values, (value, i) => {
    const near = [i - MEDIAN_OF + 1, i - (MEDIAN_OF - 1) / 2, i].map((k) => medians[Math.max(0, Math.min(last, k))]!);
    return Math.max(Math.min(...near) - reach, Math.min(Math.max(...near) + reach, value));
  });
}

/** @param scale as of `roughScale` */
export function noiseOfDifferences(values: Float64Array, scale: number): Noise {
  const [first, second] = [1, 2].map((lag) => {
    let [sum, count] = [0, 0];
    for (let i = lag; i < values.length; i++) {
      const difference = values[i]! - values[i - lag]!;
      if (Math.abs(difference) > FAR * scale) continue;
      sum += difference * difference;
      count++;
    }
    return sum / Math.max(1, count);
  }) as [number, number];
  const phi = inherited(first > 0 ? second / first - 1 : 0);
  return { variance: first / 2 / (1 - phi), phi };
}

/**
 * What is left of `values` about the means of the pieces between `bounds` (0, change points, n). The variance is that of
 * `wide` where it is larger: heavy tails, of which `values` have been relieved, make short runs of them likelier.
 */
export function noiseOfResiduals(values: Float64Array, wide: Float64Array, bounds: readonly number[]): Noise {
  const pieces = bounds.length - 1;
  const n = values.length;
  const { squares, products } = residualSums(values, bounds);
  const raw = squares > 0 ? products / squares : 0;
  // the mean of a piece of m points takes about (1 + 3φ)/m off its φ (Kendall 1954)
  const phi = inherited(raw + (pieces * (1 + 3 * Math.max(0, raw))) / n);
  return { variance: Math.max(squares, residualSums(wide, bounds).squares) / Math.max(1, n - pieces), phi };
}

function residualSums(values: Float64Array, bounds: readonly number[]) {
  let [squares, products] = [0, 0];
  for (let piece = 0; piece + 1 < bounds.length; piece++) {
    const [from, to] = [bounds[piece]!, bounds[piece + 1]!];
    let level = 0;
    for (let i = from; i < to; i++) level += values[i]! / (to - from);
    for (let i = from; i < to; i++) {
      const residual = values[i]! - level;
      squares += residual * residual;
      if (i > from) products += residual * (values[i - 1]! - level);
    }
  }
  return { squares, products };
}

const inherited = (phi: number) => Math.max(0, Math.min(MOST_INHERITED, phi));
