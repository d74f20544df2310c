/**
 * Convolutions of the cpu engine (wasm) as near to the reference engine's float64 as float32 allows: Winograd's, those in several
 * bands, and strides, one pass each, so that nothing hides behind what a batch norm cancels (see conv.test.ts).
 *
 * Measured over these nets: errors are at most 1.2e-6 of a tensor's own largest value, with a batch norm or without; biases, whose
 * gradients are sums that cancel, 1.5e-5, so those are held to golden's tolerance alone.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { comparison } from "../../../golden/compare.ts";
import type { Architecture, ConvLayer, Layer } from "../../layers.ts";
import { seededRng } from "../../rng.ts";
import type { Weights } from "../../weights.ts";
import type { Engine } from "../engine.ts";
import { referenceEngine } from "../reference/reference.ts";
import { draw } from "./battery.ts";
import { usesWinograd } from "./choose.ts";
import { buildKernels } from "./node/build.ts";
import { type ConvStep, isSite } from "./sites.ts";
import { stagesOf } from "./stages.ts";
import { tilesOf } from "./tiles.ts";
import { wasmEngine } from "./wasm.ts";

let cpu: Engine;
beforeAll(async () => {
  cpu = await wasmEngine((await buildKernels()).bytes);
});

const conv = (name: string, inputs: number, outputs: number, more: Partial<ConvLayer> = {}): ConvLayer => ({
  ...{ kind: "conv", name, inputs, outputs, kernel: [3, 3], stride: [1, 1], padding: [1, 1], groups: 1 },
  ...{ bias: false, prunable: true, ...more },
});
const norm = (name: string, channels: number): Layer => ({ kind: "batch-norm", name, channels });
const relu: Layer = { kind: "relu" };
const pooled = (inputs: number): Layer[] => [
  { kind: "global-average-pool" },
  { kind: "flatten" },
  { kind: "linear", name: "out", inputs, outputs: 4, bias: true, prunable: false },
];

const winograd: Architecture = {
  input: [3, 9, 7],
  classes: 4,
  layers: [
    ...[conv("a", 3, 17), relu, conv("b", 17, 19, { bias: true }), relu, conv("c", 19, 18, { padding: [0, 2] }), relu],
    ...[conv("d", 18, 16, { padding: [2, 0] }), ...pooled(16)],
  ],
};
const bands: Architecture = {
  input: [20, 40, 30],
  classes: 4,
  layers: [conv("a", 20, 24), relu, conv("b", 24, 16, { stride: [2, 2] }), relu, conv("c", 16, 17), ...pooled(17)],
};
const strides: Architecture = {
  input: [4, 23, 40],
  classes: 4,
  layers: [
    ...[conv("a", 4, 32, { kernel: [5, 4], stride: [1, 3], padding: [2, 1], bias: true }), relu],
    ...[conv("b", 32, 30, { stride: [3, 2], groups: 2 }), relu],
    ...[conv("c", 30, 9, { kernel: [1, 1], stride: [2, 1], padding: [0, 0] }), ...pooled(9)],
  ],
};
/** No pool at its end: what a batch norm gets back is random, and does not cancel. */
const normed: Architecture = {
  input: [3, 9, 7],
  classes: 4,
  layers: [
    ...[conv("a", 3, 17), norm("an", 17), relu, conv("b", 17, 19), norm("bn", 19), relu],
    ...[conv("c", 19, 18, { padding: [0, 2] }), norm("cn", 18), relu],
    ...[conv("d", 18, 16, { padding: [2, 0], stride: [2, 1] }), norm("dn", 16), relu],
    { kind: "flatten" },
    { kind: "linear", name: "out", inputs: 16 * 5 * 7, outputs: 4, bias: true, prunable: false },
  ],
};

test("the nets reach Winograd's convolutions, and several bands with and without a stride", () => {
  const steps = (net: Architecture): ConvStep[] =>
    stagesOf(net).body!.items.filter((item): item is ConvStep => !isSite(item) && item.kind === "conv");
  expect(steps(winograd).map(({ conv }) => usesWinograd(conv))).toEqual([false, true, true, true]);
  expect(steps(normed).map(({ conv }) => usesWinograd(conv))).toEqual([false, true, true, false]);
  expect(steps(bands).map(({ conv }) => usesWinograd(conv))).toEqual([true, false, true]);
  expect(steps(bands).map((step) => tilesOf(step).bands > 1)).toEqual([true, true, false]);
});

const OWN = 5e-6;

async function values(
  engine: Engine,
  { net, weights, mask, images, labels, outputGradient }: ReturnType<typeof draw>,
): Promise<Weights> {
  const network = await engine.compile(net, labels.length);
  await network.write("weights", weights);
  network.setMask(mask);
  const { output, inputGradient, gradients } = await network.probe(images, labels.length, outputGradient, "train");
  await network.dispose();
  return { output, inputGradient, ...gradients };
}

/** Divided by the largest of `of`: an error is then one of the tensor's own size, however small that is. */
const ofOwn = (x: Float32Array, of: Float32Array): Float64Array => {
  const largest = of.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return Float64Array.from(x, (value) => value / (largest || 1));
};

describe.each([20, 37])("batch %s", (batch) => {
  const cases = [
    ...[undefined, 0.7, 0.2].map((kept) => ({ name: "winograd", net: winograd, kept })),
    ...[undefined, 0.7, 0.2].map((kept) => ({ name: "strides", net: strides, kept })),
    ...(batch === 20 ? [undefined, 0.2].map((kept) => ({ name: "bands", net: bands, kept })) : []),
    ...[undefined, 0.7, 0.2].map((kept) => ({ name: "normed", net: normed, kept })),
  ];
  test.each(cases)("$name, kept $kept", async ({ name, net, kept }) => {
    const drawn = draw(net, { batch, ...(kept && { kept }) }, seededRng(10).stream(`${name} ${batch} ${kept}`));
    const [got, wanted] = [await values(cpu, drawn), await values(referenceEngine(), drawn)];
    const { close, weights, faults } = comparison();
    for (const [what, numbers] of Object.entries(wanted)) {
      if (what.endsWith(".bias")) continue;
      close(`${what}, of its own largest`, ofOwn(got[what]!, numbers), ofOwn(numbers, numbers), OWN);
    }
    weights("all", got, wanted);
    expect(faults).toEqual([]);
  });
});
