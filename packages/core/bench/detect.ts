/**
 * `npm run bench:detect`: false alerts and steps found of every change-point detector, on seeded series of which the truth is
 * known. Prints the tables and rewrites them in src/series/README.md; with `--quick` fewer series, printed only.
 */
import { readFile, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { DEFAULT_DETECTOR, detectors, MAX_POINTS } from "../src/series/index.ts";
import { milliseconds } from "./detect-measure.ts";
import { NOISES } from "./detect-noise.ts";
import { type Counts, hardNoises, honesty, mainTable, NOTES, otherNoises, sweepTable } from "./detect-tables.ts";

/** The detector was tuned on seeds below 1,000. */
const SEED = 20_261_124;
const README = new URL("../src/series/README.md", import.meta.url);
const BEGIN = "<!-- begin: npm run bench:detect -->";
const END = "<!-- end: npm run bench:detect -->";

const { quick } = parseArgs({ options: { quick: { type: "boolean", default: false } } }).values;
const counts: Counts = quick
  ? { seed: SEED, quiet: 200, steps: 100, sweep: 50 }
  : { seed: SEED, quiet: 2500, steps: 1000, sweep: 300 };

/** Milliseconds for one quiet series as long as may be. */
const longest = () =>
  milliseconds(detectors.get(DEFAULT_DETECTOR), NOISES[0], { seed: SEED, count: 1, length: MAX_POINTS }).toFixed(0);

const sections: readonly (readonly [title: string, body: () => string])[] = [
  ["All detectors", () => mainTable(counts)],
  ["Steps under other noise, found, %", () => otherNoises(counts)],
  ["Harder noise: false alerts per 1,000 quiet points", () => hardNoises(counts)],
  ["What the thresholds trade", () => sweepTable(counts)],
  [`Quiet Gaussian series in which ${DEFAULT_DETECTOR} finds anything of at most that p`, () => honesty(counts)],
];

const begun = performance.now();
const parts = [
  `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim() ?? "unknown processor"}, Node ${process.versions.node}, one thread. Seed ${SEED}; ` +
    `${counts.quiet} quiet series of each noise, ${counts.steps} with each step (under other noise half as many, for thresholds and harder noise ${counts.sweep}).`,
  NOTES.map((note) => `- ${note}`).join("\n"),
];
for (const part of parts) console.log(`${part}\n`);
for (const [title, body] of sections) {
  const part = `### ${title}\n\n${body()}`;
  console.log(`${part}\n`);
  parts.push(part);
}
parts.push(`${MAX_POINTS} quiet points take ${DEFAULT_DETECTOR} ${longest()} ms.`);
console.log(parts.at(-1));
console.log(`${((performance.now() - begun) / 1000).toFixed(0)} s`);

if (!quick) {
  const text = await readFile(README, "utf8");
  const [start, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`README.md: expected ${BEGIN} and, after it, ${END}`);
  await writeFile(README, `${text.slice(0, start)}${BEGIN}\n${parts.join("\n\n")}\n${text.slice(end)}`);
}
