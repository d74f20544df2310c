import { expect, test } from "vitest";
import { multiplyAdds } from "./flops.ts";
import type { Architecture } from "./layers.ts";
import { effectiveSparsity, layerCounts, measureSparsity } from "./measures.ts";

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
