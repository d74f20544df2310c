import { describe, expect, test } from "vitest";
import { multiplyAdds } from "./flops.ts";
import type { Architecture, ConvLayer, Layer } from "./layers.ts";
import { effectiveSparsity, layerCounts, layerGroups, measureSparsity } from "./measures.ts";
import { models } from "./models/index.ts";

const linear = (name: string, inputs: number, outputs: number) =>
  ({ kind: "linear", name, inputs, outputs, bias: true, prunable: true }) as const;
const net: Architecture = {
  input: [1, 1, 2],
  classes: 2,
  layers: [
    { kind: "flatten" },
    linear("a", 2, 3),
    { kind: "relu" },
    linear("b", 3, 2),
    { kind: "relu" },
    linear("c", 2, 2),
  ],
};

test("an effective weight lies on a path of kept weights from input to output", () => {
  // a: input 0 → unit 0, input 1 → unit 1; unit 2 has only its bias
  const a = Uint8Array.of(1, 0, 0, 1, 0, 0);
  // b: unit 0 → x, unit 2 → x and y; unit 1 leads nowhere
  const b = Uint8Array.of(1, 0, 1, 0, 0, 1);
  // c: x → both outputs, y → output 1
  const c = Uint8Array.of(1, 0, 1, 1);
  // effective: a 0→0, b 0→x, c x→0, c x→1; the rest hangs on unit 1 or unit 2, or on y, which only unit 2 feeds
  const mask = { "a.weight": a, "b.weight": b, "c.weight": c };
  expect(effectiveSparsity(net, mask)).toBe(1 - 4 / 16);
  expect(effectiveSparsity(net, {})).toBe(0);
  expect(effectiveSparsity(net, { "b.weight": new Uint8Array(6) })).toBe(1);
});

describe("effective sparsity through a graph", () => {
  const conv = (name: string, inputs: number, outputs: number, more: Partial<ConvLayer> = {}): ConvLayer => {
    const [kernel, stride, padding] = [[1, 2] as const, [1, 1] as const, [0, 0] as const];
    return {
      kind: "conv",
      name,
      inputs,
      outputs,
      kernel,
      stride,
      padding,
      groups: 1,
      bias: true,
      prunable: true,
      ...more,
    };
  };
  const wide = (layers: Layer[], classes: number): Architecture => ({ input: [2, 1, 3], classes, layers });

  test("a channel lives by any tap of its kernel, and not by a batch norm's shift; features of a channel live with it", () => {
    const chain = wide(
      [
        conv("a", 2, 2),
        { kind: "batch-norm", name: "n", channels: 2 },
        { kind: "relu" },
        { kind: "max-pool", kernel: [1, 1], stride: [1, 1], padding: [0, 0] },
        { kind: "flatten" },
        linear("b", 4, 1),
      ],
      1,
    );
    const a = Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0); // [outputs 2, inputs 2, 1, taps 2]: input 1 → channel 0
    // features 0 and 1 are channel 0, features 2 and 3 channel 1, which nothing reaches
    expect(effectiveSparsity(chain, { "a.weight": a, "b.weight": Uint8Array.of(0, 1, 1, 1) })).toBe(1 - 2 / 12);
    // channel 0 leads nowhere
    expect(effectiveSparsity(chain, { "a.weight": a, "b.weight": Uint8Array.of(0, 0, 1, 1) })).toBe(1);
  });

  test("a sum is alive through either branch; option A's channels of zeros are not", () => {
    const block = wide(
      [
        conv("stem", 2, 2),
        { kind: "option-a", name: "short", inputs: 2, outputs: 4, stride: 2 },
        conv("body", 2, 4, { kernel: [1, 1], stride: [1, 2], input: "stem" }),
        { kind: "add", other: "short" },
        { kind: "relu" },
        { kind: "global-average-pool" },
        linear("out", 4, 2),
      ],
      2,
    );
    const nothing = new Uint8Array(8);
    // the shortcut alone: stem channels 0, 1 → channels 1, 2 of the sum
    expect(effectiveSparsity(block, { "body.weight": nothing })).toBe(1 - (8 + 0 + 4) / 24);
    // the body adds channel 3, from stem channel 0
    const one = Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 0);
    expect(effectiveSparsity(block, { "body.weight": one })).toBe(1 - (8 + 1 + 6) / 24);
    // stem channel 0 is dead: with it channel 1 of the sum and the body's only weight
    const stem = Uint8Array.of(0, 0, 0, 0, 1, 1, 1, 1);
    expect(effectiveSparsity(block, { "stem.weight": stem, "body.weight": one })).toBe(1 - (4 + 0 + 2) / 24);
    // nothing but channel 0 of the sum is read, which only the body could feed
    const out = Uint8Array.of(1, 0, 0, 0, 1, 0, 0, 0);
    expect(effectiveSparsity(block, { "body.weight": one, "out.weight": out })).toBe(1);
  });

  test("groups keep to their own channels", () => {
    const pointwise = { kernel: [1, 1] as const, prunable: false };
    const grouped = wide(
      [
        conv("stem", 2, 2, pointwise),
        conv("a", 2, 4, { groups: 2 }),
        { kind: "global-average-pool" },
        linear("b", 4, 2),
      ],
      2,
    );
    const stem = Uint8Array.of(0, 0, 1, 1); // feeds channel 1 alone
    // [outputs 4, inputs of the group 1, 1, taps 2]: outputs 0, 1 read channel 0, outputs 2, 3 channel 1
    const a = Uint8Array.of(1, 1, 0, 0, 1, 1, 0, 0);
    expect(effectiveSparsity(grouped, { "stem.weight": stem, "a.weight": a })).toBe(1 - (2 + 2 + 2) / 20);
    expect(multiplyAdds(grouped)).toBe(3 * 4 + 2 * 8 + 8); // positions times weights: 3, then 2, then 1
    expect(multiplyAdds(grouped, { "a.weight": a })).toBe(3 * 4 + 2 * 4 + 8);
  });
});

