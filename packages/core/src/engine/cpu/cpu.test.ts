/** The cpu engine (wasm, one thread) against the reference engine, and the promises that only it makes. */
import { beforeAll, describe, expect, test } from "vitest";
import type { Architecture } from "../../layers.ts";
import { applyMask, type Mask } from "../../mask.ts";
import { Problem } from "../../problem.ts";
import { seededRng } from "../../rng.ts";
import type { Weights } from "../../weights.ts";
import type { Engine, Network } from "../engine.ts";
import { referenceEngine } from "../reference/reference.ts";
import { type Case, drawCase, drawNumbers, plainUpdate } from "./battery.ts";
import { sparseLimit } from "./choose.ts";
import { buildKernels } from "./node/build.ts";
import { wasmEngine } from "./wasm.ts";

let cpu: Engine;
beforeAll(async () => {
  cpu = await wasmEngine((await buildKernels()).bytes);
});

/** Largest |a − b| over max(1, largest |b|). */
function distance(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  let most = 0;
  let scale = 1;
  for (let i = 0; i < a.length; i++) {
    most = Math.max(most, Number.isNaN(a[i]! - b[i]!) ? Number.POSITIVE_INFINITY : Math.abs(a[i]! - b[i]!));
    scale = Math.max(scale, Math.abs(b[i]!));
  }
  return most / scale;
}
function expectClose(a: Weights, b: Weights): void {
  expect(Object.keys(a)).toEqual(Object.keys(b));
  for (const [name, values] of Object.entries(a)) expect(distance(values, b[name]!), name).toBeLessThan(2e-6);
}
const bits = (values: Float32Array) => [...new Uint32Array(values.buffer, values.byteOffset, values.length)];
const bitsOf = (weights: Weights) => Object.entries(weights).map(([name, values]) => [name, bits(values)]);

async function pair(one: Case, maxBatch = one.batch) {
  const drawn = drawCase(one);
  const open = async (engine: Engine): Promise<Network> => {
    const network = await engine.compile(drawn.net, maxBatch);
    await network.write("weights", drawn.weights);
    network.setMask(drawn.mask);
    network.setPenalty(drawn.penalty);
    return network;
  };
  return { ...drawn, ours: await open(cpu), reference: await open(referenceEngine()) };
}

const shapes = [
  [1, 1],
  [3, 2],
  [5, 7, 3],
  [31, 33, 4],
  [65, 48, 20, 10],
  [784, 30, 10],
];
const cases: Case[] = [1, 5, 16, 60, 64, 100].flatMap((batch) =>
  shapes.flatMap((widths) => [1, 0.7, 0.2].map((kept) => ({ widths, batch, ...(kept < 1 && { kept }) }))),
);

describe("a pass in both directions", () => {
  test.each(cases)("$widths, batch $batch, kept $kept", async (one) => {
    const { ours, reference, images, outputGradient, labels } = await pair(one);
    const a = await ours.probe(images, one.batch, outputGradient);
    const b = await reference.probe(images, one.batch, outputGradient);
    expectClose({ output: a.output, input: a.inputGradient }, { output: b.output, input: b.inputGradient });
    expectClose(a.gradients, b.gradients);
    expectClose(await ours.gradients(images, labels, 0.1), await reference.gradients(images, labels, 0.1));
    const [mine, theirs] = [await ours.evaluate(images, labels), await reference.evaluate(images, labels)];
    expect(mine.correct).toBe(theirs.correct);
    expect(Math.abs(mine.loss - theirs.loss)).toBeLessThan(1e-5 * one.batch);
  });
});

