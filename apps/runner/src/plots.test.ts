import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  applyMask,
  architectureOf,
  initialWeights,
  parameters,
  type Result,
  type SpecInput,
  writeTicketFile,
} from "@ticketmark/core";
import { expect, it } from "vitest";
import { exampleJob, exampleOutput } from "./fixtures.ts";
import { groupsOf } from "./groups.ts";
import { plotCommand } from "./plot-command.ts";
import { accuracyPlot, curvesPlot } from "./plots.ts";
import type { StoredResult } from "./results.ts";

function stored(input: Partial<SpecInput>, correct: number): StoredResult {
  const job = exampleJob(input);
  const result: Result = JSON.parse(new TextDecoder().decode(exampleOutput(job).files.result));
  const accuracy = { ...result.accuracy!, last: { correct, total: 200, loss: 1 } };
  const losses = { trainLoss: [1, 1], testLoss: [1, 1] };
  const curves = {
    ...result.curves,
    ...losses,
    phase: [0, 0],
    iteration: [10, 20],
    testAccuracy: [0.5, correct / 200],
  };
  return { folder: "x", spec: job.spec as StoredResult["spec"], result: { ...result, accuracy, curves } };
}
const results = [
  stored({ method: "dense" }, 190),
  ...[0, 1].flatMap((seed) => [
    stored({ method: "random", sparsity: 0.9, seed }, 150 + 6 * seed),
    stored({ method: "random", sparsity: 0.5, seed }, 180 + 6 * seed),
    stored({ method: "lth", sparsity: 0.5, seed }, 200),
  ]),
];
const count = (text: string, what: RegExp) => (text.match(what) ?? []).length;

it("draws a line a method, a point a sparsity with its whisker, and the dense net across; a perfect score has a place", () => {
  const svg = accuracyPlot(groupsOf(results));
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  expect(count(svg, /<circle /g)).toBe(3);
  expect(count(svg, /stroke-width="1.7"/g)).toBe(2);
  for (const name of ["Scratch", "LTH", "Dense"]) expect(svg).toContain(`>${name}</text>`);
  for (const tick of ["50 %", "90 %"]) expect(svg).toContain(`>${tick}</text>`);
  expect(() => accuracyPlot(groupsOf(results.slice(0, 1)))).toThrow(/sparse nets/);
});

it.each([
  [189, 196],
  [195, 195],
  [199, 200],
  [100, 103],
  [0, 1],
  [0, 200],
])("has at least three accuracies to read it by, apart from each other: %i to %i of 200", (low, high) => {
  const runs = [stored({ method: "random", sparsity: 0.5 }, low), stored({ method: "lth", sparsity: 0.5 }, high)];
  for (const svg of [accuracyPlot(groupsOf(runs)), curvesPlot(groupsOf(runs))]) {
    const ticks = [...svg.matchAll(/y="([\d.]+)"[^>]*text-anchor="end"[^>]*>[\d.]+ %</g)].map(([, y]) => Number(y));
    expect(ticks.length).toBeGreaterThanOrEqual(3);
    ticks.sort((a, b) => a - b);
    for (const [i, y] of ticks.slice(1).entries()) expect(y - ticks[i]!).toBeGreaterThan(14);
  }
});

it("speaks of seeds where there are several, and of its scale; leaders are dotted and grey", () => {
  const several = accuracyPlot(groupsOf(results));
  expect(several).toContain("mean and standard deviation over seeds (axis logarithmic in the error)");
  expect(several).not.toMatch(/stroke="(?!#88867e)[^"]*" stroke-width="0.8"/);
  expect(count(several, /stroke="#88867e" stroke-width="0.8" stroke-dasharray="1 3"/g)).toBe(3);
  const one = accuracyPlot(groupsOf(results.slice(0, 3)));
  expect(one).toContain("last epoch (axis logarithmic in the error)");
  expect(one).not.toContain("seeds");
  expect(curvesPlot(groupsOf(results))).toContain("test accuracy (axis logarithmic in the error)");
});