test("real sparsity, compression and speed-up are ShrinkBench's", () => {
  const mask = { "a.weight": Uint8Array.of(1, 1, 0, 0, 0, 0) };
  const ones = (n: number) => new Float32Array(n).fill(1);
  const weights = {
    "a.weight": ones(6), // under the mask: 2 count
    "a.bias": Float32Array.of(0, 1, 1), // one is zero
    "b.weight": ones(6),
    "b.bias": ones(2),
    "c.weight": ones(4),
    "c.bias": ones(2),
  };
  expect(measureSparsity(net, { mask, weights })).toEqual({
    real: 4 / 16,
    effective: 1 - (2 + 2 + 4) / 16, // only unit 0 is fed
    compression: 23 / (2 + 2 + 6 + 2 + 4 + 2),
    theoreticalSpeedup: 16 / 12,
  });
  expect(multiplyAdds(net)).toBe(16);
  expect(layerCounts(net, mask)).toEqual([
    { name: "a.weight", weights: 6, kept: 2 },
    { name: "b.weight", weights: 6, kept: 6 },
    { name: "c.weight", weights: 4, kept: 4 },
  ]);
});

test("layers in a row of one shape are told together", () => {
  const deep = models.get("resnet-110").architecture([3, 32, 32], 10);
  const mask = {
    "layer1.0.conv1.weight": new Uint8Array(2304),
    "layer1.0.conv2.weight": new Uint8Array(2304).fill(1, 4),
  };
  const groups = layerGroups(deep, layerCounts(deep, mask));
  expect(groups.map(({ layers, shape }) => `${layers} of ${shape.join(" × ")}`)).toEqual([
    "1 of 16 × 3 × 3 × 3",
    "36 of 16 × 16 × 3 × 3",
    "1 of 32 × 16 × 3 × 3",
    "35 of 32 × 32 × 3 × 3",
    "1 of 64 × 32 × 3 × 3",
    "35 of 64 × 64 × 3 × 3",
    "1 of 10 × 64",
  ]);
  expect(groups[1]).toMatchObject({ first: "layer1.0.conv1.weight", last: "layer1.17.conv2.weight" });
  expect(groups[1]).toMatchObject({ weights: 36 * 2304, kept: 35 * 2304 - 4 });
});
