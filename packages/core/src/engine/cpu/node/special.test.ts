/**
 * Denormals, signed zeros, infinities and NaN in a conv net's images and weights: native and wasm give the same bits. NaN is
 * compared as NaN: which of its bits are set differs between CPUs.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Architecture, ConvLayer, Layer } from "../../../layers.ts";
import { seededRng } from "../../../rng.ts";
import type { Engine } from "../../engine.ts";
import { MEMORY_LIMIT } from "../arena.ts";
import { draw } from "../battery.ts";
import { cpuEngine } from "../cpu.ts";
import { compileKernels } from "../wasm.ts";
import { buildKernels } from "./build.ts";
import type { Build } from "./entry.mjs";
import { buildNative } from "./native.ts";
import { openThreads } from "./threads.ts";

let cacheDir: string;
let wasm: Engine;
let native: Engine | null = null;

const engineOf = (build: Build, threads: number): Engine =>
  cpuEngine({ device: "", threads: () => threads, limit: MEMORY_LIMIT, open: (arena) => openThreads(build, arena) });

beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), "ticketmark-special-"));
  wasm = engineOf({ module: await compileKernels((await buildKernels()).bytes) }, 1);
  const built = await buildNative(cacheDir);
  if ("library" in built) {
    native = engineOf(built, 2);
    return;
  }
  console.log(`native kernels: ${built.missing}`);
  if (/\bnative\b/.test(process.env.TICKETMARK_REQUIRE ?? "")) throw new Error(built.missing);
}, 120_000);
afterAll(() => rm(cacheDir, { recursive: true }));

const conv = (name: string, inputs: number, outputs: number, more: Partial<ConvLayer> = {}): Layer => ({
  ...{ kind: "conv", name, inputs, outputs, kernel: [3, 3], stride: [1, 1], padding: [1, 1], groups: 1 },
  ...{ bias: false, prunable: true, ...more },
});
const relu: Layer = { kind: "relu" };
const relu6: Layer = { kind: "relu6" };
/** Direct convolutions, Winograd's, and both pools; `between` the convolutions. */
const netOf = (between: (name: string, channels: number) => Layer[]): Architecture => ({
  input: [3, 9, 7],
  classes: 5,
  layers: [
    ...[conv("a", 3, 17, { bias: true }), ...between("an", 17), relu6],
    ...[conv("b", 17, 16), ...between("bn", 16), relu],
    { kind: "max-pool", kernel: [3, 2], stride: [2, 1], padding: [1, 1] },
    ...[conv("c", 16, 6, { stride: [1, 2], groups: 2 }), ...between("cn", 6)],
    { kind: "average-pool", kernel: [2, 2], stride: [2, 2], padding: [1, 1] },
    { kind: "flatten" },
    { kind: "linear", name: "out", inputs: 6 * 3 * 3, outputs: 5, bias: true, prunable: true },
  ],
});
const nets = {
  plain: netOf(() => []),
  normed: netOf((name, channels) => [{ kind: "batch-norm", name, channels }]),
};

/** Everything that comes out, as bits. */
async function outcome(
  engine: Engine,
  { net, weights, mask, images, labels, outputGradient, update }: ReturnType<typeof draw>,
) {
  const network = await engine.compile(net, labels.length);
  try {
    await network.write("weights", weights);
    network.setMask(mask);
    const out: Record<string, Float32Array> = {};
    for (const mode of ["train", "evaluate"] as const) {
      const { output, inputGradient, gradients } = await network.probe(images, labels.length, outputGradient, mode);
      for (const [name, values] of Object.entries({ output, inputGradient, ...gradients }))
        out[`${mode} ${name}`] = values;
    }
    out.evaluation = Float32Array.of((await network.evaluate(images, labels)).loss);
    for (let i = 0; i < 2; i++) await network.step(images, labels, update);
    out.losses = await network.losses();
    for (const what of ["weights", "momentum"] as const)
      for (const [name, values] of Object.entries(await network.read(what))) out[`${what} ${name}`] = values;
    return out;
  } finally {
    await network.dispose();
  }
}
/** A NaN that a Float32Array writes has one set of bits. */
const bits = (values: Float32Array): string =>
  Buffer.from(Float32Array.from(values, (x) => (Number.isNaN(x) ? Number.NaN : x)).buffer).toString("hex");

const BATCH = 21;
const isDenormal = (x: number): boolean => x !== 0 && Math.abs(x) < 2 ** -126;
/** What is done to a drawn case, and what must then be somewhere in what comes out. */
type Drawn = ReturnType<typeof draw>;
const kinds: Record<string, { change: (drawn: Drawn) => void; seen?: (x: number) => boolean }> = {
  "denormal images": {
    change: ({ images }) => images.forEach((x, i) => void (images[i] = x * 1e-38)),
    seen: isDenormal,
  },
  "denormal weights": {
    change: ({ weights }) =>
      ["a.weight", "b.weight"].forEach(
        (name) => void weights[name]!.forEach((x, i) => void (weights[name]![i] = x * 1e-38)),
      ),
    seen: isDenormal,
  },
  "negative zeros": {
    change: ({ images, weights, outputGradient }) => {
      for (const values of [images, outputGradient, ...Object.values(weights)])
        values.forEach((_x, i) => void (i % 3 === 0 && (values[i] = -0)));
    },
  },
  "an infinity in an image": {
    change: ({ images }) => void (images[100] = Number.POSITIVE_INFINITY),
    seen: Number.isNaN,
  },
  "a negative infinity in an image": {
    change: ({ images }) => void (images[101] = Number.NEGATIVE_INFINITY),
    seen: Number.isNaN,
  },
  "a NaN in an image": { change: ({ images }) => void (images[102] = Number.NaN), seen: Number.isNaN },
  "an infinity in a weight": {
    change: ({ weights }) => void weights["b.weight"]!.fill(Number.POSITIVE_INFINITY, 9, 40),
    seen: Number.isNaN,
  },
  "a negative infinity in a weight": {
    change: ({ weights }) => void weights["c.weight"]!.fill(Number.NEGATIVE_INFINITY, 9, 40),
    seen: Number.isNaN,
  },
  "a NaN in a weight": {
    change: ({ weights }) => void weights["a.weight"]!.fill(Number.NaN, 9, 40),
    seen: Number.isNaN,
  },
  "an overflow": {
    change: ({ weights }) => {
      for (const name of ["c.weight", "out.weight"])
        weights[name]!.forEach((x, i) => void (weights[name]![i] = x * 3e38));
    },
    seen: (x) => !Number.isFinite(x),
  },
};

describe.each(Object.keys(nets) as (keyof typeof nets)[])("%s", (name) => {
  describe.each([undefined, 0.3])("kept %s", (kept) => {
    test.each(Object.keys(kinds))("%s", async (kind) => {
      const drawn = draw(nets[name], { batch: BATCH, ...(kept && { kept }) }, seededRng(12).stream(`${name} ${kept}`));
      const { change, seen } = kinds[kind]!;
      change(drawn);
      const expected = await outcome(wasm, drawn);
      const all = Object.values(expected);
      expect(!seen || all.some((values) => values.some(seen)), "seen").toBe(true);
      expect(
        all.some((values) => values.some((x) => Number.isFinite(x) && x !== 0)),
        "some numbers",
      ).toBe(true);
      if (!native) return;
      const got = await outcome(native, drawn);
      expect(Object.keys(got)).toEqual(Object.keys(expected));
      for (const [what, values] of Object.entries(expected)) expect(bits(got[what]!), what).toBe(bits(values));
    });
  });
});
