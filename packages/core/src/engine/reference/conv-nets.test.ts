/** What the contract says of a conv net's state, beyond slopes (`gradients.test.ts`): when it changes, and what drops. */
import { expect, test } from "vitest";
import { type Architecture, type Layer, learned, parameters, type Shape } from "../../layers.ts";
import type { Weights } from "../../weights.ts";
import { isDropped } from "../dropout.ts";
import type { Update } from "../engine.ts";
import { referenceEngine } from "./reference.ts";

const still: Update = {
  learningRate: 0,
  momentum: 0,
  weightDecay: 0,
  nesterov: false,
  labelSmoothing: 0,
  lossGradient: "kept",
};

/** Layers whose output are the logits, and their images. */
async function compiled(input: Shape, layers: readonly Layer[], classes: number, weights: Weights = {}) {
  const architecture: Architecture = { input, classes, layers: [...layers, { kind: "flatten" }] };
  const network = await referenceEngine().compile(architecture, 2);
  await network.write("weights", weights);
  return { network, architecture };
}

const batchNorm = (mean: number, variance: number) =>
  compiled([1, 1, 2], [{ kind: "batch-norm", name: "bn", channels: 1 }], 2, {
    "bn.weight": Float32Array.of(2),
    "bn.bias": Float32Array.of(1),
    "bn.running_mean": Float32Array.of(mean),
    "bn.running_var": Float32Array.of(variance),
  });

test("only a step remembers the batch's mean and unbiased variance", async () => {
  const { network, architecture } = await batchNorm(10, 4);
  const images = Float32Array.of(1, 2, 3, 6); // mean 3, variance 14/4, unbiased 14/3
  const labels = Uint8Array.of(0, 1);
  const before = await network.read("weights");
  const ones = new Float32Array(4).fill(1);
  const trained = await network.probe(images, 2, ones);
  const evaluated = await network.probe(images, 2, ones, "evaluate");
  await network.gradients(images, labels);
  const { loss } = await network.evaluate(images, labels);
  expect(await network.read("weights")).toEqual(before);
  const [a, b, c, d] = evaluated.output as unknown as [number, number, number, number];
  expect(loss).toBeCloseTo(Math.log(1 + Math.exp(b - a)) + Math.log(1 + Math.exp(c - d)), 5);
  expect(trained.output[3]).toBeCloseTo((2 * (6 - 3)) / Math.sqrt(3.5 + 1e-5) + 1, 6);
  expect(evaluated.output[3]).toBeCloseTo((2 * (6 - 10)) / Math.sqrt(4 + 1e-5) + 1, 6);

  await network.step(images, labels, { ...still, weightDecay: 1, learningRate: 0.5 });
  const after = await network.read("weights");
  expect(after["bn.running_mean"]![0]).toBeCloseTo(0.9 * 10 + 0.1 * 3, 6);
  expect(after["bn.running_var"]![0]).toBeCloseTo(0.9 * 4 + (0.1 * 14) / 3, 6);
  expect(after["bn.weight"]).not.toEqual(before["bn.weight"]);
  for (const what of ["gradients", "momentum"] as const)
    expect(Object.keys(await network.read(what))).toEqual(learned(architecture).map(({ name }) => name));
  expect(Object.keys(after)).toEqual(parameters(architecture).map(({ name }) => name));
});

test("a single value a channel counts as variance 0", async () => {
  const layers: Layer[] = [{ kind: "batch-norm", name: "bn", channels: 2 }];
  const { network } = await compiled([2, 1, 1], layers, 2, {
    "bn.weight": Float32Array.of(1, 1),
    "bn.bias": Float32Array.of(3, 4),
    "bn.running_mean": Float32Array.of(0, 0),
    "bn.running_var": Float32Array.of(1, 1),
  });
  await network.step(Float32Array.of(7, 8), Uint8Array.of(0), still);
  expect((await network.read("weights"))["bn.running_var"]).toEqual(Float32Array.of(0.9, 0.9));
  expect((await network.probe(Float32Array.of(7, 8), 1, new Float32Array(2))).output).toEqual(Float32Array.of(3, 4));
});

