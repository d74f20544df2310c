import { expect, test } from "vitest";
import { bandOf, isSuspect, quartilesOf } from "./gate.ts";

const rule = { floor: 0.05, spread: 3 };

test("without a history there is nothing to expect; with a short one the floor counts", () => {
  expect(bandOf([], rule)).toBeNull();
  const short = bandOf([100, 90, 110, 100], rule)!;
  expect(short).toEqual({ level: 100, low: 95, high: 105 });
  expect(isSuspect(short, 105)).toBe(false);
  expect(isSuspect(short, 105.1)).toBe(true);
  expect(isSuspect(short, 94)).toBe(true);
});

test("while there are few points, their runs tell how far they spread", () => {
  const calm = bandOf([100], rule, [99, 100, 101])!;
  expect(isSuspect(calm, 106)).toBe(true);
  const wild = bandOf([100], rule, [80, 100, 130])!; // quartiles 90 and 115
  expect(isSuspect(wild, 150)).toBe(false);
  expect(isSuspect(wild, 200)).toBe(true);
  expect(bandOf([100, 100], rule, [100, 100])).toEqual({ level: 100, low: 95, high: 105 });
  expect(bandOf([100, 100, 100, 100, 100], rule, [1, 100, 1_000])).toEqual({ level: 100, low: 95, high: 105 });
});

test("quartiles of the last 30 points: a restless series is given room, an old level is forgotten", () => {
  const restless = Array.from({ length: 30 }, (_, i) => 100 + (i % 2 === 0 ? -4 : 4));
  expect(isSuspect(bandOf(restless, rule)!, 110)).toBe(false);
  expect(isSuspect(bandOf(restless, rule)!, 130)).toBe(true);
  const moved = [...new Array(50).fill(200), ...new Array(30).fill(100)];
  expect(bandOf(moved, rule)!.level).toBe(100);
  expect(isSuspect(bandOf(moved, rule)!, 200)).toBe(true);
});

test("one wild point in the history opens no door", () => {
  const history = [...new Array(20).fill(100), 10_000];
  expect(bandOf(history, rule)).toEqual({ level: 100, low: 95, high: 105 });
});

test("of a series that never moves, a floor of 0 lets nothing pass", () => {
  const still = bandOf(new Array(10).fill(7), { floor: 0, spread: 3 })!;
  expect(isSuspect(still, 7)).toBe(false);
  expect(isSuspect(still, 8)).toBe(true);
  expect(isSuspect(bandOf(new Array(10).fill(-7), rule)!, -7.2)).toBe(false);
});

test("quartiles lie between neighbours", () => {
  expect(quartilesOf([4, 1, 3, 2])).toEqual([1.75, 3.25]);
  expect(quartilesOf([5])).toEqual([5, 5]);
});
