/** The tfjs engines against the reference engine and the golden layer cases, on each backend that opens here. */
import { existsSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs-core";
import koffi from "koffi";
import { describe, expect, test } from "vitest";
import { readFolder } from "../../../golden/reader.ts";
import { type Architecture, type Layer, nodesOf, type Pair, parameters, type Shape } from "../../layers.ts";
import type { Mask } from "../../mask.ts";
import { resnetA } from "../../models/resnet.ts";
import { type Rng, seededRng } from "../../rng.ts";
import type { Weights } from "../../weights.ts";
import type { Engine, Network, Update } from "../engine.ts";
import { openEngine } from "../open.ts";
import { referenceEngine } from "../reference/reference.ts";
import { openWebGpuEngine } from "./node/webgpu.ts";

/** Where there is no GPU, WebGPU runs on the SwiftShader that comes with Debian's chromium, if that is installed. */
const SOFTWARE = "/usr/lib/chromium";
function useSoftware(): void {
  if (!existsSync(`${SOFTWARE}/vk_swiftshader_icd.json`)) return;
  process.env.VK_ICD_FILENAMES ??= `${SOFTWARE}/vk_swiftshader_icd.json`;
  koffi.load(`${SOFTWARE}/libvulkan.so.1`); // a library that is loaded already is found by its name
}
await openWebGpuEngine({ hardware: true }).catch(useSoftware);

async function open(id: "webgpu" | "tfjs-cpu"): Promise<Engine | null> {
  try {
    return (await openEngine(id, { cacheDir: tmpdir() })).engine;
  } catch (error) {
    if (id !== "webgpu" || /\bwebgpu\b/.test(process.env.TICKETMARK_REQUIRE ?? "")) throw error;
    console.log(`webgpu is skipped: ${(error as Error).message}`);
    return null;
  }
}
const engines = [await open("tfjs-cpu"), await open("webgpu")].filter((engine) => engine !== null);

const plain: Update = {
  ...{ learningRate: 0.05, momentum: 0.9, weightDecay: 0.01 },
  ...{ nesterov: false, labelSmoothing: 0, lossGradient: "kept" },
};

const numbers = (size: number, rng: Rng): Float32Array =>
  Float32Array.from({ length: size }, () => 2 * rng.uniform() - 1);

/** Random weights; variances above 0. */
function draw(architecture: Architecture, rng: Rng): Weights {
  return Object.fromEntries(
    parameters(architecture).map(({ name, size, fanIn }) => {
      const values = numbers(size, rng).map((x) => x / Math.sqrt(fanIn));
      return [name, name.endsWith("running_var") ? values.map((x) => 1.5 + x) : values];
    }),
  );
}

const labelsFor = (batch: number, classes: number, rng: Rng) =>
  Uint8Array.from({ length: batch }, () => rng.below(classes));

/** e of golden/README.md. */
function expectClose(what: string, got: Float32Array, expected: Float32Array, tolerance = 1e-5): void {
  expect(got.length, what).toBe(expected.length);
  const scale = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
  const error = got.reduce((most, x, i) => Math.max(most, Math.abs(x - expected[i]!)), 0) / scale;
  expect(error, what).toBeLessThanOrEqual(tolerance);
}

function expectAllClose(what: string, got: Weights, expected: Weights, tolerance?: number): void {
  expect(Object.keys(got)).toEqual(Object.keys(expected));
  for (const [name, values] of Object.entries(expected)) expectClose(`${what} ${name}`, got[name]!, values, tolerance);
}

/** The layers, and whatever comes out of them as the logits. */
function netOf(input: Shape, layers: readonly Layer[]): Architecture {
  const all: Layer[] = [...layers, { kind: "flatten" }];
  const features = (classes: number) => nodesOf({ input, classes, layers: all }).at(-1)!.shape[0];
  for (let classes = 1; ; classes = Number(/got (\d+)/.exec(String(attempt(() => features(classes))))![1])) {
    if (typeof attempt(() => features(classes)) === "number") return { input, classes, layers: all };
  }
}
function attempt<T>(run: () => T): T | unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}

