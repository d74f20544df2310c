import { expect, it } from "vitest";
import {
  between,
  isWhole,
  moved,
  placeAfterKey,
  placesIn,
  rangeOfCommits,
  rangeQuery,
  showing,
  ticksIn,
  whole,
  zoomed,
} from "./series-view.ts";

const commits = Array.from({ length: 100 }, (_, i) => i.toString(16).padStart(2, "0").repeat(20));

it("zooms around a place, which stays where it is, and back to everything", () => {
  expect(zoomed({ from: 0, to: 99 }, 100, 0.5, 99)).toEqual({ from: 49, to: 99 });
  const near = zoomed({ from: 20, to: 80 }, 100, 0.5, 50);
  expect(near).toEqual({ from: 35, to: 65 });
  expect(zoomed(near, 100, 2, 50)).toEqual({ from: 20, to: 80 });
  expect(zoomed({ from: 0, to: 80 }, 100, 0.5, 20)).toEqual({ from: 10, to: 50 });
  expect(zoomed({ from: 10, to: 95 }, 100, 3, 50)).toEqual(whole(100));
});

it("zooms in to three points and no further; every step shows fewer", () => {
  let range = whole(100);
  for (let i = 0; i < 60; i++) {
    const next = zoomed(range, 100, 0.9, 70);
    if (range.to - range.from > 2) expect(next.to - next.from).toBeLessThan(range.to - range.from);
    range = next;
  }
  expect(range.to - range.from).toBe(2);
  expect(range.from <= 70 && 70 <= range.to).toBe(true);
});

it("stays within the series, however short it is", () => {
  for (const points of [1, 2, 3, 10])
    for (const range of [
      moved(whole(points), points, 5),
      moved({ from: 0, to: Math.min(2, points - 1) }, points, 50),
      zoomed(whole(points), points, 0.1, 0),
      zoomed(whole(points), points, 10, 0),
      between(0, 0, points),
      between(points + 3, -4, points),
    ]) {
      expect(range.from).toBeGreaterThanOrEqual(0);
      expect(range.to).toBeLessThan(points);
      expect(range.from).toBeLessThanOrEqual(range.to);
    }
});

it("a drag selects from one end to the other, in either direction", () => {
  expect(between(10, 30, 100)).toEqual({ from: 10, to: 30 });
  expect(between(30, 10, 100)).toEqual({ from: 10, to: 30 });
  expect(between(99, 99, 100)).toEqual({ from: 97, to: 99 });
});

it("moves what is shown no more than a point asks for", () => {
  const range = { from: 20, to: 30 };
  expect(showing(range, 100, 25)).toBe(range);
  expect(showing(range, 100, 31)).toEqual({ from: 21, to: 31 });
  expect(showing(range, 100, 5)).toEqual({ from: 5, to: 15 });
});

it("keeps what is shown in the address, by commits", () => {
  const range = { from: 5, to: 40 };
  const query = new URLSearchParams(rangeQuery(commits, range));
  expect(rangeOfCommits(commits, query.get("from"), query.get("to"))).toEqual(range);
  expect(rangeQuery(commits, whole(100))).toBe("");
  expect(rangeOfCommits(commits, null, commits[40]!.slice(0, 7))).toEqual({ from: 0, to: 40 });
  expect(isWhole(rangeOfCommits(commits, "no such", "<script>"), 100)).toBe(true);
  expect(rangeOfCommits([], null, null)).toEqual({ from: 0, to: 0 });
});

it("finds the nearest point to where the pointer is, within what is shown", () => {
  const { x, at } = placesIn({ from: 10, to: 20 }, 100, 200);
  expect([x(10), x(15), x(20)]).toEqual([100, 150, 200]);
  expect([at(100), at(154), at(156), at(0), at(900)]).toEqual([10, 15, 16, 10, 20]);
  const one = placesIn({ from: 0, to: 0 }, 100, 200);
  expect([one.x(0), one.at(-50)]).toEqual([150, 0]);
});

it("keys go from point to point, to the ends, and by quarters of what is shown", () => {
  const range = { from: 20, to: 60 };
  const go = (key: string, place: number) => placeAfterKey(key, place, 100, range);
  expect([go("ArrowLeft", 40), go("ArrowRight", 40), go("Home", 40), go("End", 40)]).toEqual([39, 41, 0, 99]);
  expect([go("PageUp", 40), go("PageDown", 40), go("ArrowLeft", 0), go("ArrowRight", 99)]).toEqual([50, 30, 0, 99]);
  expect(go("a", 40)).toBeNull();
});

it("labels the last point and others at an even distance, none of them too near", () => {
  const ticks = ticksIn({ from: 3, to: 50 }, 400, 90);
  expect(ticks.at(-1)).toBe(50);
  expect(new Set(ticks.slice(1).map((tick, i) => tick - ticks[i]!)).size).toBe(1);
  const { x } = placesIn({ from: 3, to: 50 }, 0, 400);
  expect(x(ticks[1]!) - x(ticks[0]!)).toBeGreaterThanOrEqual(90);
  expect(ticksIn({ from: 0, to: 0 }, 400, 90)).toEqual([0]);
});