const updates: Case[] = [
  { widths: [20, 15, 5], batch: 10 },
  { widths: [20, 15, 5], batch: 10, bias: false },
  { widths: [20, 15, 5], batch: 10, update: { momentum: 0, weightDecay: 0 } },
  { widths: [20, 15, 5], batch: 10, update: { nesterov: true, labelSmoothing: 0.2 } },
  { widths: [20, 15, 5], batch: 10, penalty: 0.5 },
  { widths: [20, 15, 5], batch: 10, penalty: 0.5, update: { lossGradient: "blocked" } },
  { widths: [20, 15, 5], batch: 10, kept: 0.8, penalty: 0.5, update: { nesterov: true } },
  { widths: [20, 15, 5], batch: 10, kept: 0.2, penalty: 0.5, update: { nesterov: true } },
  { widths: [20, 15, 5], batch: 10, kept: 0.2, penalty: 0.5, update: { lossGradient: "blocked" } },
];
test.each(updates)("five steps: $widths kept $kept penalty $penalty $update", async (one) => {
  const { ours, reference, images, labels, update } = await pair(one);
  for (const network of [ours, reference]) {
    for (let i = 0; i < 4; i++) await network.step(images, labels, update);
    await network.step(images.subarray(0, 3 * one.widths[0]!), labels.subarray(0, 3), update);
  }
  expectClose({ losses: await ours.losses() }, { losses: await reference.losses() });
  expect(await ours.losses()).toHaveLength(0);
  expectClose(await ours.read("weights"), await reference.read("weights"));
  expectClose(await ours.read("momentum"), await reference.read("momentum"));
});

test("the update alone works from the gradients as they stand", async () => {
  const { ours, reference, images, labels, weights, update } = await pair({
    widths: [9, 6, 4],
    batch: 7,
    penalty: 0.1,
  });
  const ones = Object.fromEntries(Object.entries(weights).map(([name, w]) => [name, w.map((x) => x * 0.3)]));
  for (const network of [ours, reference]) {
    await network.write("gradients", ones);
    await network.update(update);
    await network.gradients(images, labels);
    await network.update({ ...update, lossGradient: "blocked" });
  }
  expectClose(await ours.read("weights"), await reference.read("weights"));
});

test("ReLU may come first, last and twice, and flattening anywhere", async () => {
  const linear = { kind: "linear", bias: true, prunable: true } as const;
  const net: Architecture = {
    input: [2, 3, 2],
    classes: 6,
    layers: [
      { kind: "relu" },
      { kind: "flatten" },
      { ...linear, name: "a", inputs: 12, outputs: 9 },
      { ...linear, name: "b", inputs: 9, outputs: 6 },
      { kind: "relu" },
      { kind: "relu" },
    ],
  };
  const rng = seededRng(3);
  const [x, d] = [drawNumbers(rng, 4 * 12), drawNumbers(rng, 4 * 6)];
  const weights = {
    "a.weight": drawNumbers(rng, 108),
    "a.bias": drawNumbers(rng, 9),
    "b.weight": drawNumbers(rng, 54),
    "b.bias": drawNumbers(rng, 6),
  };
  const results = [];
  for (const engine of [cpu, referenceEngine()]) {
    const network = await engine.compile(net, 4);
    await network.write("weights", weights);
    const { output, inputGradient, gradients } = await network.probe(x, 4, d);
    results.push({ output, inputGradient, ...gradients });
  }
  expectClose(results[0]!, results[1]!);
});

describe("what is promised exactly", () => {
  const density = (share: number): Case => ({ widths: [40, 30, 8], batch: 20, kept: share });

  test("a sparse weight gives the bits of the same weight stored whole", async () => {
    const { ours, images, outputGradient, weights, mask } = await pair(density(0.3));
    for (const values of Object.values(mask!))
      expect(values.filter(Boolean).length).toBeLessThan(sparseLimit(values.length));
    const whole = await cpu.compile(drawCase(density(0.3)).net, 20);
    await whole.write("weights", applyMask(weights, mask!));
    const [a, b] = [await ours.probe(images, 20, outputGradient), await whole.probe(images, 20, outputGradient)];
    expect(bits(a.output)).toEqual(bits(b.output));
    expect(bits(a.inputGradient)).toEqual(bits(b.inputGradient));
    expect(bitsOf(a.gradients)).toEqual(bitsOf(applyMask(b.gradients, mask!)));
  });

  test.each([0.8, 0.3])("pruned weights are +0 and stay so, %s kept", async (share) => {
    const { ours, images, labels, update, mask } = await pair(density(share));
    for (let i = 0; i < 3; i++) await ours.step(images, labels, update);
    for (const what of ["weights", "momentum", "gradients"] as const) {
      const values = await ours.read(what);
      for (const [name, kept] of Object.entries(mask!)) {
        expect(bits(values[name]!).filter((b, i) => !kept[i] && b !== 0)).toEqual([]);
        expect(values[name]!.some((x) => x !== 0)).toBe(true);
      }
    }
  });

  test("a batch gives the same bits whatever came before it and whatever batch was planned for", async () => {
    const one: Case = { widths: [21, 12, 5], batch: 37 };
    const { ours, images, labels, update } = await pair(one);
    const roomy = (await pair(one, 100)).ours;
    const stale = drawNumbers(seededRng(9), 100 * 21, 1e30);
    stale[99 * 21] = Number.NaN;
    await roomy.evaluate(stale, new Uint8Array(100));
    for (const network of [ours, roomy]) await network.step(images, labels, update);
    expect(bits(await roomy.losses())).toEqual(bits(await ours.losses()));
    expect(bitsOf(await roomy.read("weights"))).toEqual(bitsOf(await ours.read("weights")));
  });

  test("evaluation is of any number of examples", async () => {
    const { ours, reference, images, labels } = await pair({ widths: [21, 12, 5], batch: 37 }, 10);
    const [a, b] = [await ours.evaluate(images, labels), await reference.evaluate(images, labels)];
    expect(a.correct).toBe(b.correct);
    expect(Math.abs(a.loss - b.loss)).toBeLessThan(1e-4);
  });
});

