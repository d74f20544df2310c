import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Result, type SpecInput, suites } from "@ticketmark/core";
import { describe, expect, it } from "vitest";
import { againstReference, pairsOf } from "./compare.ts";
import { compareCommand } from "./compare-command.ts";
import { exampleJob, exampleOutput } from "./fixtures.ts";
import { groupsOf } from "./groups.ts";
import { readResults, type StoredResult } from "./results.ts";

const TOTAL = 10_000;

/** A result of this spec with so many images right. */
function stored(input: Partial<SpecInput>, correct: number, change: Partial<Result> = {}): StoredResult {
  const job = exampleJob(input);
  const result: Result = JSON.parse(new TextDecoder().decode(exampleOutput(job).files.result));
  const score = { correct, total: TOTAL, loss: 0.5 };
  const accuracy = { ...result.accuracy!, last: score, afterCut: { ...score, correct: correct - 1_000 } };
  return { folder: "x", spec: job.spec as StoredResult["spec"], result: { ...result, accuracy, ...change } };
}

const random = { method: "random", sparsity: 0.5 };
const rst = { method: "rst", sparsity: 0.5 };
const seeds = (input: Partial<SpecInput>, counts: readonly number[]) =>
  counts.map((correct, seed) => stored({ ...input, seed }, correct));

describe("groups", () => {
  it("are the seeds of a spec; what did not complete, and a seed's second run, is told and not counted", () => {
    const [group, ...others] = groupsOf([
      ...seeds(random, [9_000, 9_100]),
      stored({ ...random, seed: 1 }, 9_999),
      stored({ ...random, seed: 2 }, 1, { outcome: "diverged", accuracy: null }),
    ]);
    expect(others).toEqual([]);
    expect(group).toMatchObject({ name: "Scratch at 50 %", diverged: 1, failed: 0, repeated: 1, iterations: 1 });
    expect(group!.accuracy).toMatchObject({ n: 2, mean: expect.closeTo(0.905, 12) });
    expect(group!.afterCut!.mean).toBeCloseTo(0.805, 12);
  });

  it("are named by what tells them apart", () => {
    const names = (...inputs: Partial<SpecInput>[]) =>
      groupsOf(inputs.map((input) => stored(input, 9))).map(({ name }) => name);
    expect(names({ method: "dense" }, random)).toEqual(["Dense", "Scratch at 50 %"]);
    expect(names({ ...rst, method: { id: "rst", settle: 7 } }, { ...rst, method: { id: "rst", settle: 8 } })).toEqual([
      "RST at 50 %, settle 7",
      "RST at 50 %, settle 8",
    ]);
    expect(names(random, { ...random, recipe: { epochs: 7 } }).at(1)).toBe("Scratch at 50 %, epochs 7");
    expect(names(random, { ...random, protocol: "paper" })).toContain("Scratch at 50 %, protocol paper");
    const classes = (name: string) => [name, "z"].map((name) => ({ name, train: 300, test: 1 }));
    const imagenet = { ...random, dataset: "imagenet", model: "resnet-18-imagenet" };
    const [a, b] = names({ ...imagenet, classes: classes("a") }, { ...imagenet, classes: classes("b") });
    expect(a).toMatch(/^Scratch at 50 %, classes 2 \([0-9a-f]{8}…\)$/);
    expect(b).not.toBe(a);
    expect(names(random, { ...random, initial: "ab".repeat(32) })).toContain("Scratch at 50 %, initial abababab…");
    const learningRate = [
      { epoch: 0, value: 0.1 },
      { epoch: 2, value: 0.01 },
    ];
    expect(names(random, { ...random, recipe: { learningRate } })).toContain(
      "Scratch at 50 %, learningRate 0.1, 0.01 from epoch 2",
    );
  });
});

