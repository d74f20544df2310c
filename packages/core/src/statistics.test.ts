import { expect, test } from "vitest";
import { normals } from "./normal.ts";
import { seededRng } from "./rng.ts";
import {
  holm,
  paired,
  ranks,
  rankText,
  studentP,
  studentQuantile,
  summarise,
  uncertainty,
  welch,
} from "./statistics.ts";

test("mean and sample standard deviation", () => {
  const { n, mean, sd } = summarise([0.9, 0.92, 0.97]);
  expect(n).toBe(3);
  expect(mean).toBeCloseTo(0.93, 12);
  expect(sd).toBeCloseTo(0.0360555, 6); // divided by n − 1
  expect(summarise([0.5])).toEqual({ n: 1, mean: 0.5, sd: null });
  expect(() => summarise([])).toThrow("at least one");
});

test("a single seed has the counting error of the test set, and so has a lucky trio", () => {
  expect(uncertainty({ n: 1, mean: 0.9, sd: null }, 10_000)).toBeCloseTo(0.003, 12);
  expect(uncertainty({ n: 3, mean: 0.9, sd: 0.0001 }, 10_000)).toBeCloseTo(0.003, 12);
  expect(uncertainty({ n: 3, mean: 0.9, sd: 0.01 }, 10_000)).toBe(0.01);
});

test("a rank is the range of places that the intervals leave open", () => {
  const at = (mean: number, half: number) => ({ mean, half });
  expect(ranks([at(0.97, 0.002), at(0.969, 0.002), at(0.95, 0.003)]).map(rankText)).toEqual(["1–2", "1–2", "3"]);
  // the middle one overlaps both its neighbours, which do not overlap each other
  expect(ranks([at(0.98, 0.004), at(0.975, 0.004), at(0.97, 0.004)]).map(rankText)).toEqual(["1–2", "1–3", "2–3"]);
  expect(ranks([at(0.9, 0), at(0.95, 0)]).map(rankText)).toEqual(["2", "1"]);
  expect(ranks([])).toEqual([]);
});

test("Student's distribution: closed forms for 1, 2 and 4 degrees of freedom, and the normal one for many", () => {
  for (const t of [0, 1e-6, 0.1, 0.7, 1, 2.5, 10, 1e3, 1e6]) {
    const t2 = t * t;
    expect(studentP(t, 1)).toBeCloseTo(1 - (2 / Math.PI) * Math.atan(t), 12);
    expect(studentP(-t, 2)).toBeCloseTo(1 - t / Math.sqrt(2 + t2), 12);
    const u = t / Math.sqrt(4 + t2);
    expect(studentP(t, 4)).toBeCloseTo(1 - (3 * u - u * u * u) / 2, 12);
  }
  expect(studentP(1e3, 2)).toBeCloseTo(1e-6, 11);
  expect(studentP(1.959963984540054, 1e6)).toBeCloseTo(0.05, 6);
  expect(studentP(50, 1e4)).toBe(0); // below the smallest double, and no NaN
  // between whole degrees of freedom: the density, summed by the midpoint rule after t = √ν·tan θ
  for (const degrees of [1.5, 3.7, 7.91, 33.3]) {
    const area = (from: number) => {
      const width = (Math.PI / 2 - from) / 20_000;
      let sum = 0;
      for (let i = 0; i < 20_000; i++) sum += Math.cos(from + (i + 0.5) * width) ** (degrees - 1);
      return sum * width;
    };
    const from = Math.atan(2.2 / Math.sqrt(degrees));
    expect(studentP(2.2, degrees)).toBeCloseTo(area(from) / area(0), 5);
  }
});

test("quantiles undo it: tables of Student's t", () => {
  expect(studentQuantile(0.95, 4)).toBeCloseTo(2.776445, 6);
  expect(studentQuantile(0.95, 1)).toBeCloseTo(12.706205, 5);
  expect(studentQuantile(0.99, 8)).toBeCloseTo(3.355387, 6);
  for (const degrees of [1.2, 5.5, 80]) expect(studentP(studentQuantile(0.9, degrees), degrees)).toBeCloseTo(0.1, 12);
});

test("Welch's test by hand; unknown spread is no test, no spread decides", () => {
  const a = summarise([1, 2, 3, 4, 5]); // variance 5/2
  const b = summarise([2, 4, 6]); // variance 4
  const { difference, error, degrees, p } = welch(a, b)!;
  expect(difference).toBe(-1);
  expect(error).toBeCloseTo(Math.sqrt(2.5 / 5 + 4 / 3), 12);
  expect(degrees).toBeCloseTo((1 / 2 + 4 / 3) ** 2 / (0.25 / 4 + 16 / 9 / 2), 12);
  expect(p).toBe(studentP(difference / error, degrees));
  expect(welch(a, summarise([1]))).toBeNull();
  expect(welch(summarise([1, 1]), summarise([1, 1]))!.p).toBe(1);
  expect(welch(summarise([1, 1]), summarise([2, 2]))!.p).toBe(0);
});

test("the paired test sees what all seeds agree on", () => {
  const one = [0.9, 0.95, 0.99];
  const other = one.map((x, i) => x + 0.01 + 0.001 * i);
  expect(welch(summarise(one), summarise(other))!.p).toBeGreaterThan(0.5);
  const { difference, degrees, p } = paired(other.map((x, i) => x - one[i]!))!;
  expect(difference).toBeCloseTo(0.011, 12);
  expect(degrees).toBe(2);
  expect(p).toBeLessThan(0.01);
  expect(paired([0.1])).toBeNull();
});

test("Holm: the smallest p counts all tests, the next one fewer, and none is below one before it", () => {
  const corrected = holm([0.04, 0.01, 0.03, 0.005]);
  [0.06, 0.03, 0.06, 0.02].forEach((p, i) => {
    expect(corrected[i]).toBeCloseTo(p, 12);
  });
  expect(holm([0.9, 0.8])).toEqual([1, 1]);
  expect(holm([])).toEqual([]);
});

test("Welch's test refuses true nulls as often as it says", () => {
  const normal = normals(seededRng(1));
  const draw = (n: number, scale: number) => summarise(Array.from({ length: n }, () => scale * normal()));
  let refused = 0;
  for (let i = 0; i < 2_000; i++) if (welch(draw(5, 1), draw(3, 2))!.p < 0.05) refused++;
  expect(refused / 2_000).toBeGreaterThan(0.03);
  expect(refused / 2_000).toBeLessThan(0.075);
});
