/**
 * E-divisive means as Apache Otava uses it: in windows that overlap by half, split where the energy statistic is largest
 * for as long as a t-test tells the sides apart at ten times the asked p (weak points); then drop the weakest point, again and
 * again, until all stand at the asked p.
 *
 * Matteson and James, arXiv:1306.4933; Fleming et al., arXiv:2301.03034 (Hunter); apache/otava at 1ceb153, docs/MATH.md and
 * analysis.py, with the same change points and p to the last digit but rounding. As there, the t-test pools the spreads, and takes them with n, not n − 1, in the denominator.
 */
import { studentP } from "../statistics.ts";
import { checkSeries, type Detector, mean, withMeans } from "./detector.ts";

const WINDOW = 50;
const WEAK = 10;

interface Candidate {
  readonly index: number;
  readonly statistic: number;
}
interface Tested {
  readonly index: number;
  readonly p: number;
}

/** @param p below which a change point stands: Otava's is 0.001 */
export function eDivisive(p: number): Detector {
  return {
    id: "e-divisive",
    name: "E-divisive (Apache Otava)",
    summary: `Energy statistic in windows of ${WINDOW}, then t-tests at p ${p}.`,
    source: "apache/otava at 1ceb153; Matteson and James, arXiv:1306.4933; Fleming et al., arXiv:2301.03034",
    detect(values) {
      checkSeries(values);
      return withMeans(values, merged(values, weakPoints(values, WEAK * p), p));
    },
  };
}

/** Indices of all windows' change points, ascending. */
function weakPoints(values: readonly number[], p: number): number[] {
  const found = new Set<number>();
  for (let start = 0; start < values.length; ) {
    const inWindow = splits(values, start, Math.min(start + WINDOW, values.length), p);
    for (const index of inWindow) found.add(index);
    start = Math.max(inWindow.at(-1) ?? 0, start + WINDOW / 2);
  }
  return [...found].sort((a, b) => a - b);
}

/** Change points of one window, ascending: the best candidate of all pieces, again and again, until one is no better than chance. */
function splits(values: readonly number[], from: number, to: number, p: number): number[] {
  const bounds = [from, to];
  const pieces = [bestSplit(values, from, to)];
  for (;;) {
    let best = -1;
    pieces.forEach((piece, i) => {
      if (piece && (best < 0 || piece.statistic > pieces[best]!.statistic)) best = i;
    });
    if (best < 0) break;
    const { index } = pieces[best]!;
    const [left, right] = [bounds[best]!, bounds[best + 1]!];
    if (!(tTest(values, left, index, right) <= p)) break;
    bounds.splice(best + 1, 0, index);
    pieces.splice(best, 1, bestSplit(values, left, index), bestSplit(values, index, right));
  }
  return bounds.slice(1, -1);
}

/**
 * The split of values[from … to − 1] with the largest energy statistic, over all first points τ of the right side and all
 * its ends κ. Null for less than two points.
 */
function bestSplit(values: readonly number[], from: number, to: number): Candidate | null {
  const n = to - from;
  if (n < 2) return null;
  const x = values.slice(from, to);
  const left = new Float64Array(n); // [j]: Σ |x[i] − x[j]| over i < τ
  const inner = new Float64Array(n + 1); // [k]: the same over all pairs below k
  for (let k = 1; k <= n; k++) {
    let sum = 0;
    for (let i = 0; i < k - 1; i++) sum += Math.abs(x[i]! - x[k - 1]!);
    inner[k] = inner[k - 1]! + sum;
  }
  let best: Candidate | null = null;
  for (let tau = 1; tau < n; tau++) {
    let across = 0;
    for (let j = tau; j < n; j++) {
      left[j]! += Math.abs(x[tau - 1]! - x[j]!);
      across += left[j]!;
      const kappa = j + 1;
      const right = kappa - tau;
      const b = tau > 1 ? (right * inner[tau]!) / (tau - 1) : 0;
      const c = right > 1 ? (tau * (inner[kappa]! - inner[tau]! - across)) / (right - 1) : 0;
      const statistic = (2 * (across - b - c)) / kappa;
      if (!best || statistic > best.statistic) best = { index: from + tau, statistic };
    }
  }
  return best;
}

/** Drops points, the weakest first, until all are below p. */
function merged(values: readonly number[], indices: readonly number[], p: number): Tested[] {
  const bounds = [0, ...indices, values.length];
  const test = (i: number): Tested => ({
    index: bounds[i + 1]!,
    p: tTest(values, bounds[i]!, bounds[i + 1]!, bounds[i + 2]!),
  });
  const points = indices.map((_, i) => test(i));
  while (points.length > 0) {
    let weakest = 0;
    points.forEach((point, i) => {
      if (point.p > points[weakest]!.p) weakest = i;
    });
    if (points[weakest]!.p < p) break;
    points.splice(weakest, 1);
    bounds.splice(weakest + 1, 1);
    // Otava tests the two points after the dropped one anew, and not the one before it, whose right side has grown too
    for (const i of [weakest, weakest + 1]) if (i < points.length) points[i] = test(i);
  }
  return points;
}

/** Two-sided p of a difference of the means left and right of `middle`. 1 for two points in all, and for equal means without spread. */
function tTest(values: readonly number[], from: number, middle: number, to: number): number {
  const degrees = to - from - 2;
  if (degrees === 0) return 1;
  const [a, b] = [mean(values, from, middle), mean(values, middle, to)];
  // n·s² on either side; n, not n − 1, is Otava's denominator of s²
  const [sa, sb] = [squares(values, from, middle, a), squares(values, middle, to, b)];
  const [na, nb] = [middle - from, to - middle];
  const variance = (((na - 1) * sa) / na + ((nb - 1) * sb) / nb) / degrees;
  if (variance === 0) return a === b ? 1 : 0;
  return studentP((a - b) / Math.sqrt(variance * (1 / na + 1 / nb)), degrees);
}

function squares(values: readonly number[], from: number, to: number, around: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += (values[i]! - around) * (values[i]! - around);
  return sum;
}
