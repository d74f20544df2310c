import { describe, expect, test } from "vitest";
import { studentP } from "../statistics.ts";
import { eDivisive } from "./e-divisive.ts";
import { normalP, normalQuantile } from "./normal-tail.ts";
import { tTest, zTest } from "./point-tests.ts";
import { rustcPerf } from "./rustc-perf.ts";

const repeat = (count: number, value: number) => new Array<number>(count).fill(value);
const indices = (found: readonly { readonly index: number }[]) => found.map(({ index }) => index);
/** Around 10, a mean of exactly 10 over each pair. */
const wave = (count: number) => Array.from({ length: count }, (_, i) => 10 + (i % 2 === 0 ? 1 : -1));

describe("tails of the normal distribution", () => {
  test("agree with tables, on both sides of where the series gives way to the fraction", () => {
    expect(normalP(0)).toBe(1);
    expect(normalP(1.959963984540054)).toBeCloseTo(0.05, 12);
    expect(normalP(-1)).toBeCloseTo(0.31731050786291415, 12);
    expect(normalP(3) / 0.0026997960632601866).toBeCloseTo(1, 10);
    expect(normalP(2.9999999) / normalP(3)).toBeCloseTo(1, 5);
    expect(normalP(6) / 1.973175290075396e-9).toBeCloseTo(1, 10);
    expect(normalQuantile(0.98)).toBeCloseTo(2.3263478740408408, 9);
  });
});

describe("e-divisive", () => {
  // apache/otava's own example (tests/change_point_divisive_test.py): change points 5 and 8
  const example = [0.3, 2.4, 1.5, -0.9, -0.5, 99.7, 98.3, 99.1, 149.0, 149.7, 149.5, 149.1, 148.8, 150.0];

  test("finds what Otava finds", () => {
    expect(indices(eDivisive(0.001).detect(example))).toEqual([5, 8]);
  });

  test("p is a pooled t-test with n in the denominators of the variances", () => {
    const values = [1, 2, 1, 2, 1, 2, 9, 8, 9, 8, 9, 8];
    const [found] = eDivisive(0.001).detect(values);
    expect(found).toMatchObject({ index: 6, before: 1.5, after: 8.5 });
    // both variances 1/4 with n, pooled 1/4; t = 7 ÷ √(¼·(⅙ + ⅙))
    expect(found!.p).toBeCloseTo(studentP(7 / Math.sqrt(1 / 12), 10), 15);
  });

  test("a stricter p keeps fewer points; windows reach the end of a long series", () => {
    const values = Array.from({ length: 400 }, (_, i) => (i % 3) + (i >= 390 ? 9 : 0) + (i >= 100 && i < 104 ? 2 : 0));
    expect(indices(eDivisive(0.001).detect(values))).toContain(390);
    expect(eDivisive(1e-20).detect(example).length).toBeLessThan(2);
  });
});

describe("point tests", () => {
  test("the limit is 2.326 σ of the window for z, the prediction interval for t", () => {
    const before = wave(64); // mean 10, standard deviation √(64/63)
    const sd = Math.sqrt(64 / 63);
    for (const [detector, limit] of [
      [zTest(0.99), 2.3263478740408408],
      [tTest(0.99), 2.3870077 * Math.sqrt(1 + 1 / 64)], // Student's quantile for 63 degrees of freedom
    ] as const)
      for (const sign of [-1, 1]) {
        expect(indices(detector.detect([...before, 10 + sign * sd * limit * 1.0001]))).toEqual([64]);
        expect(detector.detect([...before, 10 + sign * sd * limit * 0.9999])).toEqual([]);
      }
  });

  test("points flagged one after the other are one alert, at the first", () => {
    expect(indices(zTest(0.99).detect([...wave(40), 20, 21, 22, 10, 11]))).toEqual([40]);
    expect(indices(zTest(0.99).detect([...wave(40), 20, ...wave(4), 60]))).toEqual([40, 45]);
  });

  test("z waits for thirty points, and without spread there is no boundary", () => {
    expect(zTest(0.99).detect([...wave(29), 50])).toEqual([]);
    expect(indices(zTest(0.99).detect([...wave(30), 50]))).toEqual([30]);
    expect(tTest(0.99).detect([...repeat(20, 5), 50])).toEqual([]);
  });
});

describe("rustc-perf", () => {
  test("0.2 % with less than thirty points before both", () => {
    expect(indices(rustcPerf(3).detect([1000, 1001.9, 1001.9, 1004, 1004]))).toEqual([3]);
  });

  test("then Q3 + 3·IQR of the relative changes", () => {
    // 29 changes: half of them of 1 %, half of 2 %: Q1 1 %, Q3 2 %, threshold 5 %
    const history = [1000];
    for (let i = 0; i < 29; i++) history.push(history.at(-1)! / (i % 2 === 0 ? 1.01 : 0.98));
    const last = history.at(-1)!;
    const from = [...history, last];
    const after = (change: number) => indices(rustcPerf(3).detect([...from, last * (1 + change)])).includes(31);
    expect(after(0.051)).toBe(true);
    expect(after(-0.051)).toBe(true);
    expect(after(0.048)).toBe(false);
  });

  test("zero has no relative changes, and ends nothing", () => {
    expect(rustcPerf(3).detect(repeat(50, 0))).toEqual([]);
    expect(() => rustcPerf(3).detect(Array.from({ length: 80 }, (_, i) => i % 2))).not.toThrow();
  });
});