test("a blocked loss gradient leaves biases and batch norms theirs; weight decay reaches all that is learned", async () => {
  const conv: Layer = {
    ...{ kind: "conv", name: "c", inputs: 1, outputs: 1, kernel: [1, 1], stride: [1, 1], padding: [0, 0], groups: 1 },
    ...{ bias: true, prunable: true },
  };
  const { network } = await compiled([1, 1, 2], [conv, { kind: "batch-norm", name: "bn", channels: 1 }], 2, {
    "c.weight": Float32Array.of(1),
    "c.bias": Float32Array.of(1),
    "bn.weight": Float32Array.of(1),
    "bn.bias": Float32Array.of(1),
    "bn.running_mean": Float32Array.of(1),
    "bn.running_var": Float32Array.of(1),
  });
  const gradients = Object.fromEntries(
    ["c.weight", "c.bias", "bn.weight", "bn.bias"].map((name) => [name, Float32Array.of(1)]),
  );
  await network.write("gradients", gradients);
  await network.update({ ...still, weightDecay: 0.5, lossGradient: "blocked" });
  const momentum = await network.read("momentum");
  expect(Object.entries(momentum).map(([name, [v]]) => [name, v])).toEqual([
    ["c.weight", 0.5],
    ["c.bias", 1.5],
    ["bn.weight", 1.5],
    ["bn.bias", 1.5],
  ]);
});

test("a step drops what dropout.ts says, by the layer's place and the element's; nothing else drops", async () => {
  const layers: Layer[] = [
    { kind: "relu" },
    { kind: "dropout", name: "drop", rate: 0.5 },
    { kind: "flatten" },
    { kind: "linear", name: "fc", inputs: 6, outputs: 2, bias: false, prunable: false },
  ];
  const { network } = await compiled([1, 2, 3], layers, 2, { "fc.weight": new Float32Array(12) });
  const images = Float32Array.from({ length: 12 }, (_, i) => i + 1);
  const labels = Uint8Array.of(0, 0);
  // both outputs are 0: the gradient of the second is ½ ÷ 2 an example, times what came through
  const through = async () => (await network.read("gradients"))["fc.weight"]!.subarray(6).map((g) => g * 4);
  await network.gradients(images, labels);
  expect(await through()).toEqual(Float32Array.of(8, 10, 12, 14, 16, 18));
  for (const seed of [0, 7, 4_294_967_295]) {
    await network.step(images, labels, seed === 0 ? still : { ...still, dropoutSeed: seed });
    const left = images.map((x, i) => (isDropped(seed, 1, i, 0.5) ? 0 : 2 * x));
    expect(await through()).toEqual(left.slice(0, 6).map((x, i) => x + left[i + 6]!));
  }
});

test("of equals the first wins, and a NaN beats every number", async () => {
  const pool: Layer = { kind: "max-pool", kernel: [1, 2], stride: [1, 2], padding: [0, 0] };
  const { network } = await compiled([1, 2, 4], [pool], 4);
  const images = Float32Array.of(5, 5, -1, -2, Number.NaN, 9, 9, Number.NaN);
  const { output, inputGradient } = await network.probe(images, 1, Float32Array.of(1, 2, 3, 4));
  expect(output).toEqual(Float32Array.of(5, -1, Number.NaN, Number.NaN));
  expect(inputGradient).toEqual(Float32Array.of(1, 0, 2, 0, 3, 0, 0, 4));
});

test("a group reads its own inputs", async () => {
  const conv: Layer = {
    ...{ kind: "conv", name: "c", inputs: 4, outputs: 2, kernel: [1, 1], stride: [1, 1], padding: [0, 0], groups: 2 },
    ...{ bias: false, prunable: true },
  };
  const { network } = await compiled([4, 1, 1], [conv], 2, { "c.weight": Float32Array.of(1, 10, 100, 1000) });
  const { output, inputGradient } = await network.probe(Float32Array.of(2, 3, 4, 5), 1, Float32Array.of(1, 2));
  expect(output).toEqual(Float32Array.of(32, 5400));
  expect(inputGradient).toEqual(Float32Array.of(1, 10, 200, 2000));
});

test("an average counts padding as zeros, whatever the window's shape", async () => {
  const pool: Layer = { kind: "average-pool", kernel: [2, 3], stride: [2, 2], padding: [1, 1] };
  const { network } = await compiled([1, 2, 3], [pool], 4);
  const { output } = await network.probe(Float32Array.of(6, 12, 18, 24, 30, 36), 1, new Float32Array(4));
  expect(output).toEqual(Float32Array.of((6 + 12) / 6, (12 + 18) / 6, (24 + 30) / 6, (30 + 36) / 6));
});

test("windows step down by the first stride and across by the second", async () => {
  const conv: Layer = {
    ...{ kind: "conv", name: "c", inputs: 1, outputs: 1, kernel: [2, 1], stride: [1, 2], padding: [0, 1], groups: 1 },
    ...{ bias: true, prunable: true },
  };
  const weights = { "c.weight": Float32Array.of(1, 10), "c.bias": Float32Array.of(0.5) };
  const { network } = await compiled([1, 3, 3], [conv], 6, weights);
  const { output } = await network.probe(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9), 1, new Float32Array(6));
  expect(output).toEqual(Float32Array.of(0.5, 52.5, 0.5, 0.5, 85.5, 0.5));
});
