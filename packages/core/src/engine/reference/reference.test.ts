import { expect, test } from "vitest";
import type { Architecture } from "../../layers.ts";
import { parameters } from "../../layers.ts";
import { Problem } from "../../problem.ts";
import type { Weights } from "../../weights.ts";
import type { Update } from "../engine.ts";
import { referenceEngine } from "./reference.ts";

const net: Architecture = {
  input: [1, 2, 3],
  classes: 3,
  layers: [
    { kind: "flatten" },
    { kind: "linear", name: "a", inputs: 6, outputs: 5, bias: true, prunable: true },
    { kind: "relu" },
    { kind: "linear", name: "b", inputs: 5, outputs: 3, bias: true, prunable: false },
  ],
};
const plain: Update = {
  learningRate: 0.1,
  momentum: 0,
  weightDecay: 0,
  nesterov: false,
  labelSmoothing: 0,
  lossGradient: "kept",
};

/** Arbitrary but fixed numbers in −1 … 1. */
function numbers(size: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2147483648 - 1;
  });
}
const start: Weights = Object.fromEntries(parameters(net).map(({ name, size }, i) => [name, numbers(size, i + 1)]));
const images = numbers(4 * 6, 9);
const labels = Uint8Array.of(0, 2, 1, 2);

async function compiled() {
  const network = await referenceEngine().compile(net, 4);
  await network.write("weights", start);
  return network;
}

test("gradients are the slopes of the loss, with label smoothing too", async () => {
  const network = await compiled();
  for (const smoothing of [0, 0.2]) {
    const gradients = await network.gradients(images, labels, smoothing);
    for (const [name, values] of Object.entries(start)) {
      for (const at of [0, values.length - 1]) {
        const lossAt = async (by: number) => {
          const moved = { ...start, [name]: values.slice() };
          moved[name]![at]! += by;
          await network.write("weights", moved);
          await network.step(images, labels, { ...plain, learningRate: 0, labelSmoothing: smoothing });
          return (await network.losses())[0]!;
        };
        const slope = ((await lossAt(1 / 128)) - (await lossAt(-1 / 128))) * 64;
        expect(gradients[name]![at]!, `${name}[${at}]`).toBeCloseTo(slope, 3);
      }
    }
    await network.write("weights", start);
  }
});

test("the update follows the order of the contract", async () => {
  const network = await compiled();
  const constant = (x: number): Weights =>
    Object.fromEntries(Object.entries(start).map(([name, values]) => [name, new Float32Array(values.length).fill(x)]));
  const on = { "a.weight": new Uint8Array(30).fill(1, 0, 15) };
  network.setPenalty({ on, strength: 0.5 });
  for (const nesterov of [false, true]) {
    await network.write("weights", constant(2));
    await network.write("momentum", constant(3));
    await network.write("gradients", constant(1));
    await network.update({ ...plain, momentum: 0.5, weightDecay: 0.25, nesterov });
    const w = await network.read("weights");
    const v = await network.read("momentum");
    // leaving: g = 1 + .5·2 + .25·2 = 2.5, v = .5·3 + 2.5 = 4; staying: g = 1.5, v = 3
    expect([v["a.weight"]![14], v["a.weight"]![15], v["a.bias"]![0]]).toEqual([4, 3, 3]);
    const step = (x: number) => Math.fround(2 - 0.1 * x);
    expect(w["a.weight"]![14]).toBe(step(nesterov ? 2.5 + 0.5 * 4 : 4));
    expect(w["b.bias"]![0]).toBe(step(nesterov ? 1.5 + 0.5 * 3 : 3));
  }
  await network.write("gradients", constant(1));
  network.setPenalty(null);
  await network.write("momentum", constant(0));
  await network.update({ ...plain, lossGradient: "blocked" });
  const v = await network.read("momentum");
  expect([v["a.weight"]![0], v["b.weight"]![0], v["a.bias"]![0]]).toEqual([0, 0, 1]);
});

test("pruned weights, their gradients and momentum are +0 until the mask goes, and start afresh then", async () => {
  const network = await compiled();
  const kept = Uint8Array.from({ length: 30 }, (_, i) => i % 2);
  const update = { ...plain, momentum: 0.9, weightDecay: 0.01 };
  await network.step(images, labels, update);
  network.setMask({ "a.weight": kept });
  await network.step(images, labels, update);
  for (const what of ["weights", "gradients", "momentum"] as const) {
    const values = (await network.read(what))["a.weight"]!;
    expect(values.every((x, i) => kept[i] === 1 || Object.is(x, 0))).toBe(true);
    expect(values.some((x) => x !== 0)).toBe(true);
  }
  network.setMask(null);
  expect((await network.gradients(images, labels))["a.weight"]!.some((x, i) => !kept[i] && x !== 0)).toBe(true);
});

test("loss and correct of an evaluation add up over batches; equal outputs go to the first class", async () => {
  const network = await compiled();
  const whole = await network.evaluate(images, labels);
  const parts = [
    await network.evaluate(images.subarray(0, 18), labels.subarray(0, 3)),
    await network.evaluate(images.subarray(18), labels.subarray(3)),
  ];
  expect(parts[0]!.loss + parts[1]!.loss).toBeCloseTo(whole.loss, 10);
  expect(parts[0]!.correct + parts[1]!.correct).toBe(whole.correct);
  const nothing = Object.fromEntries(Object.entries(start).map(([name, x]) => [name, new Float32Array(x.length)]));
  await network.write("weights", nothing);
  expect((await network.evaluate(images, labels)).correct).toBe(1);
  await network.write("weights", { ...nothing, "b.bias": Float32Array.of(Number.NaN, 1, 0) });
  expect((await network.evaluate(images, labels)).correct).toBe(0);
});

test("a probe runs both ways through the layers, and a NaN stays visible", async () => {
  const network = await compiled();
  const probe = await network.probe(images, 4, new Float32Array(12).fill(0.5));
  expect(probe.output.length).toBe(12);
  expect(probe.inputGradient.length).toBe(24);
  expect(probe.gradients["b.bias"]).toEqual(Float32Array.of(2, 2, 2));
  await network.write("weights", { ...start, "a.bias": new Float32Array(5).fill(Number.NaN) });
  await network.step(images, labels, plain);
  expect(await network.losses()).toEqual(Float32Array.of(Number.NaN));
});

test("wrong sizes, labels and names are refused", async () => {
  const network = await compiled();
  await expect(network.step(images, labels.subarray(1), plain)).rejects.toThrow(Problem);
  await expect(network.step(images, Uint8Array.of(0, 1, 2, 3), plain)).rejects.toThrow(/label 3: expected a class/);
  await expect(network.step(new Float32Array(30), new Uint8Array(5), plain)).rejects.toThrow(/expected 1 … 4 examples/);
  await expect(network.write("weights", { ...start, c: new Float32Array(1) })).rejects.toThrow(/no parameter c/);
  await expect(network.write("weights", { "a.weight": start["a.weight"]! })).rejects.toThrow(/a\.bias: expected 5/);
  expect(() => network.setMask({ "a.bias": new Uint8Array(5) })).toThrow(/no weight a\.bias/);
  expect(() => network.setMask({ "a.weight": new Uint8Array(5) })).toThrow(/expected 30 entries; got 5/);
});