describe("result files", () => {
  it("that were changed by hand are refused, and which one it is is said", async () => {
    const { result } = stored(random, 9_000);
    const folder = await mkdtemp(join(tmpdir(), "ticketmark-results-"));
    const path = join(folder, "result.json");
    const refused = async (change: object) => {
      await writeFile(path, JSON.stringify({ ...result, ...change }));
      return expect(readResults([folder])).rejects;
    };
    const says = (what: string) => new RegExp(`^${path}: .*${what}`);
    await writeFile(path, JSON.stringify(result));
    expect(await readResults([folder])).toMatchObject([{ folder, result }]);
    const spec = result.spec as object;
    await (await refused({ spec: { ...spec, sparsity: 0.9 } })).toThrow(says("expected the digest of its spec"));
    await (await refused({ spec: { ...spec, recipe: {} } })).toThrow(says("expected a complete spec"));
    const last = { ...result.accuracy!.last, correct: TOTAL + 1 };
    await (await refused({ accuracy: { ...result.accuracy!, last } })).toThrow(
      says("at most 10000 correct; got 10001"),
    );
    await (await refused({ curves: { ...result.curves, iteration: [1] } })).toThrow(says("length of curve"));
  });
});

describe("pairs", () => {
  it("tells a clear difference, and does not tell an unclear one", () => {
    const groups = groupsOf([...seeds(random, [9_000, 9_010, 9_020]), ...seeds(rst, [9_200, 9_210, 9_215])]);
    const [pair] = pairsOf(groups);
    expect(pair!.verdict).toMatch(/^RST at 50 % is better than Scratch at 50 %, by 1\.98 ± 0\.\d\d points \(p = /);
    expect(pair!.test!.difference).toBeCloseTo(-0.0198333, 6);
    expect(pair!.paired!.degrees).toBe(2);
    const unclear = pairsOf(groupsOf([...seeds(random, [9_000, 9_200]), ...seeds(rst, [9_050, 9_260])]));
    expect(unclear[0]!.verdict).toMatch(/are not told apart: 0\.55 ± /);
    expect(pairsOf(groupsOf([...seeds(random, [9_000]), ...seeds(rst, [9_050])]))[0]).toMatchObject({
      test: null,
      verdict: expect.stringMatching(/single seed/),
    });
  });

  it("corrects over all of them, compares one sparsity only, and by seed only the same seeds", () => {
    const at = (sparsity: number, method: string, counts: number[]) => seeds({ method, sparsity }, counts);
    const groups = groupsOf([
      ...at(0.5, "random", [9_000, 9_010, 9_020]),
      ...at(0.5, "rst", [9_020, 9_030, 9_045]),
      ...at(0.5, "lth", [9_020, 9_035]),
      ...at(0.9, "random", [8_000, 8_010]),
    ]);
    const pairs = pairsOf(groups);
    expect(pairs.map(({ a, b }) => [a.name, b.name])).toEqual([
      ["Scratch at 50 %", "LTH at 50 %"],
      ["Scratch at 50 %", "RST at 50 %"],
      ["LTH at 50 %", "RST at 50 %"],
    ]);
    const least = pairs.toSorted((a, b) => a.test!.p - b.test!.p)[0]!;
    expect(least.test!.corrected).toBeCloseTo(3 * least.test!.p, 12);
    expect(pairs.map(({ paired }) => paired !== null)).toEqual([false, true, false]);
    expect(pairsOf([groups[0]!, groups[3]!])).toHaveLength(1); // asked for, whatever they are
  });

  it("compares neither other classes nor other initial weights", () => {
    const classes = (name: string) => [name, "z"].map((name) => ({ name, train: 300, test: 1 }));
    const task = (change: Partial<SpecInput>) =>
      [random, rst].flatMap((method) => seeds({ ...method, ...change }, [9_000, 9_020]));
    const imagenet = { dataset: "imagenet", model: "resnet-18-imagenet" };
    const pairs = pairsOf(
      groupsOf([
        ...task({}),
        ...task({ initial: "ab".repeat(32) }),
        ...task({ ...imagenet, classes: classes("a") }),
        ...task({ ...imagenet, classes: classes("b") }),
      ]),
    );
    expect(pairs).toHaveLength(4);
    for (const { a, b } of pairs) expect(a.name.replace("Scratch", "RST")).toBe(b.name);
  });
});

describe("a reference", () => {
  const reference = suites.get("mnist-reference").reference!;
  /** Five runs of each row whose mean and spread are the reference's, moved by `shift` points. */
  const measured = (shift: (name: string) => number = () => 0): StoredResult[] =>
    reference
      .rows()
      .flatMap(({ name, spec, mean, sd }) =>
        [-1.2, -0.6, 0, 0.6, 1.2].map((z, seed) =>
          stored({ ...spec, seed }, Math.round(100 * (mean + shift(name) + (z * sd) / 0.9487))),
        ),
      );

  it("is met by its own figures", () => {
    const { rejected, missing, broken, rows } = againstReference(groupsOf(measured()), reference);
    expect([rejected, missing, broken]).toEqual([[], [], []]);
    for (const { test } of rows) expect(Math.abs(test!.z)).toBeLessThan(0.2);
    const rst = rows.find(({ row }) => row.name === "RST at 98 %")!;
    expect(rst.ours!.accuracy!.sd).toBeCloseTo(0.0029, 4);
    expect(rst.afterCut!.difference).toBeCloseTo(0.9569 - 0.1 - 0.506, 3);
  });

  it("is not met by a method that is half a point off, nor in another order, nor by a part of it", () => {
    const off = againstReference(groupsOf(measured((name) => (name === "RST-Iter at 98 %" ? 0.5 : 0))), reference);
    expect(off.rejected.map(({ row }) => row.name)).toEqual(["RST-Iter at 98 %"]);
    const low = againstReference(groupsOf(measured((name) => (name === "RST at 98 %" ? -0.7 : 0))), reference);
    expect(low.broken.map(({ worse }) => worse)).toEqual(expect.arrayContaining(["Scratch, longer at 98 %"]));
    const part = measured().filter(({ spec }) => spec.method.id !== "lth");
    expect(againstReference(groupsOf(part), reference).missing.map(({ row }) => row.name)).toEqual([
      "LTH at 98 %",
      "LTH at 90 %",
    ]);
  });

  it("is read from a suite's folder, and printed whole", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ticketmark-compare-"));
    for (const [i, { result }] of measured().entries()) {
      await mkdir(join(folder, `run-${i}`));
      await writeFile(join(folder, `run-${i}`, "result.json"), JSON.stringify(result));
    }
    await mkdir(join(folder, "unfinished"));
    const command = { paths: [folder], reference: "mnist-reference" };
    const { text, met } = await compareCommand({ ...command, format: "markdown" });
    expect(met).toBe(true);
    expect(text).toMatch(/^\| row +\| seeds \|/);
    expect(text).toMatch(/\| LTH-Iter at 98 % +\| +5 \| 97\.7\d ± 0\.1\d \| 97\.71 ± 0\.13 \|/);
    expect(text).toMatch(/rows compared; none rejected at 1 %; no ordering broken\./);
    expect(JSON.parse((await compareCommand({ ...command, format: "json" })).text)).toMatchObject({
      met: true,
      missing: [],
    });
    const plain = await compareCommand({
      paths: [join(folder, "run-0"), join(folder, "run-1", "result.json")],
      reference: undefined,
      format: "text",
    });
    expect(plain.text).toMatch(/^group +seeds +accuracy %/);
    await expect(
      compareCommand({ paths: [join(folder, "unfinished")], reference: undefined, format: "text" }),
    ).rejects.toThrow(/expected a result, or folders/);
    await expect(compareCommand({ ...command, reference: "quickstart", format: "text" })).rejects.toThrow(
      /measured elsewhere/,
    );
  });
});
