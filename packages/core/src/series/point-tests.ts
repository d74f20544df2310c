/**
 * Bencher's z-score and t-test: a point alone against the points before it. An alert lasts for as long as points are
 * flagged one after the other; its first point is the change point.
 *
 * bencherdev/bencher at 8d75325, lib/bencher_boundary (mean and sample standard deviation of the window; the t-test is a
 * prediction interval, hence √(1 + 1/n)). Windows and limits are those of its documentation: 64 points, 0.99 on either side,
 * and at least 30 points for the z-score. No spread, no boundary.
 */
import { studentP, studentQuantile, summarise } from "../statistics.ts";
import { checkSeries, type Detector, withMeans } from "./detector.ts";
import { normalP, normalQuantile } from "./normal-tail.ts";

const WINDOW = 64;
const LEAST = { z: 30, t: 2 };

/** Flagged points, p of each, as alerts: of a run of points that follow each other only the first. */
export function firstOfRuns(flagged: readonly { readonly index: number; readonly p: number }[]) {
  return flagged.filter(({ index }, i) => flagged[i - 1]?.index !== index - 1);
}

function pointTest(
  values: readonly number[],
  least: number,
  limit: (n: number) => number,
  p: (z: number, n: number) => number,
) {
  const flagged: { index: number; p: number }[] = [];
  for (let index = least; index < values.length; index++) {
    const { n, mean, sd } = summarise(values.slice(Math.max(0, index - WINDOW), index));
    if (!sd) continue;
    const z = Math.abs(values[index]! - mean) / sd;
    if (z > limit(n)) flagged.push({ index, p: p(z, n) });
  }
  return withMeans(values, firstOfRuns(flagged));
}

/** @param boundary share of points below the upper limit, and above the lower: Bencher's documentation has 0.99 */
export function zTest(boundary: number): Detector {
  const limit = normalQuantile(2 * boundary - 1);
  return {
    id: "z-test",
    name: "z-score (Bencher)",
    summary: `A point beyond ${boundary} of the normal distribution of the ${WINDOW} before it.`,
    source: "bencherdev/bencher at 8d75325, lib/bencher_boundary",
    detect(values) {
      checkSeries(values);
      return pointTest(values, LEAST.z, () => limit, normalP);
    },
  };
}

/** @param boundary as of `zTest` */
export function tTest(boundary: number): Detector {
  const limits = new Map<number, number>();
  const limit = (n: number) => {
    if (!limits.has(n)) limits.set(n, studentQuantile(2 * boundary - 1, n - 1) * Math.sqrt(1 + 1 / n));
    return limits.get(n)!;
  };
  return {
    id: "t-test",
    name: "t-test (Bencher)",
    summary: `A point beyond ${boundary} of the prediction interval from the ${WINDOW} before it.`,
    source: "bencherdev/bencher at 8d75325, lib/bencher_boundary",
    detect(values) {
      checkSeries(values);
      return pointTest(values, LEAST.t, limit, (z, n) => studentP(z / Math.sqrt(1 + 1 / n), n - 1));
    },
  };
}
