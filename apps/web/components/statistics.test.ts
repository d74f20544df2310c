import { expect, test } from "vitest";
import { ranks, summarise, uncertainty } from "./statistics.ts";

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

test("overlapping intervals tie; only what lies wholly above pushes down", () => {
  const at = (mean: number, half: number) => ({ mean, half });
  expect(ranks([at(0.97, 0.002), at(0.969, 0.002), at(0.95, 0.003)])).toEqual([
    { rank: 1, tied: true },
    { rank: 1, tied: true },
    { rank: 3, tied: false },
  ]);
  expect(ranks([at(0.9, 0), at(0.95, 0)])).toEqual([
    { rank: 2, tied: false },
    { rank: 1, tied: false },
  ]);
  expect(ranks([])).toEqual([]);
});
