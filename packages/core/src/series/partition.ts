/**
 * The best division of a series into pieces of constant level under AR(1) noise, by optimal partitioning: dynamic programming over the
 * last change, hopeless ones pruned. The cost of a piece is the sum of squared innovations about its best level; at its first
 * point that takes the level before it too, which is that of the best division up to there (the joint optimum would move it a little). A piece of m points
 * also costs log m, and each further one a penalty: a change in the middle of much data must be clearer than one near an end,
 * where there are fewer places for it.
 *
 * Jackson et al., IEEE Signal Processing Letters 12 (2005); Killick et al., JASA 107 (2012), arXiv:1101.1438 (pruning);
 * log m: Zhang and Siegmund, Biometrics 63 (2007). A jump in AR(1) noise shows at its first point at once: Romano et al.,
 * JASA 117 (2022), arXiv:2005.01379.
 */
import { logarithm } from "../power.ts";
import { innovation, type Noise } from "./noise.ts";

/** Least points of a piece: two outliers in a row are no level. */
export const SHORTEST = 3;

export class Partition {
  readonly #values: Float64Array;
  readonly #phi: number;
  readonly #unit: number;
  /** Sums of the whitened values x[i] − φ·x[i − 1], and of their squares, over 1 ≤ i < t. */
  readonly #sums: Float64Array;
  readonly #squares: Float64Array;

  /** @param values their mean is near 0 @param noise of positive variance */
  constructor(values: Float64Array, noise: Noise) {
    this.#values = values;
    this.#phi = noise.phi;
    this.#unit = innovation(noise);
    this.#sums = new Float64Array(values.length + 1);
    this.#squares = new Float64Array(values.length + 1);
    for (let i = 1; i < values.length; i++) {
      const fresh = values[i]! - noise.phi * values[i - 1]!;
      this.#sums[i + 1] = this.#sums[i]! + fresh;
      this.#squares[i + 1] = this.#squares[i]! + fresh * fresh;
    }
  }

  /** Best level of values[from … to − 1]. @param before level of the piece that ends at `from` */
  level(from: number, to: number, before: number): number {
    const share = 1 - this.#phi; // of a level in a whitened value
    return this.#sum(from, to, before) / (this.#weight(from) + share * share * (to - from - 1));
  }

  /** Squared innovations of values[from … to − 1] about their best level, in units of their variance; without log m. */
  cost(from: number, to: number, before: number): number {
    const first = this.#first(from, before);
    const squares = this.#weight(from) * first * first + this.#squares[to]! - this.#squares[from + 1]!;
    return (squares - this.level(from, to, before) * this.#sum(from, to, before)) / this.#unit;
  }

  /** Of the pieces between `bounds`, one after the other. @param before level of the piece that ends where they begin */
  costOf(bounds: readonly number[], before: number): number {
    let [sum, level] = [0, before];
    for (let i = 0; i + 1 < bounds.length; i++) {
      sum += this.cost(bounds[i]!, bounds[i + 1]!, level);
      level = this.level(bounds[i]!, bounds[i + 1]!, level);
    }
    return sum;
  }

  /** Levels of the pieces between `bounds`, which begin at 0. */
  levels(bounds: readonly number[]): number[] {
    const levels: number[] = [];
    for (let i = 0; i + 1 < bounds.length; i++) levels.push(this.level(bounds[i]!, bounds[i + 1]!, levels[i - 1] ?? 0));
    return levels;
  }

  /** The first value of a piece without what it inherits. The first of all inherits nothing. */
  #first(from: number, before: number): number {
    return from === 0 ? this.#values[0]! : this.#values[from]! - this.#phi * (this.#values[from - 1]! - before);
  }

  /** The first of all has the marginal variance, which is larger than the innovations'. */
  #weight(from: number): number {
    return from === 0 ? 1 - this.#phi * this.#phi : 1;
  }

  #sum(from: number, to: number, before: number): number {
    return this.#weight(from) * this.#first(from, before) + (1 - this.#phi) * (this.#sums[to]! - this.#sums[from + 1]!);
  }

  /** 0, the change points of the best division, n. @param penalty of a change point */
  best(penalty: number): number[] {
    const n = this.#values.length;
    const share = 1 - this.#phi;
    const [sums, squares] = [this.#sums, this.#squares];
    // all costs in here are squared innovations as they are, not in units of their variance
    const size = logarithms(n).map((value) => value * this.#unit);
    const total = new Float64Array(n + 1); // [t]: cost of the best division of the first t points
    const level = new Float64Array(n + 1); // of its last piece
    const last = new Int32Array(n + 1); // where that piece begins
    total[0] = -penalty * this.#unit;
    const headSum = new Float64Array(n + 1); // [start]: what `cost` of a piece from there needs, but for its end
    const headCost = new Float64Array(n + 1);
    const starts = new Int32Array(n + 1); // that a piece ending at t may still have: the first `count`
    const costs = new Float64Array(n + 1);
    let count = 0;
    for (let t = SHORTEST; t <= n; t++) {
      const newest = t - SHORTEST;
      if (newest === 0 || newest >= SHORTEST) {
        const first = this.#first(newest, level[newest]!);
        headSum[newest] = this.#weight(newest) * first - share * sums[newest + 1]!;
        headCost[newest] = total[newest]! + this.#weight(newest) * first * first - squares[newest + 1]!;
        starts[count++] = newest;
      }
      let least = Number.POSITIVE_INFINITY;
      for (let i = 0; i < count; i++) {
        const start = starts[i]!;
        const sum = headSum[start]! + share * sums[t]!;
        const weight = (start === 0 ? 1 - this.#phi * this.#phi : 1) + share * share * (t - start - 1);
        const cost = headCost[start]! + squares[t]! - (sum * sum) / weight + size[t - start]!;
        costs[i] = cost;
        if (cost >= least) continue;
        least = cost;
        last[t] = start;
      }
      total[t] = least + penalty * this.#unit;
      level[t] = this.level(last[t]!, t, level[last[t]!]!);
      // what does not pay now never will: a further change gains less than its penalty, but for log m, at most log n
      const hopeless = total[t]! + size[n]!;
      let kept = 0;
      for (let i = 0; i < count; i++) if (costs[i]! <= hopeless) starts[kept++] = starts[i]!;
      count = kept;
    }
    const bounds = [n];
    for (let t = n; t > 0; t = last[t]!) bounds.push(last[t]!);
    return bounds.reverse();
  }
}

/** [m]: log m, and 0 at 0. */
function logarithms(n: number): Float64Array {
  return Float64Array.from({ length: n + 1 }, (_, m) => (m === 0 ? 0 : logarithm(m)));
}
