import { expect, test } from "vitest";
import { ranks, rankText, summarise, uncertainty } from "./statistics.ts";

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
