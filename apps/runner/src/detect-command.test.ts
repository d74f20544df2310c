import { spawnSync } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ChangePoint, DEFAULT_DETECTOR, detectors } from "@ticketmark/core";
import { beforeEach, describe, expect, it } from "vitest";
import { detectCommand } from "./detect-command.ts";

let path: string;
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), "ticketmark-detect-")), "series");
});

const METHOD = "e-divisive";
/** Detects in this text as a file. */
async function detect(text: string, { method = METHOD, json = false } = {}): Promise<string> {
  await writeFile(path, text);
  return detectCommand({ path, method, json, width: 80 });
}
const detectJson = async (text: string, method?: string) => JSON.parse(await detect(text, { json: true, method }));

/** 80 values around 100, from place 41 on around `level`; no draw, so that the text is always the same. */
const values = (level: number) =>
  Array.from({ length: 80 }, (_, i) => (i < 41 ? 100 : level) + ((i * 7) % 5) / 4 - 0.5);
const commits = values(0).map((_, i) => `c0ffee${String(i).padStart(34, "0")}`);
const csv = ["commit,ms,MB", ...values(0).map((_, i) => [commits[i], values(110)[i], values(100)[i]])].join("\n");
const step = { index: 41, commit: commits[41], before: expect.closeTo(100, 1), after: expect.closeTo(110, 1) };

describe("ticketmark detect", () => {
  it("writes the change points of each series as JSON, with their commits where there are any", async () => {
    const p = expect.any(Number);
    const found = {
      series: [
        { name: "ms", changePoints: [{ ...step, p }] },
        { name: "MB", changePoints: [] },
      ],
    };
    expect(await detectJson(csv)).toStrictEqual(found);
    const series = [
      { name: "ms", values: values(110), commits },
      { name: "MB", values: values(100) },
    ];
    expect(await detectJson(JSON.stringify({ series }))).toStrictEqual(found);
    const { commit: _, ...bare } = step;
    const [without] = (await detectJson(JSON.stringify({ series: [{ name: "ms", values: values(110) }] }))).series;
    expect(without.changePoints).toStrictEqual([{ ...bare, p }]);
  });

  it("counts the values of a series, not the rows of the file", async () => {
    const gaps = csv.replace(/\n/g, "\nnone,,1\n");
    const [ms] = (await detectJson(gaps)).series;
    expect(ms.changePoints).toMatchObject([{ index: 41, commit: commits[41] }]);
  });

  it("draws each series, and says what changed where", async () => {
    const lines = (await detect(csv)).split("\n");
    expect(lines.slice(0, 3)).toEqual([
      "2 series, 160 values: 1 change, in 1 series (E-divisive)".replace("E-divisive", detectors.get(METHOD).name),
      "",
      "ms: 80 values",
    ]);
    const mark = lines.findIndex((line) => /^ +▲$/.test(line));
    expect(lines[mark]!.indexOf("▲")).toBe("110.5 ┤".length + Math.floor(41 / 2));
    expect(lines[mark + 1]).toMatch(/^▲ 41 {2}commit c0ffee000000… {2}99\.99 → 110 \(\+10 %\) {2}p \S+$/);
    expect(lines[mark + 2]).toBe("");
    expect(lines[mark + 3]).toBe("MB: 80 values, no change");
  });

  it("lets no name or commit of a file command the terminal or break a line", async () => {
    const series = [{ name: "a\x1b[2J\n\tb", values: values(110), commits: commits.map(() => "\x9b\nc") }];
    const text = await detect(JSON.stringify({ series }));
    expect(text).toContain("\na\\u001b[2J  b: 80 values\n");
    expect(text).toContain("▲ 41  commit \\u009b c  ");
  });

  it("takes every detector, and series that have little to detect in", async () => {
    const short = { series: [0, 1, 2, 3].map((n) => ({ name: `${n}`, values: new Array(n).fill(-1) })) };
    for (const id of detectors.ids) {
      const { series } = await detectJson(JSON.stringify(short), id);
      expect(series).toEqual(short.series.map(({ name }) => ({ name, changePoints: [] })));
      expect(await detect(JSON.stringify(short), { method: id })).toContain(
        "\n\n0: 0 values\n\n1: 1 value, no change\n−1 ┤⠒⠒",
      );
    }
    await expect(detect(csv, { method: "magic" })).rejects.toMatchObject({ name: "Problem" });
    expect(detectors.ids).toContain(DEFAULT_DETECTOR);
  });

  it("finds in the largest values that a file may have what it finds in small ones", async () => {
    const lines = (unit: string) => ["ms", ...values(110).map((value) => `${(value - 105) / 10}${unit}`)].join("\n");
    for (const id of detectors.ids) {
      const found = async (unit: string): Promise<ChangePoint[]> =>
        (await detectJson(lines(unit), id)).series[0].changePoints;
      const [small, large] = [await found(""), await found("e100")];
      expect(large).toMatchObject(small.map(({ index, p }) => ({ index, p: expect.closeTo(p) })));
      for (const { before, after } of large) expect([before, after].every(Number.isFinite)).toBe(true);
    }
  });

  it("gives no share of a level of 0", async () => {
    const text = await detect(
      `ms\n${values(110)
        .map((_, i) => (i < 41 ? 0 : 5))
        .join("\n")}`,
    );
    expect(text).toMatch(/\n▲ 41 {2}0 → 5 {2}p \S+$/);
  });

  it("reads stdin, by the default detector where none is named", async () => {
    const program = fileURLToPath(new URL("../bin/ticketmark.js", import.meta.url));
    const run = (input: string, ...args: string[]) =>
      spawnSync(process.execPath, [program, "detect", "-", ...args], { input, encoding: "utf8" });
    const found = run(csv, "--json");
    expect([found.status, found.stderr]).toEqual([0, ""]);
    expect(JSON.parse(found.stdout)).toEqual(await detectJson(csv, DEFAULT_DETECTOR));
    const wrong = run("ms\nabc", "--json");
    expect([wrong.status, wrong.stdout]).toEqual([1, ""]);
    expect(JSON.parse(wrong.stderr).detail).toBe('stdin:2: column "ms": expected a number; got "abc"');
    expect(run(csv, "--method", "magic").status).toBe(2);
  });
});
