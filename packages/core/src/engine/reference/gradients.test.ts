/** The way back of every layer kind is the slope of the way forward: central differences, in float64. */
import { describe, expect, test } from "vitest";
import { type Architecture, type Layer, learned, nodesOf, type Pair, parameters, type Shape } from "../../layers.ts";
import { type Rng, seededRng } from "../../rng.ts";
import { forward, type Pass, type Tensors } from "./pass.ts";

const BATCH = 3;
const STEP = 1e-5;

/** The layers, and whatever comes out of them as the logits. */
const net = (input: Shape, layers: readonly Layer[], [channels, height, width]: Shape): Architecture => ({
  input,
  classes: channels * height * width,
  layers: [...layers, { kind: "flatten" }],
});

/** Largest difference between gradient and slope of Σ r·output with random r, over all parameters and the images. */
function largestError(architecture: Architecture, rng: Rng, mode: Pass["mode"] = "train"): number {
  const nodes = nodesOf(architecture);
  const random = (size: number): Float64Array => Float64Array.from({ length: size }, () => 2 * rng.uniform() - 1);
  const [channels, height, width] = architecture.input;
  const images = random(BATCH * channels * height * width);
  const weights: Tensors = Object.fromEntries(parameters(architecture).map(({ name, size }) => [name, random(size)]));
  for (const name of Object.keys(weights))
    if (name.endsWith(".running_var")) weights[name] = weights[name]!.map((x) => 1.5 + x);
  const outputGradient = random(BATCH * architecture.classes);
  const pass = () => forward(nodes, images, { batch: BATCH, weights, mode, dropoutSeed: 5 });
  const value = (): number => pass().output.reduce((sum, y, i) => sum + y * outputGradient[i]!, 0);

  const gradients: Tensors = Object.fromEntries(
    learned(architecture).map(({ name, size }) => [name, new Float64Array(size).fill(Number.NaN)]),
  );
  const inputGradient = pass().backward(outputGradient, gradients);
  let largest = 0;
  for (const [name, gradient] of [["images", inputGradient] as const, ...Object.entries(gradients)]) {
    const values = name === "images" ? images : weights[name]!;
    expect(gradient.length).toBe(values.length);
    for (const [i, x] of values.entries()) {
      values[i] = x + STEP;
      const above = value();
      values[i] = x - STEP;
      const slope = (above - value()) / (2 * STEP);
      values[i] = x;
      const error = Math.abs(gradient[i]! - slope) / Math.max(1, Math.abs(slope));
      largest = Math.max(largest, error); // NaN stays
    }
  }
  return largest;
}

const TOLERANCE = 1e-7;

/** Positions of a window, counted by sliding it. */
function slide(size: number, kernel: number, stride: number, padding: number): number {
  let count = 0;
  for (let at = -padding; at + kernel <= size + padding; at += stride) count++;
  return count;
}

/** A window that fits the plane: odd and even, square and not. */
function randomWindow(rng: Rng, [, height, width]: Shape, mostPadding: (kernel: number) => number) {
  const kernel: Pair = [1 + rng.below(4), 1 + rng.below(4)];
  const stride: Pair = [1 + rng.below(3), 1 + rng.below(3)];
  const padding: Pair = [rng.below(mostPadding(kernel[0]) + 1), rng.below(mostPadding(kernel[1]) + 1)];
  const rows = slide(height, kernel[0], stride[0], padding[0]);
  const columns = slide(width, kernel[1], stride[1], padding[1]);
  return { window: { kernel, stride, padding }, rows, columns };
}

