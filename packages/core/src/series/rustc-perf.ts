/**
 * rustc-perf's rule: a point against the one before it. The relative change counts from Q3 + 3·IQR of the absolute relative
 * changes among the 30 points before both; with less history, from 0.2 %. An alert lasts for as long as points are flagged
 * one after the other; its first point is the change point. The rule has no p: here it is the rank of the change in that history.
 *
 * rust-lang/rustc-perf at 169b07b, site/src/comparison.rs (HistoricalData; quartiles are medians of the halves).
 */
import { checkSeries, type Detector, withMeans } from "./detector.ts";
import { firstOfRuns } from "./point-tests.ts";

const HISTORY = 30;
const WITHOUT_HISTORY = 0.002;

/** @param multiple of the interquartile range above the third quartile: rustc-perf's is 3 */
export function rustcPerf(multiple: number): Detector {
  return {
    id: "rustc-perf",
    name: "rustc-perf",
    summary: `A change from one point to the next beyond Q3 + ${multiple}·IQR of those among the ${HISTORY} before.`,
    source: "rust-lang/rustc-perf at 169b07b, site/src/comparison.rs",
    detect(values) {
      checkSeries(values);
      const flagged: { index: number; p: number }[] = [];
      for (let index = 1; index < values.length; index++) {
        const change = relative(values[index - 1]!, values[index]!);
        const history = index > HISTORY ? changes(values.slice(index - 1 - HISTORY, index - 1)) : [];
        if (change === 0 || !(change >= threshold(history, multiple))) continue;
        flagged.push({ index, p: (1 + history.filter((c) => c >= change).length) / (1 + history.length) });
      }
      return withMeans(values, firstOfRuns(flagged));
    },
  };
}

/** |b − a| in units of |a|. From 0 to another value: infinite. */
const relative = (a: number, b: number) => (a === b ? 0 : Math.abs((b - a) / a));

/** Of neighbours, in units of the later one, ascending. */
const changes = (history: readonly number[]) =>
  history
    .slice(1)
    .map((later, i) => relative(later, history[i]!))
    .sort((a, b) => a - b);

function threshold(sorted: readonly number[], multiple: number): number {
  if (sorted.length === 0) return WITHOUT_HISTORY;
  const half = Math.floor(sorted.length / 2); // 29 changes: the middle one belongs to neither half
  const [q1, q3] = [median(sorted.slice(0, half)), median(sorted.slice(-half))];
  return q3 + (q3 - q1) * multiple;
}

const median = (sorted: readonly number[]) =>
  (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.floor(sorted.length / 2)]!) / 2;
