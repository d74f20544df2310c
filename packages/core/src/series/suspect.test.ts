import { describe, expect, test } from "vitest";
import { suspect } from "./suspect.ts";

const rule = { floor: 0.05, spread: 3, rounds: 8 };
const nothing = { explained: () => false, looked: () => false };
const deaf = { ...{ id: "deaf", name: "", summary: "", source: "" }, detect: () => [] };
const finds = (index: number, before: number, after: number) => ({
  ...deaf,
  detect: () => [{ index, before, after, p: 0.001 }],
});
/** A change at that point is confirmed. */
const spans = (index: number) => (base: string, head: string) =>
  Number(base.slice(1)) < index && index <= Number(head.slice(1));
const points = (...values: number[]) => values.map((value, i) => ({ commit: `c${i}`, value }));

describe("the gate", () => {
  test("says nothing of quiet series, nor of one point", () => {
    expect(suspect(points(), rule, nothing, deaf)).toBeNull();
    expect(suspect(points(100), rule, nothing, deaf)).toBeNull();
    expect(suspect(points(100, 102, 99, 101, 100, 103), rule, nothing, deaf)).toBeNull();
  });

  test("suspects the first point beyond its history, against the point before it", () => {
    expect(suspect(points(100, 101, 100, 112, 112), rule, nothing, deaf)).toEqual({
      ...{ base: "c2", head: "c3", reason: "beyond what the last 3 points do" },
    });
    expect(suspect(points(100, 80), rule, nothing, deaf)).toMatchObject({ base: "c0", head: "c1" });
  });

  test("never suspects a commit that runs the same code as the one before it", () => {
    const coded = (...codes: string[]) => points(100, 100, 100, 150).map((point, i) => ({ ...point, code: codes[i]! }));
    expect(suspect(coded("a", "a", "a", "a"), rule, nothing, deaf)).toBeNull();
    expect(suspect(coded("a", "a", "a", "b"), rule, nothing, deaf)).toMatchObject({ base: "c2", head: "c3" });
    const unknown = coded("a", "a", "a", "a").map((point) => ({ ...point, code: null }));
    expect(suspect(unknown, rule, nothing, deaf)).toMatchObject({ head: "c3" });
  });

  test("gives a restless series room from its first point on", () => {
    const restless = points(100, 120).map((point) => ({ ...point, runs: [80, 100, 130] }));
    expect(suspect(restless, rule, nothing, deaf)).toBeNull();
    const calm = points(100, 120).map((point) => ({ ...point, runs: [99, 100, 101] }));
    expect(suspect(calm, rule, nothing, deaf)).toMatchObject({ head: "c1" });
  });

  test("goes back to the last point of the old level, where the new one began below the floor", () => {
    expect(suspect(points(100, 100, 100, 104, 107), rule, nothing, deaf)).toMatchObject({ base: "c2", head: "c4" });
  });

  test("starts anew after a confirmed change, and lets pass what follows one that came to nothing", () => {
    const step = points(100, 100, 100, 120, 120, 121);
    expect(suspect(step, rule, { ...nothing, explained: (_, head) => head === "c3" }, deaf)).toBeNull();
    const later = { ...nothing, explained: (_: string, head: string) => head === "c3" };
    expect(suspect([...step, ...points(0, 0, 0, 0, 0, 0, 140).slice(6)], rule, later, deaf)).toMatchObject({
      head: "c6",
    });
    const dismissed = { ...nothing, looked: (head: string) => head === "c3" };
    expect(suspect(step, rule, dismissed, deaf)).toBeNull();
    const long = points(...new Array(12).fill(100), 120, 120, 121, 120);
    const once = { ...nothing, looked: (head: string) => head === "c12" };
    expect(suspect(long.slice(0, 15), rule, once, deaf)).toBeNull();
    expect(suspect(long, rule, once, deaf)).toMatchObject({ base: "c11", head: "c15" });
  });
});

describe("a change of level that the gate does not see", () => {
  const drift = points(...new Array(10).fill(100), ...new Array(10).fill(104));
  const wide = points(...drift.map(({ value }, i) => value + (i % 2)));
  const loose = { ...rule, floor: 0.03, spread: 20 };

  test("is suspected around the change point", () => {
    expect(suspect(wide, loose, nothing, finds(10, 100.5, 104.5))).toEqual({
      ...{ base: "c7", head: "c13", reason: "a change of level in its history" },
    });
  });

  test("is let go where it is small, explained, or was looked into", () => {
    const found = finds(10, 100, 104);
    expect(suspect(wide, rule, nothing, found)).toBeNull();
    expect(suspect(wide, loose, { ...nothing, explained: spans(10) }, found)).toBeNull();
    expect(suspect(wide, loose, { ...nothing, looked: (head) => head === "c12" }, found)).toBeNull();
    expect(suspect(wide.slice(0, 9), loose, nothing, finds(5, 100, 104))).toBeNull();
  });
});
