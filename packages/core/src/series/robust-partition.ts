/**
 * The default detector: optimal partitioning under correlated noise, of values relieved of outliers, with a penalty that
 * bounds the chance of any alert in a quiet series. README.md says how it works, and how it was tuned.
 */
import { chance, clearnessAt } from "./clearness.ts";
import { checkSeries, type Detector, mean, withMeans } from "./detector.ts";
import { clipped, noiseOfDifferences, noiseOfResiduals, roughScale } from "./noise.ts";
import { Partition, SHORTEST } from "./partition.ts";
import { type Weeded, weeded } from "./weeding.ts";

/** In rough σ: where outliers are cut off for the levels, and for the noise. */
const NARROW = 2;
const WIDE = 6;
/** Noise and division settle on each other in two or three rounds. */
const ROUNDS = 6;
/** In units of the largest deviation: a division needs some noise, and more than rounding makes. */
const LEAST_NOISE = 1e-5;

/** @param p chance of any alert in a quiet series of independent normal noise, of whatever length */
export function robustPartition(p: number): Detector {
  return {
    id: "robust-partition",
    name: "Robust partitioning",
    summary: `Levels under correlated noise with outliers; any alert at all in a quiet series with chance ${p}.`,
    source: "own, after Zhang and Siegmund 2007, Chakar et al. 2017, Romano et al. 2022 (core/src/series/README.md)",
    detect(values) {
      checkSeries(values);
      const n = values.length;
      if (n < 2 * SHORTEST) return [];
      const scale = roughScale(values);
      const { bounds, clearness } = divided(scale > 0 ? values : ordinals(values), scale, clearnessAt(p, n));
      return withMeans(
        clipped(values, NARROW * scale),
        clearness.map((clear, i) => ({ index: bounds[i + 1]!, p: chance(clear, n) })),
      );
    },
  };
}

/** Division and noise, each from the other, until they agree. @param scale as of `roughScale` */
function divided(values: readonly number[], scale: number, limit: number): Weeded {
  const n = values.length;
  const centre = mean(values, 0, n);
  const cut = clipped(values, NARROW * scale);
  const largest = cut.reduce((most, value) => Math.max(most, Math.abs(value - centre)), 0);
  let result: Weeded = { bounds: [0, n], clearness: [] };
  if (largest === 0) return result;
  const [raw, narrow, wide] = [values, cut, clipped(values, WIDE * scale)].map((series) =>
    Float64Array.from(series, (value) => (value - centre) / largest),
  ) as [Float64Array, Float64Array, Float64Array];
  let noise = noiseOfDifferences(narrow, scale / largest);
  for (let round = 0; round < ROUNDS; round++) {
    const variance = Math.max(noise.variance, LEAST_NOISE * LEAST_NOISE);
    const partition = new Partition(narrow, { ...noise, variance });
    const before = result.bounds;
    result = weeded(raw, partition, partition.best(limit), limit);
    if (round > 0 && String(before) === String(result.bounds)) break;
    noise = noiseOfResiduals(narrow, wide, result.bounds);
  }
  return result;
}

/** Each value's place among the different ones: where values repeat exactly, how far they lie apart means nothing. */
function ordinals(values: readonly number[]): number[] {
  const places = new Map([...new Set(values)].sort((a, b) => a - b).map((value, place) => [value, place]));
  return values.map((value) => places.get(value)!);
}