const conv = (inputs: number, outputs: number, kernel: Pair, more: Partial<Layer> = {}): Layer => ({
  ...{ kind: "conv", name: "c", inputs, outputs, kernel, stride: [1, 1], padding: [0, 0], groups: 1 },
  ...{ bias: true, prunable: true },
  ...(more as object),
});
const pool = (kind: "max-pool" | "average-pool", kernel: Pair, stride: Pair, padding: Pair = [0, 0]): Layer => ({
  ...{ kind, kernel, stride, padding },
});
const depthwise = { groups: 4, padding: [1, 1] } as const;

const plane: Shape = [4, 7, 6];
const kinds: [string, readonly Layer[], Shape?][] = [
  ["conv 3×3", [conv(4, 5, [3, 3], { padding: [1, 1] })]],
  ["conv 3×3, stride 2, no bias", [conv(4, 5, [3, 3], { padding: [1, 1], stride: [2, 2], bias: false })]],
  ["conv 2×5, strides 1 and 3, paddings 0 and 2", [conv(4, 3, [2, 5], { padding: [0, 2], stride: [1, 3] })]],
  ["conv 3×3, not padded", [conv(4, 5, [3, 3])]],
  ["conv 2×2, padded to more than its size", [conv(4, 5, [2, 2], { padding: [1, 1] })]],
  ["conv 5×3, padded to its size", [conv(4, 3, [5, 3], { padding: [2, 1] })]],
  ["conv 1×1, stride 2", [conv(4, 6, [1, 1], { stride: [2, 2] })]],
  ["conv in 2 groups", [conv(4, 6, [3, 3], { groups: 2, stride: [2, 1] })]],
  ["depthwise conv", [conv(4, 4, [3, 3], depthwise)]],
  ["depthwise conv, two outputs each, stride 2", [conv(4, 8, [3, 3], { ...depthwise, stride: [2, 2] })]],
  ["depthwise conv, two strides", [conv(4, 8, [3, 3], { ...depthwise, stride: [2, 1] })]],
  ["linear after a plane", [{ kind: "flatten" }, linear("l", 168, 9, true)]],
  ["linear without bias", [linear("l", 5, 3, false)], [5, 1, 1]],
  ["batch norm", [{ kind: "batch-norm", name: "b", channels: 4 }]],
  ["batch norm of features", [{ kind: "batch-norm", name: "b", channels: 6 }], [6, 1, 1]],
  ["relu", [{ kind: "relu" }]],
  ["relu6", [{ kind: "relu6" }]],
  ["max pool 2×2", [pool("max-pool", [2, 2], [2, 2])]],
  ["max pool 3×3, stride 2, padded", [pool("max-pool", [3, 3], [2, 2], [1, 1])]],
  ["max pool 3×2, strides 1 and 2, padded", [pool("max-pool", [3, 2], [1, 2], [1, 0])]],
  ["average pool 2×2", [pool("average-pool", [2, 2], [2, 2])]],
  ["average pool 3×2, strides 2 and 1, padded", [pool("average-pool", [3, 2], [2, 1], [1, 1])]],
  ["global average pool", [{ kind: "global-average-pool" }]],
  ["option A", [{ kind: "option-a", inputs: 4, outputs: 7, stride: 2 }]],
  ["option A of one stride", [{ kind: "option-a", inputs: 4, outputs: 4, stride: 1 }]],
  ["images read twice", [{ kind: "add", other: "images" }]],
  ["dropout, which drops nothing here", [{ kind: "dropout", name: "d", rate: 0.4 }]],
  ["a layer that nobody reads", [conv(4, 2, [2, 2]), { kind: "relu", input: "images" }]],
];

function linear(name: string, inputs: number, outputs: number, bias: boolean): Layer {
  return { kind: "linear", name, inputs, outputs, bias, prunable: true };
}

