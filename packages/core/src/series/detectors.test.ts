import { describe, expect, test } from "vitest";
import { falseAlerts, stepsFound } from "../../bench/detect-measure.ts";
import { NOISES, seriesOf } from "../../bench/detect-noise.ts";
import { Problem } from "../problem.ts";
import { seededRng } from "../rng.ts";
import { DEFAULT_DETECTOR, type Detector, detectors, MAX_POINTS } from "./index.ts";

const repeat = (count: number, value: number) => new Array<number>(count).fill(value);
const indices = (detector: Detector, values: readonly number[]) => detector.detect(values).map(({ index }) => index);
const [GAUSSIAN] = NOISES;
const quiet = (seed: number, length: number, noise: (typeof NOISES)[number] = GAUSSIAN) =>
  [...seriesOf(seed, noise, { count: 1, length, step: null })][0]!.values;
/** A quiet series and one with two clear steps, of each kind of noise. */
const examples = NOISES.flatMap((noise, seed) => {
  const values = quiet(seed, 150, noise);
  return [values, values.map((value, i) => value + (i >= 50 && i < 110 ? 6 : 0))];
});

describe.each(detectors.list)("$id", (detector) => {
  test("finds a plain step where it is, and its levels", () => {
    const values = quiet(5, 120).map((value, i) => value + (i >= 70 ? 20 : 0));
    const found = detector.detect(values);
    expect(found.map(({ index }) => index)).toContain(70);
    const step = found.find(({ index }) => index === 70)!;
    expect(step.after - step.before).toBeGreaterThan(15);
    expect(step.after - step.before).toBeLessThan(25);
  });

  test("index ascends within 1 … n − 1, levels are neighbours' and p is a chance", () => {
    for (const values of examples) {
      const found = detector.detect(values);
      found.forEach(({ index, before, p }, i) => {
        expect(Number.isInteger(index)).toBe(true);
        expect(index).toBeGreaterThan(found[i - 1]?.index ?? 0);
        expect(index).toBeLessThan(values.length);
        if (i > 0) expect(before).toBe(found[i - 1]!.after);
        expect(p).toBeGreaterThanOrEqual(0);
        expect(p).toBeLessThanOrEqual(1);
      });
    }
  });

  test("the same values give the same answer and stay as they are", () => {
    for (const values of examples) {
      const copy = [...values];
      const first = detector.detect(Object.freeze(copy));
      expect(detector.detect(values)).toEqual(first);
    }
  });

  test("another unit moves no index", () => {
    for (const values of examples) {
      const doubled = values.map((value) => value * 1024); // exact
      expect(indices(detector, doubled)).toEqual(indices(detector, values));
    }
  });

  // rustc-perf's changes are relative, and so depend on where zero is
  test.skipIf(detector.id === "rustc-perf")("another zero moves no index", () => {
    for (const values of examples) {
      const coarse = values.map((value) => Math.round(value * 1024) / 1024); // the sums below are exact
      const shifted = coarse.map((value) => value - 4096);
      expect(indices(detector, shifted)).toEqual(indices(detector, coarse));
      const turned = coarse.map((value) => -value);
      expect(indices(detector, turned)).toEqual(indices(detector, coarse));
    }
  });

  test("nothing in constant and in the shortest series", () => {
    for (const values of [[], [1], [1, 1], repeat(5, 7), repeat(300, 0), repeat(300, 0.1)])
      expect(detector.detect(values)).toEqual([]);
    for (let n = 2; n < 12; n++) expect(() => detector.detect(quiet(n, n))).not.toThrow();
  });

  test("refuses what is no number, by its place, and too many points", () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(() => detector.detect([...repeat(17, 1), bad, 2])).toThrow(Problem);
      expect(() => detector.detect([...repeat(17, 1), bad, 2])).toThrow("index 17");
    }
    expect(() => detector.detect(repeat(MAX_POINTS + 1, 1))).toThrow(Problem);
    expect(detector.detect(repeat(MAX_POINTS, 1))).toEqual([]);
  });

  test("ends on whatever numbers there are", () => {
    const rng = seededRng(9).stream("odd");
    const odd = [
      [0, 0, 0, 1e-300, 0, 0, 1e100, 0, -1e100, 0, 0, 0],
      Array.from({ length: 90 }, (_, i) => i % 2),
      Array.from({ length: 90 }, (_, i) => i),
      Array.from({ length: 90 }, () => rng.below(2)),
      Array.from({ length: 90 }, () => 1e12 + rng.uniform()),
      Array.from({ length: 90 }, (_, i) => (i % 7 === 0 ? 1e9 : rng.uniform())),
    ];
    for (const values of odd)
      for (const { index, before, after } of detector.detect(values)) {
        expect(index).toBeLessThan(values.length);
        expect(Number.isFinite(before) && Number.isFinite(after)).toBe(true);
      }
  });
});

test("the default is in the list", () => {
  expect(detectors.get(DEFAULT_DETECTOR).id).toBe(DEFAULT_DETECTOR);
  expect(() => detectors.get("guess")).toThrow(Problem);
});

// A small version of the tables in README.md: other seeds, wide margins.
describe("what the tables claim", () => {
  const ours = detectors.get(DEFAULT_DETECTOR);
  const otava = detectors.get("e-divisive");
  const sample = { seed: 4000, count: 200, length: 200 };

  const most = { Gaussian: 0.7, heavy: 0.7, bimodal: 0.6, "AR(1)": 3 };
  test.each(NOISES)("false alerts under $id noise", (noise) => {
    const alerts = falseAlerts(ours, noise, sample);
    expect(alerts).toBeLessThan(most[noise.id]);
    expect(alerts).toBeLessThan(falseAlerts(otava, noise, sample));
  });

  test("it is not deaf: steps in the middle and near the end", () => {
    const shares = [1, 2, 4].map((size) => stepsFound(ours, GAUSSIAN, { size, within: [60, 140] }, sample).share);
    expect(shares[0]).toBeGreaterThan(0.7);
    expect(shares[1]).toBeGreaterThan(0.97);
    expect(shares[2]).toBe(1);
    expect(stepsFound(ours, GAUSSIAN, { size: 2, within: [195, 195] }, sample).share).toBeGreaterThan(0.84);
    for (const noise of NOISES)
      expect(stepsFound(ours, noise, { size: 4, within: [60, 140] }, { ...sample, count: 50 }).share).toBe(1);
  });

  test("the rules of others come out as their programs do", () => {
    expect(falseAlerts(otava, GAUSSIAN, sample)).toBeGreaterThan(0.5);
    expect(falseAlerts(otava, GAUSSIAN, sample)).toBeLessThan(2);
    for (const id of ["z-test", "t-test"]) {
      // 1 % on either side, and runs of two count once
      expect(falseAlerts(detectors.get(id), GAUSSIAN, sample)).toBeGreaterThan(14);
      expect(falseAlerts(detectors.get(id), GAUSSIAN, sample)).toBeLessThan(26);
    }
  });
});
