import { expect, test } from "vitest";
import {
  formatBytes,
  formatCompact,
  formatCount,
  formatDuration,
  formatNumber,
  formatPercent,
  formatSparsity,
  formatTime,
  plural,
} from "./format.ts";

test("numbers keep the digits that matter", () => {
  expect(formatCount(60_000)).toBe("60,000");
  expect(formatCompact(1_234_567)).toBe("1.23M");
  expect(formatPercent(0.9765)).toBe("97.65");
  expect(formatSparsity(0.9)).toBe("90");
  expect(formatSparsity(0.995)).toBe("99.5");
  expect(formatSparsity(0.58)).toBe("58"); // 0.58 × 100 is 57.99999999999999
  expect(formatNumber(0.000123456)).toBe("0.0001235");
  expect(formatNumber(Number.NaN)).toBe("NaN");
  expect(plural(1, "seed")).toBe("1 seed");
  expect(plural(2_000, "job")).toBe("2,000 jobs");
});

test("times are UTC whatever the machine's zone", () => {
  expect(formatTime(new Date("2026-11-23T23:59:30Z"))).toBe("23 Nov 2026, 23:59");
});

test("durations show the two largest units", () => {
  expect([0, 0.42, 9.96, 75, 60, 3_600, 7_260, 90_061].map(formatDuration)).toEqual([
    "0 s",
    "0.4 s",
    "10 s",
    "1 min 15 s",
    "1 min",
    "1 h",
    "2 h 1 min",
    "1 d 1 h",
  ]);
  expect(formatDuration(Number.POSITIVE_INFINITY)).toBe("–");
});

test("sizes are binary", () => {
  expect([0, 1_023, 1_536, 5 * 1024 * 1024].map(formatBytes)).toEqual(["0 B", "1023 B", "1.5 KiB", "5 MiB"]);
});