it("draws each seed's curve thinly beside their mean", () => {
  const svg = curvesPlot(groupsOf(results.filter(({ spec }) => spec.sparsity !== 0.5)));
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  expect([count(svg, /stroke-width="1.7"/g), count(svg, /stroke-width="0.7"/g)]).toEqual([2, 2]);
});

it("leads no name across other curves, and draws no mean of seeds that ended at other iterations", () => {
  const lasting = (one: StoredResult, ...iteration: number[]): StoredResult => {
    const curves = { ...one.result.curves, iteration };
    return { ...one, result: { ...one.result, curves } };
  };
  const [dense, first, second] = [0, 1, 4].map((i) => results[i]!) as [StoredResult, StoredResult, StoredResult];
  const alike = curvesPlot(groupsOf([lasting(dense, 10, 20), lasting(first, 10, 20), lasting(second, 10, 20)]));
  expect([count(alike, /<circle /g), count(alike, /stroke-width="0.8"/g)]).toEqual([0, 2]);
  const svg = curvesPlot(groupsOf([lasting(dense, 10, 20), lasting(first, 5, 10), lasting(second, 4, 8)]));
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  expect([count(svg, /<circle /g), count(svg, /stroke-width="0.8"/g)]).toEqual([1, 1]);
  expect([count(svg, /stroke-width="1.7"/g), count(svg, /stroke-width="0.7"/g)]).toEqual([2, 2]); // one in the legend
});

it("draws weights and masks of one run's files, as SVG or PNG", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ticketmark-plot-"));
  const { spec, result } = stored({ method: "rst", sparsity: 0.5 }, 190);
  const architecture = architectureOf(spec);
  const weights = initialWeights(spec);
  const prunable = parameters(architecture).filter((parameter) => parameter.prunable);
  const mask = Object.fromEntries(
    prunable.map(({ name, size }) => [name, Uint8Array.from({ length: size }, (_, i) => i % 2)]),
  );
  const cut = { mask, weights: applyMask(weights, mask) };
  const [{ name, size }] = prunable as [(typeof prunable)[0]];
  const grown = cut.weights[name]!.map((weight) => 1_000 * weight);
  const files = { ticket: cut, trained: { mask, weights: { ...cut.weights, [name]: grown } } };
  for (const kind of ["ticket", "trained"] as const)
    await writeFile(join(folder, `${kind}.tkt`), writeTicketFile(kind, result.specDigest, files[kind], architecture));
  await writeFile(join(folder, "result.json"), JSON.stringify(result));

  const out = join(folder, "out");
  await plotCommand("weights", [folder], `${out}.svg`);
  const svg = await readFile(`${out}.svg`, "utf8");
  const kept = prunable.reduce((sum, { size }) => sum + Math.floor(size / 2), 0);
  expect(svg).toContain(`weights that stay: ${kept.toLocaleString("en-GB")}`);
  const beyond = Number(
    />([\d,]+) beyond ±[\d.]+<\/text>/.exec(svg.slice(svg.indexOf(">after the")))?.[1]?.replace(",", ""),
  );
  expect(beyond).toBeGreaterThan(0.9 * Math.floor(size / 2));
  expect(beyond).toBeLessThan(kept);
  const [initial, ticket] = [...svg.matchAll(/ d="([^"]{200,})"/g)].map(([, d]) => d);
  expect(ticket).toBe(initial); // here nothing was trained before the cut
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);

  await plotCommand("masks", [join(folder, "result.json")], `${out}.png`);
  const png = await readFile(`${out}.png`);
  expect(png.subarray(1, 4).toString()).toBe("PNG");
  expect(png.readUInt32BE(16)).toBeGreaterThan(500); // its width

  await expect(plotCommand("masks", [folder, folder], `${out}.svg`)).rejects.toThrow(
    new RegExp(`one result .*got 2: ${folder}, ${folder}$`),
  );
  await expect(plotCommand("masks", [folder], `${out}.gif`)).rejects.toThrow(/\.svg or \.png/);
});