/** Every kind of a branched net at once, tiny. */
const everything: Architecture = {
  input: [3, 8, 8],
  classes: 5,
  layers: [
    conv(3, 6, [3, 3], { name: "stem", padding: [1, 1], bias: false }),
    { kind: "batch-norm", name: "stem.bn", channels: 6 },
    { kind: "relu6", name: "a" },
    { kind: "option-a", name: "short", input: "a", inputs: 6, outputs: 8, stride: 2 },
    conv(6, 6, [3, 3], { name: "deep", input: "a", padding: [1, 1], stride: [2, 2], groups: 6 }),
    { kind: "batch-norm", name: "deep.bn", channels: 6 },
    { kind: "relu" },
    { kind: "dropout", name: "drop", rate: 0.3 },
    conv(6, 8, [1, 1], { name: "wide", groups: 2 }),
    { kind: "add", other: "short" },
    pool("max-pool", [3, 3], [1, 1], [1, 1]),
    pool("average-pool", [2, 2], [2, 2]),
    { kind: "flatten" },
    linear("out", 32, 5, true),
  ],
};

describe.each(engines)("$id", (engine) => {
  test.each(kinds)("%s: both ways, in training and evaluation", async (_, layers, input = plane) => {
    const rng = seededRng(3);
    const net = netOf(input, layers);
    const batch = 3;
    const size = input[0] * input[1] * input[2];
    const weights = draw(net, rng);
    const images = numbers(batch * size, rng).map((x) => 8 * x);
    images[1] = images[0]!; // a tie
    const outputGradient = numbers(batch * net.classes, rng);
    const [got, expected] = [await engine.compile(net, batch), await referenceEngine().compile(net, batch)];
    for (const mode of ["train", "evaluate"] as const) {
      await got.write("weights", weights);
      await expected.write("weights", weights);
      const ours = await got.probe(images, batch, outputGradient, mode);
      const theirs = await expected.probe(images, batch, outputGradient, mode);
      expectClose("output", ours.output, theirs.output);
      expectClose("gradient of the images", ours.inputGradient, theirs.inputGradient);
      expectAllClose("gradient", ours.gradients, theirs.gradients);
    }
    await got.dispose();
  });

  const settings: [string, Partial<Update>][] = [
    ["momentum and weight decay", {}],
    ["Nesterov, label smoothing", { nesterov: true, labelSmoothing: 0.1 }],
    ["the loss gradient blocked, no momentum", { lossGradient: "blocked", momentum: 0, weightDecay: 0 }],
  ];
  test.each(settings)("steps with %s, then a mask; and an evaluation in uneven batches", async (_, changed) => {
    const rng = seededRng(4);
    const net = everything;
    const weights = draw(net, rng);
    const [ours, theirs] = [await engine.compile(net, 4), await referenceEngine().compile(net, 4)];
    const both = async (run: (network: Network) => unknown) => [await run(ours), await run(theirs)];
    await both((network) => network.write("weights", weights));
    const on = half(net, rng);
    for (let i = 0; i < 4; i++) {
      const batch = i === 1 ? 3 : 4;
      const images = numbers(batch * 192, rng);
      const labels = labelsFor(batch, 5, rng);
      const update = { ...plain, ...changed, dropoutSeed: 0x9000_0000 + i };
      if (i === 2) await both((network) => network.setMask(on));
      await both((network) => network.setPenalty(i < 2 ? { on, strength: 0.3 * (i + 1) } : null));
      await both((network) => network.step(images, labels, update));
    }
    const [a, b] = (await both((network) => network.losses())) as [Float32Array, Float32Array];
    expect(a.length).toBe(4);
    expectClose("losses", a, b);
    await expectSame(ours, theirs);
    const images = numbers(7 * 192, rng);
    const labels = labelsFor(7, 5, rng);
    const [mine, other] = [await ours.evaluate(images, labels), await theirs.evaluate(images, labels)];
    expect(mine.correct).toBe(other.correct);
    expect(mine.loss).toBeCloseTo(other.loss, 4);
    expectAllClose(
      "gradients",
      await ours.gradients(images.subarray(0, 192), labels.subarray(0, 1), 0.2),
      await theirs.gradients(images.subarray(0, 192), labels.subarray(0, 1), 0.2),
    );
    await ours.dispose();
  });

  test("20 iterations of RST on a tiny ResNet: a growing penalty, the cut, then the mask", async () => {
    const rng = seededRng(5);
    const net = resnetA([3, 8, 8], 4, [4, 6, 8], [1, 1, 1]);
    const weights = draw(net, rng);
    const kept = half(net, rng);
    const on = Object.fromEntries(Object.entries(kept).map(([name, mask]) => [name, mask.map((k) => 1 - k)]));
    const networks = [await engine.compile(net, 4), await referenceEngine().compile(net, 4)] as const;
    const batches = [0, 1, 2].map(() => ({ images: numbers(4 * 192, rng), labels: labelsFor(4, 4, rng) }));
    for (const network of networks) {
      await network.write("weights", weights);
      for (let i = 0; i < 20; i++) {
        const { images, labels } = batches[i % 3]!;
        network.setPenalty(i < 12 ? { on, strength: i * 0.08 } : null);
        if (i === 12) network.setMask(kept);
        await network.step(images, labels, { ...plain, weightDecay: 5e-4, learningRate: 0.01 });
      }
    }
    const [ours, theirs] = networks;
    expectClose("losses", await ours.losses(), await theirs.losses());
    await expectSame(ours, theirs);
    for (const what of ["weights", "gradients", "momentum"] as const) {
      const values = await ours.read(what);
      for (const [name, mask] of Object.entries(kept))
        expect(values[name]!.every((x, i) => mask[i] === 1 || Object.is(x, 0))).toBe(true);
    }
    await ours.dispose();
  });

  test("no tensor is left over: 100 iterations, evaluations and reads, then nothing", async () => {
    const rng = seededRng(6);
    const before = tf.memory();
    const network = await engine.compile(everything, 2);
    await network.write("weights", draw(everything, rng));
    const images = numbers(2 * 192, rng);
    const labels = labelsFor(2, 5, rng);
    const masks = [half(everything, rng), half(everything, rng)];
    const mask = masks[0]!;
    const round = async (iterations: number) => {
      for (let i = 0; i < iterations; i++) {
        network.setPenalty({ on: masks[i % 4 < 3 ? 0 : 1]!, strength: i / 100 });
        network.setMask(i % 2 === 0 ? mask : null);
        await network.step(images, labels, {
          ...plain,
          learningRate: 1e-3,
          lossGradient: i % 3 === 0 ? "blocked" : "kept",
        });
      }
      network.setMask(mask);
      await network.losses();
      await network.evaluate(images, labels);
      await network.gradients(images, labels);
      await network.probe(images, 2, numbers(10, rng));
      return tf.memory();
    };
    const first = await round(4);
    const last = await round(100);
    expect([last.numTensors, last.numDataBuffers, last.numBytes]).toEqual([
      first.numTensors,
      first.numDataBuffers,
      first.numBytes,
    ]);
    await network.step(images, labels, plain); // its loss is never asked for
    await network.dispose();
    await network.dispose();
    expect(tf.memory().numTensors).toBe(before.numTensors);
  });

  test("a diverged net shows: NaN goes through every layer to the loss, and is never correct", async () => {
    const rng = seededRng(7);
    const network = await engine.compile(everything, 2);
    const weights = draw(everything, rng);
    await network.write("weights", {
      ...weights,
      "stem.weight": weights["stem.weight"]!.map((x, i) => (i === 0 ? Number.NaN : x)),
    });
    const images = numbers(2 * 192, rng);
    const labels = Uint8Array.of(0, 1);
    await network.step(images, labels, plain);
    expect([...(await network.losses())]).toEqual([Number.NaN]);
    expect(await network.evaluate(images, labels)).toEqual({ loss: Number.NaN, correct: 0 });
    await network.dispose();
  });

  test("a NaN in a window is its maximum, wherever it stands", async () => {
    const net = netOf([1, 2, 6], [pool("max-pool", [2, 2], [2, 2])]);
    const network = await engine.compile(net, 1);
    const images = Float32Array.of(Number.NaN, 1, 2, Number.NaN, 0, -1, 3, 4, 5, 6, 7, -8);
    const { output } = await network.probe(images, 1, new Float32Array(3));
    expect([...output]).toEqual([Number.NaN, Number.NaN, 7]);
    await network.dispose();
  });

  test("of equal outputs the first is the answer; wrong sizes and names are refused", async () => {
    const net: Architecture = { input: [2, 1, 1], classes: 3, layers: [linear("l", 2, 3, true)] };
    const network = await engine.compile(net, 2);
    const images = Float32Array.of(1, 2, 3, 4);
    expect(await network.evaluate(images, Uint8Array.of(0, 1))).toMatchObject({ correct: 1 });
    await expect(network.step(images, Uint8Array.of(0, 3), plain)).rejects.toThrow(/label 1: expected a class below 3/);
    await expect(network.probe(images, 2, new Float32Array(5))).rejects.toThrow(
      /outputGradient: expected 6 values; got 5/,
    );
    await expect(network.write("weights", {})).rejects.toThrow(/l\.weight: expected 6 values/);
    expect(() => network.setMask({ "l.bias": new Uint8Array(3) })).toThrow(/no weight l\.bias/);
    await expect(engine.compile(net, 0)).rejects.toThrow(/maxBatch: expected an integer of at least 1; got 0/);
    await network.dispose();
  });

  test("what is needed is known before", async () => {
    const bytes = async (batch: number) => (await engine.compile(everything, batch)).peakBytes;
    const [one, two, three] = [await bytes(1), await bytes(2), await bytes(3)];
    expect(three - two).toBe(two - one);
    expect(one).toBeGreaterThan(4 * parameters(everything).reduce((sum, { size }) => sum + size, 0));
    if (engine.id !== "webgpu") return;
    const wide: Architecture = { input: [1, 1024, 1024], classes: 1, layers: [{ kind: "global-average-pool" }] };
    await expect(engine.compile(wide, 4096)).rejects.toThrow(
      /^a batch of 4096: the largest tensor needs 17179869184 bytes; .* takes \d+/,
    );
  });

  test("golden cases of layers", async () => {
    const committed = fileURLToPath(new URL("../../../golden/", import.meta.url));
    const folder = await mkdtemp(join(tmpdir(), "ticketmark-golden-"));
    try {
      await cp(join(committed, "layers.json"), join(folder, "layers.json"));
      const outcomes = [];
      for await (const outcome of readFolder(folder, engine)) outcomes.push(outcome);
      expect(outcomes.filter(({ status }) => status !== "PASS")).toEqual([]);
      expect(outcomes.length).toBe(22);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

/** About half of every weight. */
const half = (net: Architecture, rng: Rng): Mask =>
  Object.fromEntries(
    parameters(net)
      .filter(({ kind }) => kind === "weight")
      .map(({ name, size }) => [name, Uint8Array.from({ length: size }, () => rng.below(2))]),
  );

async function expectSame(ours: Network, theirs: Network): Promise<void> {
  expectAllClose("weights", await ours.read("weights"), await theirs.read("weights"));
  expectAllClose("gradients", await ours.read("gradients"), await theirs.read("gradients"), 1e-4);
  expectAllClose("momentum", await ours.read("momentum"), await theirs.read("momentum"), 1e-4);
}

test.runIf(engines.length > 1)("two backends in one process take turns", async () => {
  const net: Architecture = { input: [2, 1, 1], classes: 2, layers: [linear("l", 2, 2, true)] };
  const images = Float32Array.of(1, 2);
  const networks = await Promise.all(engines.map((engine) => engine.compile(net, 1)));
  const results = await Promise.all(
    networks.map(async (network) => {
      for (let i = 0; i < 5; i++) {
        await network.step(images, Uint8Array.of(0), plain);
        await network.evaluate(images, Uint8Array.of(0));
      }
      return [await network.losses(), (await network.read("weights"))["l.weight"]!] as const;
    }),
  );
  for (const i of [0, 1] as const) expectClose("", results[0]![i], results[1]![i]);
  expect(engines.map(({ device }) => device)).toEqual([
    expect.stringMatching(/JavaScript$/),
    expect.stringMatching(/WebGPU$/),
  ]);
});
