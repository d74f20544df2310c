import { expect, test } from "vitest";
import { densityPosition, rangeOf, sparsityTicks, spread } from "./chart-axis.ts";

test("each tenth of the density is one step to the right", () => {
  expect(densityPosition(0)).toBeCloseTo(0);
  expect(densityPosition(0.9)).toBeCloseTo(1);
  expect(densityPosition(0.99)).toBeCloseTo(2);
});

test("measured sparsities are labelled first; round ones fill the room that is left", () => {
  const place = (s: number) => densityPosition(s) * 100;
  expect(sparsityTicks([0.5, 0.9, 0.98], place, 20)).toEqual([0.5, 0.7, 0.9, 0.95, 0.98]);
  expect(sparsityTicks([0.9, 0.91, 0.98], place, 20)).toEqual([0.9, 0.95, 0.98]);
  expect(sparsityTicks([0.97], place, 20)).toEqual([0.97]);
});

test("names are moved apart, as little as needed, and stay inside", () => {
  expect(spread([10, 50], 12, 0, 100)).toEqual([10, 50]);
  expect(spread([50, 50, 50], 12, 0, 100)).toEqual([38, 50, 62]);
  expect(spread([99, 98, 97], 10, 0, 100)).toEqual([100, 90, 80]);
  const crowded = spread([10, 12, 20, 21, 90], 10, 0, 100);
  const sorted = [...crowded].sort((a, b) => a - b);
  for (let i = 1; i < sorted.length; i++) expect(sorted[i]! - sorted[i - 1]!).toBeGreaterThanOrEqual(10 - 1e-9);
  expect(crowded[4]).toBe(90);
});

test("a range of equal values still has a width", () => {
  expect(rangeOf([0.5, 0.5])).toEqual([0.495, 0.505]);
});