describe("masks that change", () => {
  const one: Case = { widths: [24, 16, 6], batch: 12, kept: 0.3 };
  const union = (a: Mask, b: Mask, pick: (x: number, y: number) => boolean): Mask =>
    Object.fromEntries(Object.entries(a).map(([name, m]) => [name, m.map((x, i) => (pick(x, b[name]![i]!) ? 1 : 0))]));

  test("momentum of kept weights is kept, that of pruned ones dropped; regrown weights start at 0", async () => {
    const { ours, reference, images, labels, update, mask } = await pair(one);
    const other = drawCase({ ...one, kept: 0.4 }).mask!;
    const masks = [other, null, union(mask!, other, (x, y) => x + y > 0), mask];
    for (const network of [ours, reference]) {
      await network.step(images, labels, update);
      for (const next of masks) {
        network.setMask(next);
        await network.step(images, labels, update);
      }
    }
    expectClose(await ours.read("weights"), await reference.read("weights"));
    expectClose(await ours.read("momentum"), await reference.read("momentum"));
    ours.setMask(other);
    const momentum = await ours.read("momentum");
    for (const name of Object.keys(other)) {
      const both = union(mask!, other, (x, y) => x > 0 && y > 0)[name]!;
      expect(momentum[name]!.every((v, i) => v === 0 || both[i] === 1)).toBe(true);
    }
  });

  test("one layer may be emptied, and the other kept whole", async () => {
    const { ours, reference, images, labels, update } = await pair({ ...one, kept: 1 });
    for (const network of [ours, reference]) {
      network.setMask({ "fc0.weight": new Uint8Array(24 * 16) });
      for (let i = 0; i < 2; i++) await network.step(images, labels, update);
    }
    expectClose(await ours.read("weights"), await reference.read("weights"));
  });

  test("the caller's arrays are copied", async () => {
    const { ours, images, labels, update, mask } = await pair(one);
    const given = Object.fromEntries(Object.entries(mask!).map(([name, m]) => [name, m.slice()]));
    ours.setMask(given);
    for (const m of Object.values(given)) m.fill(1);
    await ours.step(images, labels, update);
    const weights = await ours.read("weights");
    expect(weights["fc0.weight"]!.every((w, i) => w === 0 || mask!["fc0.weight"]![i] === 1)).toBe(true);
  });
});

