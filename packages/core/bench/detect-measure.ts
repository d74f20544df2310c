/** What a detector does on series of which the truth is known: false alerts where there is no step, steps found and how near. */
import type { Detector } from "../src/series/detector.ts";
import { type Noise, type Step, seriesOf } from "./detect-noise.ts";

export interface Sample {
  readonly seed: number;
  /** Series. */
  readonly count: number;
  /** Points of each. */
  readonly length: number;
}

/** A step is found where a change point lies within so many points of it. */
export const NEAR = 5;

/** False alerts for each 1,000 points of quiet series. */
export function falseAlerts(detector: Detector, noise: Noise, { seed, count, length }: Sample): number {
  let alerts = 0;
  for (const { values } of seriesOf(seed, noise, { count, length, step: null }))
    alerts += detector.detect(values).length;
  return (1000 * alerts) / (count * length);
}

export interface Found {
  /** Of all steps. */
  readonly share: number;
  /** Distances in points of those found, ascending. */
  readonly errors: readonly number[];
  /** Change points beside the nearest one, for each 1,000 points. */
  readonly others: number;
}

export function stepsFound(detector: Detector, noise: Noise, step: Step, { seed, count, length }: Sample): Found {
  const errors: number[] = [];
  let others = 0;
  for (const { values, index } of seriesOf(seed, noise, { count, length, step })) {
    const points = detector.detect(values);
    const error = Math.min(...points.map((point) => Math.abs(point.index - index!)));
    if (error <= NEAR) errors.push(error);
    others += points.length - (error <= NEAR ? 1 : 0);
  }
  return {
    share: errors.length / count,
    errors: errors.sort((a, b) => a - b),
    others: (1000 * others) / (count * length),
  };
}

/** For each p asked, the share of quiet series in which the detector finds a change point of at most that p. */
export function sharesAlarmed(
  detector: Detector,
  noise: Noise,
  asked: readonly number[],
  { seed, count, length }: Sample,
): number[] {
  const alarmed = asked.map(() => 0);
  for (const { values } of seriesOf(seed, noise, { count, length, step: null })) {
    const least = Math.min(...detector.detect(values).map(({ p }) => p));
    asked.forEach((p, i) => {
      if (least <= p) alarmed[i]!++;
    });
  }
  return alarmed.map((sum) => sum / count);
}

/** Of one quiet series, on average. */
export function milliseconds(detector: Detector, noise: Noise, { seed, count, length }: Sample): number {
  const all = [...seriesOf(seed, noise, { count, length, step: null })];
  const start = performance.now();
  for (const { values } of all) detector.detect(values);
  return (performance.now() - start) / count;
}
