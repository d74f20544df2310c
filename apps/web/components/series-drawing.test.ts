import { expect, it } from "vitest";
import { badgeSvg } from "./series-badge.ts";
import { type DrawnSeries, layoutOf, NARROW, SeriesDrawing, WIDE } from "./series-drawing.tsx";
import { readOut } from "./series-read-out.ts";
import { escapeXml, svgText } from "./series-svg-text.ts";
import { changeText, valueText } from "./series-units.ts";
import { whole } from "./series-view.ts";

const NASTY = `</title><script>alert("1")</script> & \u0000\ud800'`;

const series = (values: readonly number[]): DrawnSeries => ({
  title: `Iteration time of ${NASTY}`,
  metric: { id: "iteration-time", name: "Iteration time", unit: "ms", kind: "measured", better: "lower" },
  points: values.map((value, i) => ({
    ...{ commit: i.toString(16).padStart(40, "0"), subject: `${NASTY} ${i}`, time: "24 Nov 2026, 10:00" },
    ...{ step: i === 0 ? null : { before: values[i - 1]!, after: value }, missing: i === 3 ? [2] : [] },
    ...{ value, runs: 3, low: value - 0.1, high: value + 0.1, skipped: i === 2 ? 4 : 0, bits: i < 3 ? 0 : 1 },
    band: i === 0 ? null : { level: 1, low: 0.9, high: 1.1 },
  })),
  changes: values.length > 3 ? [{ index: 3, before: 1, after: 1.1 }] : [],
  alerts: values.length > 3 ? [{ index: 3, own: true, title: NASTY }] : [],
});

it("is well-formed as a file, whatever names come in", () => {
  const text = svgText(SeriesDrawing({ series: series([1, 1, 1, 1.1, 1.1]), range: whole(5), box: WIDE }));
  expect(text).toMatch(/^<svg [^>]*viewBox="0 0 1080 440"[^>]*><title>/);
  expect(text).not.toContain("<script");
  expect(text).not.toMatch(/\p{Cs}|(?![\n])\p{Cc}/u);
  expect(text).toContain("+10.0 %");
  const open: string[] = [];
  for (const [, end, name, closed] of text.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (end) expect(open.pop()).toBe(name);
    else if (!closed) open.push(name!);
  }
  expect(open).toEqual([]);
});

it("draws no number that is none, for one point, equal points and a part of a series", () => {
  for (const values of [[5], [0, 0], [1, 1, 1, 1], [1, 1, 1, 1.1, 1e9]])
    for (const box of [WIDE, NARROW])
      for (const range of [whole(values.length), { from: values.length - 1, to: values.length - 1 }]) {
        const text = svgText(SeriesDrawing({ series: series(values), range, box }));
        expect(text).not.toMatch(/NaN|Infinity|undefined/);
      }
});

it("leaves the points room beside a wide band", () => {
  const wide = series([10, 10.1, 10.2, 10.1]);
  const points = wide.points.map((point) => ({
    ...point,
    low: null,
    high: null,
    band: { level: 10, low: 1, high: 30 },
  }));
  const { y, floor } = layoutOf({ ...wide, points }, whole(4), WIDE);
  expect(y(10) - y(10.2)).toBeGreaterThan(floor / 8);
});

it("has no room for what cannot be: less than nothing, more than all", () => {
  const wide = series([1, 3, 2.2, 2.1]);
  const low = wide.points.map((point) => ({ ...point, band: { level: 2, low: -30, high: 30 } }));
  expect(layoutOf({ ...wide, points: low }, whole(4), WIDE).y.domain()[0]).toBe(0);
  const shares = series([0.9, 0.9999]).points.map((point) => ({ ...point, low: null, high: null, band: null }));
  const metric = { ...wide.metric, unit: "1" as const };
  expect(layoutOf({ ...wide, metric, points: shares }, whole(2), WIDE).y.domain()[1]).toBe(1);
});

it("reads a point out: its value, how it differs from the one before, and what is behind it", () => {
  const told = readOut(series([1, 1, 1.1, 1.1]), 2);
  expect(told).toMatchObject({ value: "1.1 ms", change: "+10.0 % to the point before" });
  expect(told.about).toContain("3 runs · quartiles 1 ms … 1.2 ms · bits A · 4 unmeasured commits before it");
  expect(readOut(series([1, 1, 1, 1]), 3)).toMatchObject({ change: "as the point before" });
  expect(readOut(series([1, 1, 1, 1]), 3).text).toContain("other bits (A to B)");
  expect(readOut(series([1, 1, 1, 1]), 3).about).toContain("without seed 2");
  expect(readOut(series([1]), 0).change).toBe("the first point");
});

it("values have as many digits as say something; shares change by points", () => {
  const exact = { unit: "1", kind: "exact" } as const;
  expect(valueText(exact, 0.97653333)).toBe("97.653 %");
  expect([changeText(exact, 0.9, 0.91), changeText(exact, 0.9, 0.9)]).toEqual(["+1 pp", "0 pp"]);
  expect(valueText({ unit: "bytes", kind: "exact" }, 412_345)).toBe("412,345 B");
  expect(valueText({ unit: "bytes", kind: "measured" }, 1_572_864)).toBe("1.5 MiB");
  expect(valueText({ unit: "ms", kind: "measured" }, 0.81234)).toBe("0.8123 ms");
  expect(changeText({ unit: "ms" }, 2, 1.99)).toBe("−0.5 %");
  expect([changeText({ unit: "s" }, 0, 1), changeText({ unit: "s" }, 0, 0)]).toEqual(["from 0", "0 %"]);
});

it("a badge escapes what it says, and has room for it", () => {
  const badge = badgeSvg({ label: `<b>"&`, value: "x".repeat(500), tone: "plain" });
  expect(badge).not.toContain("<b>");
  expect(badge).toContain("&lt;b&gt;&quot;&amp;");
  expect(badge.length).toBeLessThan(2_000);
  expect(escapeXml("a\u0007\ud800b")).toBe("a\ufffd\ufffdb");
});