describe("numbers that are not finite", () => {
  test("a NaN anywhere arrives in the loss, and is never correct", async () => {
    for (const name of ["fc0.weight", "fc0.bias", "fc1.weight", "fc1.bias"]) {
      const { ours, images, labels, weights, update } = await pair({ widths: [6, 5, 3], batch: 4 });
      const broken = { ...weights, [name]: weights[name]!.slice() };
      broken[name]![0] = Number.NaN;
      await ours.write("weights", broken);
      expect((await ours.evaluate(images, labels)).correct, name).toBe(0);
      await ours.step(images, labels, update);
      expect((await ours.losses())[0], name).toBeNaN();
    }
  });

  test("training that blows up says so", async () => {
    const { ours, images, labels, update } = await pair({ widths: [6, 5, 3], batch: 4 });
    for (let i = 0; i < 60; i++) await ours.step(images, labels, { ...update, learningRate: 1e6 });
    expect(Number.isFinite((await ours.losses()).at(-1))).toBe(false);
  });

  test("outputs far apart give finite losses; denormal probabilities are kept", async () => {
    const { ours, reference } = await pair({ widths: [3, 3], batch: 1 });
    const identity = { "fc0.weight": Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1), "fc0.bias": new Float32Array(3) };
    for (const apart of [0, 20, 88, 95, 103, 104.5, 1e4]) {
      const images = Float32Array.of(0, -apart, -1e30);
      for (const network of [ours, reference]) await network.write("weights", identity);
      const mine = await ours.gradients(images, Uint8Array.of(0));
      const theirs = await reference.gradients(images, Uint8Array.of(0));
      expect(Math.abs(mine["fc0.bias"]![1]! - theirs["fc0.bias"]![1]!)).toBeLessThanOrEqual(
        Math.max(2e-45, theirs["fc0.bias"]![1]! * 1e-6),
      );
      expect((await ours.evaluate(images, Uint8Array.of(1))).loss).toBeCloseTo(Math.fround(apart || Math.LN2), 4);
    }
  });
});

describe("what does not fit is refused before anything is written", () => {
  const one: Case = { widths: [6, 5, 3], batch: 4, kept: 0.5 };
  test.each<[string, (n: Network, images: Float32Array, labels: Uint8Array, weights: Weights) => unknown]>([
    ["a label ≥ classes", (n, x) => n.step(x, Uint8Array.of(0, 1, 2, 3), plainUpdate)],
    ["too few images", (n, x, y) => n.step(x.subarray(1), y, plainUpdate)],
    ["too large a batch", (n) => n.step(new Float32Array(30), new Uint8Array(5), plainUpdate)],
    ["an empty batch", (n) => n.step(new Float32Array(0), new Uint8Array(0), plainUpdate)],
    ["a probe of the wrong size", (n, x) => n.probe(x, 4, new Float32Array(11))],
    ["a weight too long", (n, _x, _y, w) => n.write("weights", { ...w, "fc0.bias": new Float32Array(6) })],
    ["an unknown weight", (n, _x, _y, w) => n.write("weights", { ...w, other: new Float32Array(6) })],
    ["a mask too short", async (n) => n.setMask({ "fc1.weight": new Uint8Array(14) })],
    ["a penalty on nothing known", async (n) => n.setPenalty({ on: { other: new Uint8Array(1) }, strength: 1 })],
  ])("%s", async (_name, act) => {
    const { ours, images, labels, weights } = await pair(one);
    const before = bitsOf(await ours.read("weights"));
    await expect(Promise.resolve(act(ours, images, labels, weights))).rejects.toThrow(Problem);
    expect(bitsOf(await ours.read("weights"))).toEqual(before);
    expect(await ours.losses()).toHaveLength(0);
  });

  test("a network larger than the memory, with both figures", async () => {
    const huge: Architecture = {
      input: [30_000, 1, 1],
      classes: 30_000,
      layers: [{ kind: "linear", name: "a", inputs: 30_000, outputs: 30_000, bias: false, prunable: true }],
    };
    await expect(cpu.compile(huge, 1)).rejects.toThrow(/needs \d{11} bytes.*there are 4294967296/);
  });

  test("layers that do not fit each other", async () => {
    const layers = [{ kind: "linear", name: "a", inputs: 4, outputs: 3, bias: true, prunable: true }] as const;
    await expect(cpu.compile({ input: [5, 1, 1], classes: 3, layers }, 1)).rejects.toThrow(
      "layer a: expected 4 × 1 × 1; got 5 × 1 × 1",
    );
    await expect(cpu.compile({ input: [4, 1, 1], classes: 2, layers }, 1)).rejects.toThrow(
      "layer the last: expected 2 × 1 × 1",
    );
  });
});

test("peak memory is known, and holds for any mask", async () => {
  const { ours, net } = await pair({ widths: [50, 20, 10], batch: 8 });
  const parametersBytes = 4 * (50 * 20 + 20 + 20 * 10 + 10);
  expect(ours.peakBytes).toBeGreaterThan(3 * parametersBytes);
  expect((await cpu.compile(net, 800)).peakBytes).toBeGreaterThan(ours.peakBytes);
});
