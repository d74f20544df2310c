/** H·v is the slope of the gradient along v: central differences of `lossGradients`, in float64. */
import { describe, expect, test } from "vitest";
import { type Architecture, type Layer, learned, type Pair, parameters, type Shape } from "../../layers.ts";
import type { Derivatives, LossOptions } from "../../methods/method.ts";
import { type Rng, seededRng } from "../../rng.ts";
import type { Weights } from "../../weights.ts";
import { lossGradients } from "./derivatives.ts";
import { hessianVector } from "./hessian.ts";

const BATCH = 4;
/** Weights are float32: a change of them is only exact if it is a power of two times what float32 holds. */
const STEP = 2 ** -16;

const coarse = (x: number): number => Math.round(x * 2 ** 6) / 2 ** 6; // x and x ± 2⁻¹⁶·v are float32 without rounding

/** Largest difference over all parameters, by the largest entry of H·v. */
function largestError(architecture: Architecture, rng: Rng, options: LossOptions): number {
  const random = (size: number) => Float32Array.from({ length: size }, () => coarse(2 * rng.uniform() - 1));
  const weights: Record<string, Float32Array> = {};
  for (const { name, size } of parameters(architecture))
    weights[name] = name.endsWith(".running_var") ? random(size).map((x) => 1.5 + x) : random(size);
  const [channels, height, width] = architecture.input;
  const images = random(BATCH * channels * height * width);
  const labels = Uint8Array.from({ length: BATCH }, () => rng.below(architecture.classes));
  const v: Derivatives = Object.fromEntries(
    learned(architecture).map(({ name, size }) => [name, Float64Array.from(random(size))]),
  );

  const gradientsAt = (step: number): Derivatives => {
    const moved: Weights = Object.fromEntries(
      Object.entries(weights).map(([name, w]) => [name, w.map((x, i) => x + step * (v[name]?.[i] ?? 0))]),
    );
    return lossGradients(architecture, moved, { images, labels }, options);
  };
  const [above, below] = [gradientsAt(STEP), gradientsAt(-STEP)];
  const product = hessianVector(architecture, weights, v, { images, labels }, options);
  expect(Object.keys(product)).toEqual(learned(architecture).map(({ name }) => name));
  let [difference, scale] = [0, 0];
  for (const [name, values] of Object.entries(product)) {
    for (const [i, value] of values.entries()) {
      const slope = (above[name]![i]! - below[name]![i]!) / (2 * STEP);
      difference = Math.max(difference, Math.abs(value - slope)); // NaN stays
      scale = Math.max(scale, Math.abs(slope));
    }
  }
  expect(scale).toBeGreaterThan(0);
  return difference / scale;
}

const TOLERANCE = 1e-6;

const conv = (name: string, inputs: number, outputs: number, more: object = {}): Layer => ({
  ...{ kind: "conv", name, inputs, outputs, kernel: [3, 3], stride: [1, 1], padding: [1, 1], groups: 1 },
  ...{ bias: false, prunable: true, ...more },
});
const batchNorm = (name: string, channels: number): Layer => ({ kind: "batch-norm", name, channels });
const classifier = (inputs: number): Layer[] => [
  { kind: "flatten" },
  { kind: "linear", name: "fc", inputs, outputs: 3, bias: true, prunable: false },
];

const modes: LossOptions[] = [
  {},
  { batchNorm: "remembered", temperature: 3 },
  { batchNorm: "batch", temperature: 200 },
];

