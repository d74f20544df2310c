import { describe, expect, it } from "vitest";
import { type BitsRun, compareBits, compareRuns, noiseOf } from "./comparison.ts";
import { type ComparedSeries, comparisonSentence } from "./comparison-text.ts";
import { metrics } from "./metrics.ts";
import type { Run } from "./points.ts";

const time = metrics.get("iteration-time");
const accuracy = metrics.get("accuracy");
const rule = { floor: 0.05, spread: 3, rounds: 8 };
const runs = (metric: string, values: readonly number[]): Run[] =>
  values.map((value, seed) => ({ seed, values: { [metric]: value } }));
const times = (...values: number[]) => runs("iteration-time", values);

describe("a measured metric", () => {
  it("is held against the history's spread", () => {
    const by = { metric: time, rule, noise: 0.01 };
    expect(compareRuns(times(1), times(1.1), by)).toEqual({
      ...{ before: 1, after: 1.1, change: expect.closeTo(0.1, 12), significance: "clear", relevant: true },
      ...{ magnitude: "small", verdict: "regression" },
    });
    expect(compareRuns(times(1), times(0.9), by)).toMatchObject({ verdict: "improvement" });
    expect(compareRuns(times(1), times(1.1), { ...by, noise: 0.04 })).toMatchObject({
      ...{ significance: "within noise", relevant: true, magnitude: "none", verdict: "none" },
    });
    expect(compareRuns(times(1), times(1.04), by)).toMatchObject({
      ...{ significance: "clear", relevant: false, magnitude: "none", verdict: "none" },
    });
  });

  it("counts its size in multiples of what counts at all: the floor, or the noise where that is more", () => {
    const magnitude = (after: number, noise: number) =>
      compareRuns(times(1), times(after), { metric: time, rule, noise })!.magnitude;
    expect([1.1, 1.2, 1.6].map((after) => magnitude(after, 0))).toEqual(["small", "medium", "large"]);
    expect([1.2, 1.6, 2.6].map((after) => magnitude(after, 0.05))).toEqual(["small", "medium", "large"]);
  });

  it("without a history, its runs speak for themselves from three on each side", () => {
    const by = { metric: time, rule, noise: null };
    expect(compareRuns(times(1, 1), times(2, 2), by)).toMatchObject({ significance: "too few runs", verdict: "none" });
    expect(compareRuns(times(1, 1.01, 0.99), times(1.5, 1.52, 1.49), by)).toMatchObject({ significance: "clear" });
    expect(compareRuns(times(1, 1.4, 0.7), times(1.1, 1.5, 0.8), by)).toMatchObject({ significance: "within noise" });
  });

  it("run as often as a confirmation asks, its runs outweigh a noisy history", () => {
    const often = (level: number) => times(...[0, 1, 2, 3, 4, 5, 6, 7].map((i) => level + 0.001 * i));
    const by = { metric: time, rule, noise: 0.1 };
    expect(compareRuns(often(1), often(1.1), by)).toMatchObject({ significance: "clear", verdict: "regression" });
    expect(compareRuns(often(1).slice(1), often(1.1), by)).toMatchObject({ significance: "within noise" });
  });

  it("from nothing to something has no size but a verdict; missing is no comparison", () => {
    const by = { metric: metrics.get("peak-memory"), rule, noise: 0 };
    expect(compareRuns(runs("peak-memory", [0]), runs("peak-memory", [5]), by)).toMatchObject({
      ...{ change: null, magnitude: "large", verdict: "regression" },
    });
    expect(compareRuns(runs("peak-memory", [0]), times(1), by)).toBeNull();
  });
});

describe("an exact metric", () => {
  const exact = { metric: accuracy, rule: { floor: 0.002, spread: 3, rounds: 1 }, noise: 0.5 };
  const at = (...values: number[]) => runs("accuracy", values);

  it("leaves nothing to chance, whatever the history", () => {
    expect(compareRuns(at(0.95), at(0.9), exact)).toMatchObject({
      ...{ significance: "exact", relevant: true, magnitude: "large", verdict: "regression" },
    });
    expect(compareRuns(at(0.95), at(0.9501), exact)).toMatchObject({ significance: "exact", verdict: "none" });
    expect(compareRuns(at(0.95), at(0.95), exact)).toMatchObject({ change: 0, relevant: false, magnitude: "none" });
  });

  it("is compared over the seeds that both sides ran", () => {
    expect(compareRuns(at(0.95, 0.8), at(0.95), exact)).toMatchObject({ before: 0.95, after: 0.95, change: 0 });
    expect(compareRuns(at(0.95), [{ seed: 7, values: { accuracy: 0.9 } }], exact)).toBeNull();
  });

  it("with a floor of 0 counts any change", () => {
    const any = { ...exact, rule: { ...exact.rule, floor: 0 } };
    expect(compareRuns(at(0.5), at(0.500001), any)).toMatchObject({ relevant: true, magnitude: "small" });
    expect(compareRuns(at(0.5), at(0.5), any)).toMatchObject({ relevant: false, verdict: "none" });
  });
});

