/** What TypeScript and C both say: struct conv, block sizes, names of operations, read from the headers' text. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { MEMORY_LIMIT, planArena } from "./arena.ts";
import { BATTERY_NETS } from "./battery-nets.ts";
import { CONV_WORDS, KEPT_WORD } from "./body.ts";
import { OPS } from "./program.ts";
import { stagesOf } from "./stages.ts";
import { GROUP, MOST_OUTPUTS, PATCHES } from "./tiles.ts";

/** Without its comments. */
const header = (name: string): string =>
  readFileSync(new URL(`kernels/${name}`, import.meta.url), "utf8").replace(/\/\/.*/g, "");

test("struct conv has the words that are written, and `kept` is where it is said to be", () => {
  const [, body] = /struct conv \{([^}]*)\}/.exec(header("body.h"))!;
  const fields = body!.split(";").flatMap((line) => {
    const [, names] = /^\s*u32 ([\w, ]+)$/.exec(line) ?? [];
    expect(names ?? line.trim(), "only words of 32 bits").toBe(names ?? "");
    return names?.split(", ") ?? [];
  });
  expect(fields).toHaveLength(CONV_WORDS);
  expect(fields.indexOf("kept")).toBe(KEPT_WORD);
  const { body: place } = planArena(stagesOf(BATTERY_NETS.residual), 16, 1, MEMORY_LIMIT);
  for (const { at, toImages } of place!.convs.values())
    for (const struct of [at, toImages])
      expect(place!.writes.find((write) => write.at === struct)!.words).toHaveLength(CONV_WORDS);
});

test("block sizes that scratch memory is planned with are the kernels'", () => {
  const blocks = (name: string): number[] =>
    [...header("blocks.h").matchAll(new RegExp(`#define ${name} +(\\d+)`, "g"))].map(([, size]) => Number(size));
  expect(blocks("PATCHES")).toEqual([PATCHES]);
  expect(blocks("GROUP")).toEqual([GROUP]);
  expect(Math.max(...blocks("AREA_OUTPUTS"))).toBe(MOST_OUTPUTS);
});

test("operations have one order", () => {
  const [, names] = /enum \{ (BARRIER[^}]*) \}/.exec(header("table.h"))!;
  const shortened: Record<string, string> = { DROP: "dropout", DROP_BACK: "dropout-back" };
  const ops = names!.split(/,\s*/).map((name) => shortened[name] ?? name.toLowerCase().replaceAll("_", "-"));
  expect(ops).toEqual([...OPS]);
});