describe("over random convolutions", () => {
  for (let seed = 0; seed < 12; seed++) {
    const rng = seededRng(seed);
    const groups = [1, 2, 4][seed % 3]!;
    const inputs = groups * (1 + rng.below(2));
    const outputs = groups * (1 + rng.below(2));
    const pair = (most: number, least = 1): Pair => [least + rng.below(most), least + rng.below(most)];
    const window = { kernel: pair(3), stride: pair(2), padding: pair(2, 0), groups, bias: seed % 2 === 0 };
    const input: Shape = [inputs, 6, 5];
    const size = (axis: 0 | 1) =>
      Math.floor((input[axis + 1]! + 2 * window.padding[axis] - window.kernel[axis]) / window.stride[axis]) + 1;
    test(`${inputs}→${outputs}, ${JSON.stringify(window)}`, () => {
      const architecture: Architecture = {
        input,
        classes: 3,
        layers: [
          conv("first", inputs, outputs, window),
          batchNorm("bn", outputs),
          { kind: "relu" },
          ...classifier(outputs * size(0) * size(1)),
        ],
      };
      for (const options of modes) expect(largestError(architecture, rng, options)).toBeLessThan(TOLERANCE);
    });
  }
});

const everything: Architecture = {
  input: [3, 9, 7],
  classes: 3,
  layers: [
    conv("stem", 3, 4, { bias: true }),
    batchNorm("bn", 4),
    { kind: "relu", name: "in" },
    conv("a1", 4, 6, { stride: [2, 2] }),
    batchNorm("a1bn", 6),
    { kind: "relu" },
    conv("a2", 6, 6),
    batchNorm("a2bn", 6),
    { kind: "option-a", name: "short", input: "in", inputs: 4, outputs: 6, stride: 2 },
    { kind: "add", input: "a2bn", other: "short" },
    { kind: "relu6", name: "a" },
    conv("depthwise", 6, 6, { groups: 6 }),
    { kind: "average-pool", kernel: [2, 2], stride: [1, 1], padding: [1, 1], name: "average" },
    conv("projection", 6, 6, { input: "a", kernel: [1, 1], padding: [0, 0] }),
    { kind: "max-pool", kernel: [2, 2], stride: [1, 1], padding: [1, 1], name: "max" },
    { kind: "add", other: "average" },
    { kind: "dropout", name: "drop", rate: 0.25 },
    { kind: "global-average-pool" },
    ...classifier(6),
  ],
};

const mlp: Architecture = {
  input: [7, 1, 1],
  classes: 3,
  layers: [
    { kind: "linear", name: "one", inputs: 7, outputs: 5, bias: false, prunable: true },
    batchNorm("bn", 5),
    { kind: "relu6" },
    { kind: "linear", name: "two", inputs: 5, outputs: 6, bias: true, prunable: true },
    { kind: "relu" },
    ...classifier(6),
  ],
};

for (const [name, architecture] of Object.entries({ everything, mlp })) {
  test.each(modes)(`a net: ${name}, %o`, (options) => {
    for (const seed of [1, 2, 3]) expect(largestError(architecture, seededRng(seed), options)).toBeLessThan(TOLERANCE);
  });
}

test("what v does not name stays: H·v is that of zeros there, and H is symmetric", () => {
  const rng = seededRng(4);
  const random = (size: number) => Float32Array.from({ length: size }, () => rng.uniform() - 0.5);
  const weights = Object.fromEntries(parameters(mlp).map(({ name, size }) => [name, random(size)]));
  weights["bn.running_var"]!.fill(1);
  const batch = { images: random(BATCH * 7), labels: Uint8Array.of(0, 1, 2, 1) };
  const [a, b] = ["one.weight", "fc.bias"].map((name) => ({
    [name]: Float64Array.from(random(weights[name]!.length)),
  }));
  const zeros = Object.fromEntries(learned(mlp).map(({ name, size }) => [name, new Float64Array(size)]));
  const along = hessianVector(mlp, weights, a!, batch, {});
  expect(along).toEqual(hessianVector(mlp, weights, { ...zeros, ...a }, batch, {}));
  const dot = (x: Derivatives, y: Derivatives) =>
    Object.entries(x).reduce((sum, [name, values]) => sum + values.reduce((s, v, i) => s + v * y[name]![i]!, 0), 0);
  expect(dot(b!, along)).toBeCloseTo(dot(a!, hessianVector(mlp, weights, b!, batch, {})), 14);
});
