import { describe, expect, test } from "vitest";
import { sharesAlarmed } from "../../bench/detect-measure.ts";
import { NOISES, seriesOf } from "../../bench/detect-noise.ts";
import { chance, clearnessAt } from "./clearness.ts";
import { clipped, noiseOfDifferences, noiseOfResiduals, roughScale } from "./noise.ts";
import { Partition, SHORTEST } from "./partition.ts";
import { robustPartition } from "./robust-partition.ts";

const detector = robustPartition(0.05);
const repeat = (count: number, value: number) => new Array<number>(count).fill(value);
const indices = (values: readonly number[]) => detector.detect(values).map(({ index }) => index);
const [GAUSSIAN, , , INHERITED] = NOISES;
const quiet = (seed: number, length: number, noise: (typeof NOISES)[number] = GAUSSIAN) =>
  [...seriesOf(seed, noise, { count: 1, length, step: null })][0]!.values;

describe("exact repeats", () => {
  test("any lasting change counts, the smallest beside the largest", () => {
    const sizes = [...repeat(30, 5_000_000), ...repeat(10, 5_000_001), ...repeat(10, 9_000_000)];
    const found = detector.detect(sizes);
    expect(found.map(({ index, before, after }) => [index, before, after])).toEqual([
      [30, 5_000_000, 5_000_001],
      [40, 5_000_001, 9_000_000],
    ]);
    for (const { p } of found) expect(p).toBeLessThan(1e-6);
    expect(indices([5, 5, 5, 6, 6, 6])).toEqual([3]);
  });

  test("three points at the end are a change, two are not yet", () => {
    expect(indices([...repeat(50, 7), ...repeat(3, 8)])).toEqual([50]);
    expect(indices([...repeat(50, 7), ...repeat(2, 8)])).toEqual([]);
  });

  test("a value that comes back now and then is none", () => {
    expect(indices(Array.from({ length: 120 }, (_, i) => (i % 15 === 0 ? 8 : 7)))).toEqual([]);
  });
});

describe("outliers", () => {
  test("of a thousand σ, one or two in a row, neither are found nor hide a step, nor bend its levels", () => {
    const values = quiet(11, 120).map((value, i) => value + (i >= 60 ? 4 : 0));
    const spoilt = values.map((value, i) => value + ([20, 21, 58, 61, 90].includes(i) ? 1000 : 0));
    expect(indices(spoilt)).toEqual(indices(values));
    const [step] = detector.detect(spoilt);
    expect(step!.before).toBeCloseTo(100, 0);
    expect(step!.after).toBeCloseTo(104, 0);
  });

  test("clipping moves neither a step nor a run of three", () => {
    const values = [...repeat(10, 0), ...repeat(3, 50), ...repeat(10, 0), ...repeat(10, 9)];
    expect([...clipped(values, 0)]).toEqual(values);
    expect([...clipped([0, 0, 0, 50, 50, 0, 0, 0], 1)]).toEqual([0, 0, 0, 1, 1, 0, 0, 0]);
  });
});

describe("noise", () => {
  test("φ and variance come out of differences and of residuals, with steps and without", () => {
    for (const [noise, phi] of [
      [GAUSSIAN, 0],
      [INHERITED, 0.6],
    ] as const) {
      const values = quiet(21, 4000, noise).map((value, i) => value + (Math.floor(i / 400) % 2) * 5);
      const bounds = Array.from({ length: 11 }, (_, i) => 400 * i);
      const series = Float64Array.from(values);
      for (const measured of [
        noiseOfDifferences(series, roughScale(values)),
        noiseOfResiduals(series, series, bounds),
      ]) {
        expect(Math.abs(measured.phi - phi)).toBeLessThan(0.06);
        expect(Math.abs(measured.variance - 1)).toBeLessThan(0.15);
      }
    }
  });
});

describe("partition", () => {
  /** Least cost over all divisions, with the rule that each piece knows the level of the best division before it. */
  function exhaustive(partition: Partition, n: number, penalty: number): number {
    const best = [{ cost: -penalty, level: 0 }];
    for (let t = 1; t <= n; t++) {
      let least = { cost: Number.POSITIVE_INFINITY, level: 0 };
      for (let start = 0; start <= t - SHORTEST; start++) {
        const { cost, level } = best[start]!;
        const whole = cost + penalty + partition.cost(start, t, level) + Math.log(t - start);
        if (whole < least.cost) least = { cost: whole, level: partition.level(start, t, level) };
      }
      best.push(least);
    }
    return best[n]!.cost;
  }

  test("pruning loses nothing: the cost is that of trying all", () => {
    for (let seed = 0; seed < 30; seed++) {
      const phi = (seed % 4) * 0.2;
      const values = quiet(seed, 60).map((value, i) => value - 100 + (i >= 20 && i < 33 ? 3 : 0));
      const partition = new Partition(Float64Array.from(values), { variance: 1, phi });
      const bounds = partition.best(4);
      const sizes = bounds.slice(1).map((end, i) => Math.log(end - bounds[i]!));
      const cost = partition.costOf(bounds, 0) + sizes.reduce((a, b) => a + b, 0) + 4 * (bounds.length - 2);
      expect(cost).toBeCloseTo(exhaustive(partition, 60, 4), 8);
      expect(Math.min(...bounds.slice(1).map((end, i) => end - bounds[i]!))).toBeGreaterThanOrEqual(SHORTEST);
    }
  });
});

describe("p", () => {
  test("clearness and chance are each other's inverse", () => {
    for (const n of [6, 20, 200, 10_000])
      for (const p of [0.3, 0.05, 1e-6]) expect(chance(clearnessAt(p, n), n)).toBeCloseTo(p, 9);
  });

  test("is met by quiet series of any length, within a factor of two", () => {
    for (const [length, count] of [
      [20, 1000],
      [200, 500],
    ] as const) {
      const [five, one] = sharesAlarmed(detector, GAUSSIAN, [0.05, 0.02], { seed: 4001, count, length });
      expect(five).toBeGreaterThan(0.02);
      expect(five).toBeLessThan(0.09);
      expect(one).toBeLessThan(0.06);
    }
  });
});

test("ten thousand points, many changes or none", () => {
  const values = quiet(31, 10_000);
  expect(indices(values).length).toBeLessThan(6);
  const steps = values.map((value, i) => value + (Math.floor(i / 100) % 2) * 8);
  const found = new Set(indices(steps));
  for (let at = 100; at < 10_000; at += 100) expect(found.has(at)).toBe(true);
});
