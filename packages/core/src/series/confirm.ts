/**
 * Did it change? Two commits run in turns, round after round, on one testbed: what else the machine does from minute to
 * minute falls on both, and only their ratio within a round counts. Wilcoxon's signed-rank test, exact, so that one wild
 * round decides nothing; size and interval are Hodges and Lehmann's (Biometrics Bulletin 1, 1945; Annals of Mathematical Statistics 34, 1963).
 */
import { medianOf } from "./points.ts";
import type { Rule } from "./policy.ts";

/** Chance that noise is taken for a change, and the fewest rounds that can be so sure: 2/2⁸. */
const ALPHA = 0.01;
const FEWEST = 8;
/** After so many rounds a difference that is far below the floor is let go. */
const GLANCE = 4;
/** Rounds there are at most, as a multiple of the rule's. */
const PATIENCE = 1.5;
/** Coverage of the interval. */
const OUTSIDE = 0.05;

export interface Judgement {
  /** "more" = further rounds are needed, up to `wanted` in all. */
  readonly state: "changed" | "same" | "more";
  readonly wanted: number;
  readonly rounds: number;
  /** head / base − 1, and its interval. */
  readonly change: number;
  readonly interval: readonly [low: number, high: number];
  /** Two-sided. */
  readonly p: number;
  /** Medians, in the metric's unit. */
  readonly before: number;
  readonly after: number;
}

/**
 * @param base of the i-th round @param head of the same; what one has more than the other does not count
 * @param exact without noise: one round decides, and p means nothing
 */
export function judge(
  base: readonly number[],
  head: readonly number[],
  { floor, rounds: wished }: Pick<Rule, "floor" | "rounds">,
  exact = false,
): Judgement {
  const least = exact ? 1 : Math.max(FEWEST, wished);
  const rounds = Math.min(base.length, head.length);
  const most = Math.ceil(PATIENCE * least);
  if (rounds === 0)
    return {
      ...{ state: "more", wanted: Math.min(GLANCE, least), rounds, change: 0, interval: [0, 0], p: 1 },
      before: 0,
      after: 0,
    };
  const changes = Array.from({ length: rounds }, (_, i) => changeOf(base[i]!, head[i]!));
  const walsh = walshAverages(changes);
  const change = medianOf(walsh);
  const size = change < 0 ? -change : change;
  const p = signedRank(changes);
  const found = {
    rounds,
    change,
    interval: intervalOf(walsh, rounds),
    p,
    before: medianOf(base.slice(0, rounds)),
    after: medianOf(head.slice(0, rounds)),
  };
  const enough = (exact || p <= ALPHA) && size >= floor / 2 && size > 0;
  if (rounds >= least && enough) return { state: "changed", wanted: rounds, ...found };
  const hopeless = (rounds >= GLANCE && size < floor / 4) || (rounds >= least && size < floor / 2);
  if (rounds >= most || hopeless) return { state: "same", wanted: rounds, ...found };
  return {
    state: "more",
    wanted: rounds < Math.min(GLANCE, least) ? Math.min(GLANCE, least) : rounds < least ? least : most,
    ...found,
  };
}

/** A change from nothing is as large as can be. */
function changeOf(base: number, head: number): number {
  if (base === head) return 0;
  if (base === 0) return head > 0 ? 1 : -1;
  return (head - base) / (base < 0 ? -base : base);
}

/** Ascending: means of all pairs, each with itself too. */
function walshAverages(values: readonly number[]): number[] {
  const all: number[] = [];
  for (let i = 0; i < values.length; i++)
    for (let j = i; j < values.length; j++) all.push((values[i]! + values[j]!) / 2);
  return all.sort((a, b) => a - b);
}

/** Of all signs that n ranks can have, the number by sum of the positive ones. @param ranks doubled, so that shared ones are whole */
function countsBySum(ranks: readonly number[]): Float64Array {
  const total = ranks.reduce((sum, rank) => sum + rank, 0);
  const counts = new Float64Array(total + 1);
  counts[0] = 1;
  for (const rank of ranks) for (let sum = total; sum >= rank; sum--) counts[sum]! += counts[sum - rank]!;
  return counts;
}

/** Two-sided p of the signed-rank test; differences of zero are left out, equal ones share their ranks. */
export function signedRank(differences: readonly number[]): number {
  const size = (x: number) => (x < 0 ? -x : x);
  const nonzero = differences.filter((x) => x !== 0).sort((a, b) => size(a) - size(b));
  const n = nonzero.length;
  if (n === 0) return 1;
  const ranks: number[] = []; // doubled
  for (let i = 0; i < n; ) {
    let end = i + 1;
    while (end < n && size(nonzero[end]!) === size(nonzero[i]!)) end++;
    for (let j = i; j < end; j++) ranks.push(i + end + 1);
    i = end;
  }
  const positive = ranks.reduce((sum, rank, i) => sum + (nonzero[i]! > 0 ? rank : 0), 0);
  const counts = countsBySum(ranks);
  const lower = Math.min(positive, counts.length - 1 - positive);
  let tail = 0;
  for (let sum = 0; sum <= lower; sum++) tail += counts[sum]!;
  const all = counts.reduce((sum, count) => sum + count, 0);
  return Math.min(1, (2 * tail) / all);
}

/** The Walsh averages that the test would not refuse as the change; with few rounds all of them. */
function intervalOf(walsh: readonly number[], rounds: number): readonly [low: number, high: number] {
  const counts = countsBySum(Array.from({ length: rounds }, (_, i) => i + 1));
  const all = counts.reduce((sum, count) => sum + count, 0);
  let tail = 0;
  let outside = 0; // Walsh averages left out at each end
  for (let sum = 0; sum < counts.length; sum++) {
    tail += counts[sum]!;
    if ((2 * tail) / all > OUTSIDE) break;
    outside = sum;
  }
  return [walsh[outside]!, walsh[walsh.length - 1 - outside]!];
}

/**
 * Of a commit between two levels, run in turns with both: in how many rounds does it go with which? By ratio; a round
 * right in the middle goes with the head.
 */
export function votes(
  base: readonly number[],
  middle: readonly number[],
  head: readonly number[],
): { readonly base: number; readonly head: number } {
  const rounds = Math.min(base.length, middle.length, head.length);
  let forBase = 0;
  for (let i = 0; i < rounds; i++) {
    const [b, m, h] = [base[i]!, middle[i]!, head[i]!];
    // |log(m/b)| < |log(m/h)| without a logarithm, for positive levels: m² against b·h, on the side where b lies
    if (m * m < b * h === b < h) forBase++;
  }
  return { base: forBase, head: rounds - forBase };
}