it("noise is the quartiles' distance of the latest thirty points, as a share of their median", () => {
  expect(noiseOf([1, 2, 3, 4])).toBeNull();
  expect(noiseOf([10, 9, 11, 8, 12])).toBeCloseTo(0.2, 12); // quartiles 9 and 11
  expect(noiseOf([...Array(100).fill(1_000), ...Array(30).fill(5)])).toBe(0);
  expect(noiseOf([0, 0, 0, 0, 0, 0])).toBeNull();
});

describe("bits", () => {
  const run = (seed: number, head: string, more: Partial<BitsRun> = {}): BitsRun => ({
    ...{ seed, outcome: "completed", values: {}, ticketDigest: "t", trainedDigest: "n", numerics: 1, trace: { head } },
    ...more,
  });

  it("are the same where every shared seed has the same digests", () => {
    const same = { state: "same", seeds: 1, differing: [] };
    expect(compareBits([run(0, "a"), run(1, "b")], [run(0, "a")])).toEqual(same);
    expect(compareBits([run(0, "a")], [run(1, "a")])).toEqual({ state: null, seeds: 0, differing: [] });
  });

  it("change where a trace or a digest does, seed by seed", () => {
    const base = [run(2, "a"), run(1, "b"), run(0, "c")];
    expect(compareBits(base, [run(0, "x"), run(1, "b"), run(2, "x")])).toEqual({
      ...{ state: "changed", seeds: 3, differing: [0, 2] },
    });
    expect(compareBits([run(0, "a")], [run(0, "a", { trainedDigest: "m" })])).toMatchObject({ state: "changed" });
  });

  it("are intended where NUMERICS was raised with them, and mixed where a commit does not agree with itself", () => {
    expect(compareBits([run(0, "a")], [run(0, "b", { numerics: 2 })])).toMatchObject({ state: "intended" });
    expect(compareBits([run(0, "a", { numerics: 2 })], [run(0, "b")])).toMatchObject({ state: "changed" });
    expect(compareBits([run(0, "a")], [run(0, "a"), run(0, "b")])).toEqual({ state: "mixed", seeds: 1, differing: [] });
  });
});

describe("the sentence", () => {
  const same = { state: "same", seeds: 3, differing: [] } as const;
  const one = (name: string, change: number, more: Partial<ComparedSeries> = {}): ComparedSeries => ({
    ...{
      name,
      unit: "ms",
      before: 1,
      after: 1 + change,
      change,
      significance: "clear",
      relevant: true,
      magnitude: "small",
    },
    ...{ verdict: change > 0 ? "regression" : "improvement" },
    ...more,
  });
  const quiet = (name: string) => one(name, 0.001, { significance: "within noise", relevant: false, verdict: "none" });

  it("names the largest and counts the others", () => {
    const series = [one("a", 0.1034), one("b", 0.3), one("c", 0.2), one("d", 0.4), one("e", -0.07), quiet("f")];
    expect(comparisonSentence(series, [same, same])).toBe(
      "4 of 6 series got worse: d by 40 %, b by 30 %, c by 20 % and 1 more; 1 of 6 series got better: e by 7 %; " +
        "nothing else changed beyond noise; the bits are the same.",
    );
  });

  it("tells shares in points", () => {
    const worse = one("accuracy of a", -0.0209, { unit: "1", before: 0.957, after: 0.937, verdict: "regression" });
    expect(comparisonSentence([worse], [])).toContain("accuracy of a by 2 percentage points;");
  });

  it("says what it does not know, and what is too small to count", () => {
    const open = one("b", 0.5, { significance: "too few runs", verdict: "none" });
    const little = one("c", 0.01, { significance: "exact", relevant: false, verdict: "none" });
    const changed = { state: "changed", seeds: 3, differing: [] } as const;
    expect(comparisonSentence([quiet("a"), open, little], [same, changed])).toBe(
      "1 of 3 series changed by less than the policy's floor, nothing else beyond noise; " +
        "1 has too few runs to tell; other bits in 1 of 2 groups.",
    );
    expect(comparisonSentence([quiet("a")], [changed])).toContain("; other bits in the one group.");
    expect(comparisonSentence([one("a", 0.1), quiet("b"), little], [same])).toBe(
      "1 of 3 series got worse: a by 10 %; 1 more changed by less than the policy's floor, nothing else beyond noise; " +
        "the bits are the same.",
    );
    expect(comparisonSentence([quiet("a")], [same])).toBe(
      "Nothing changed beyond noise in 1 series; the bits are the same.",
    );
    expect(comparisonSentence([], [])).toBe("No series was measured at both commits; bits cannot be compared.");
  });
});