describe("over random shapes, the gradient is the slope", () => {
  for (let seed = 0; seed < 24; seed++) {
    const rng = seededRng(seed);
    const groups = [1, 1, 2, 4][seed % 4]!;
    const inputs = groups * (seed % 4 === 3 ? 1 : 1 + rng.below(2)); // every 4th is depthwise
    const outputs = groups * (1 + rng.below(2));
    const input: Shape = [inputs, 4 + rng.below(4), 4 + rng.below(4)];

    const conv = randomWindow(rng, input, () => 2);
    const layer: Layer = {
      ...{ kind: "conv", name: "c", inputs, outputs, groups, ...conv.window, prunable: true },
      bias: rng.below(2) === 1,
    };
    const { kernel, stride, padding } = conv.window;
    test(`conv ${inputs}→${outputs} by ${groups}, kernel ${kernel}, stride ${stride}, padding ${padding}`, () => {
      const architecture = net(input, [layer], [outputs, conv.rows, conv.columns]);
      expect(largestError(architecture, rng)).toBeLessThan(TOLERANCE);
    });

    const pool = randomWindow(rng, input, (size) => Math.floor(size / 2));
    for (const kind of ["max-pool", "average-pool"] as const)
      test(`${kind} of ${input}, ${JSON.stringify(pool.window)}`, () => {
        const architecture = net(input, [{ kind, ...pool.window }], [inputs, pool.rows, pool.columns]);
        expect(largestError(architecture, rng)).toBeLessThan(TOLERANCE);
      });
  }
});

const plane: Shape = [4, 5, 3];
const alone: [string, Layer, Shape, Shape, Pass["mode"]?][] = [
  ["batch norm in training", { kind: "batch-norm", name: "b", channels: 4 }, plane, plane],
  ["batch norm in evaluation", { kind: "batch-norm", name: "b", channels: 4 }, plane, plane, "evaluate"],
  ["batch norm of one pixel", { kind: "batch-norm", name: "b", channels: 6 }, [6, 1, 1], [6, 1, 1]],
  ["relu", { kind: "relu" }, plane, plane],
  ["global average pool", { kind: "global-average-pool" }, plane, [4, 1, 1]],
  ["option A", { kind: "option-a", inputs: 4, outputs: 7, stride: 2 }, plane, [7, 3, 2]],
  ["dropout", { kind: "dropout", name: "d", rate: 0.3 }, plane, plane, "step"],
  ["an input read twice", { kind: "add", other: "images" }, plane, plane],
  ["linear", { kind: "linear", name: "l", inputs: 7, outputs: 4, bias: true, prunable: true }, [7, 1, 1], [4, 1, 1]],
];
test.each(alone)("%s: the gradient is the slope", (_, layer, input, output, mode) => {
  expect(largestError(net(input, [layer], output), seededRng(1), mode)).toBeLessThan(TOLERANCE);
});

const conv = (name: string, inputs: number, outputs: number, more: object = {}): Layer => ({
  ...{ kind: "conv", name, inputs, outputs, kernel: [3, 3], stride: [1, 1], padding: [1, 1], groups: 1 },
  ...{ bias: false, prunable: true, ...more },
});

/** Everything in one net: two blocks, one with option A and one with a projection, and a depthwise convolution. */
const everything: Architecture = {
  input: [3, 9, 7],
  classes: 3,
  layers: [
    conv("stem", 3, 4, { bias: true }),
    { kind: "batch-norm", name: "bn", channels: 4 },
    { kind: "relu", name: "in" },
    conv("a1", 4, 6, { stride: [2, 2] }),
    { kind: "batch-norm", name: "a1bn", channels: 6 },
    { kind: "relu" },
    conv("a2", 6, 6),
    { kind: "batch-norm", name: "a2bn", channels: 6 },
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
    { kind: "flatten" },
    { kind: "linear", name: "fc", inputs: 6, outputs: 3, bias: true, prunable: false },
  ],
};
test.each(["train", "step", "evaluate"] as const)("a residual net with everything in it, mode %s", (mode) => {
  expect(largestError(everything, seededRng(3), mode)).toBeLessThan(1e-5); // a step across a kink would be far above
});

test("relu6 has a slope between 0 and 6 alone, and a NaN goes through", () => {
  const nodes = nodesOf(net([1, 1, 6], [{ kind: "relu6" }], [1, 1, 6]));
  const images = Float64Array.of(-1, 0, 3, 6, 7, Number.NaN);
  const { output, backward } = forward(nodes, images, { batch: 1, weights: {}, mode: "train" });
  expect([...output]).toEqual([0, 0, 3, 6, 6, Number.NaN]);
  expect([...backward(Float64Array.of(1, 1, 1, 1, 1, 1), {})]).toEqual([0, 0, 1, 0, 0, 1]);
});
