/** Conv nets on the cpu engine (wasm, one thread) at the edge: lanes past the batch, constant channels, what nobody reads, memory. */
import { beforeAll, describe, expect, test } from "vitest";
import { comparison } from "../../../golden/compare.ts";
import type { Architecture, ConvLayer, Layer } from "../../layers.ts";
import { Problem } from "../../problem.ts";
import { seededRng } from "../../rng.ts";
import type { Weights } from "../../weights.ts";
import type { Engine } from "../engine.ts";
import { referenceEngine } from "../reference/reference.ts";
import { MEMORY_LIMIT, planArena } from "./arena.ts";
import { draw } from "./battery.ts";
import { BATTERY_NETS } from "./battery-nets.ts";
import { cpuEngine } from "./cpu.ts";
import { buildKernels } from "./node/build.ts";
import { stagesOf } from "./stages.ts";
import { wasmEngine } from "./wasm.ts";

let cpu: Engine;
beforeAll(async () => {
  cpu = await wasmEngine((await buildKernels()).bytes);
});

const conv = (name: string, inputs: number, outputs: number, more: Partial<ConvLayer> = {}): Layer => ({
  ...{ kind: "conv", name, inputs, outputs, kernel: [3, 3], stride: [1, 1], padding: [1, 1], groups: 1 },
  ...{ bias: false, prunable: true, ...more },
});
const linear = (inputs: number, outputs: number): Layer[] => [
  { kind: "flatten" },
  { kind: "linear", name: "out", inputs, outputs, bias: true, prunable: false },
];

/** One pass and a step on both engines, within golden's tolerance. */
async function agree(net: Architecture, batch = 20): Promise<Weights> {
  const { weights, images, labels, outputGradient, update } = draw(net, { batch }, seededRng(13));
  const both = await Promise.all(
    [cpu, referenceEngine()].map(async (engine) => {
      const network = await engine.compile(net, batch);
      await network.write("weights", weights);
      const { output, inputGradient, gradients } = await network.probe(images, batch, outputGradient);
      await network.step(images, labels, update);
      const losses = await network.losses();
      const momentum = Object.entries(await network.read("momentum")).map(
        ([name, v]) => [`momentum ${name}`, v] as const,
      );
      return { output, inputGradient, losses, ...gradients, ...Object.fromEntries(momentum) };
    }),
  );
  const { weights: compare, faults } = comparison();
  compare("", both[0]!, both[1]!);
  expect(faults).toEqual([]);
  return both[0]!;
}

const point = { kernel: [1, 1], padding: [0, 0] } as const;
describe("lanes past the batch that overflow", () => {
  test.each([
    ["direct", 2, {}, 1],
    ["with a stride", 2, { stride: [2, 2] }, 1],
    ["a point", 2, point, 1],
    ["sparse", 2, {}, 0.3],
    ["Winograd's", 16, {}, 1],
    ["sparse where Winograd's would be", 16, {}, 0.1],
  ] as const)("leave the weight gradients finite: %s", async (_name, n, more, kept) => {
    const [height, width] = "stride" in more ? [2, 2] : [3, 3];
    const net: Architecture = {
      input: [n, 3, 3],
      classes: n * height * width,
      layers: [
        conv("a", n, n, { ...point, bias: true }),
        conv("b", n, n, point),
        conv("c", n, n, more),
        { kind: "flatten" },
      ],
    };
    const batch = 19;
    const { weights, mask, images, labels, outputGradient } = draw(net, { batch, kept }, seededRng(14));
    // an image of −1e30 and a bias of 1e30 are 0; where there is no image, 1e30 · 1e30 is infinite
    images.fill(-1e30);
    weights["a.bias"]!.fill(1e30);
    for (const [name, on] of [
      ["a.weight", 1],
      ["b.weight", 1e30],
    ] as const)
      weights[name]!.forEach((_x, i) => void (weights[name]![i] = i % (n + 1) === 0 ? on : 0));
    for (const name of ["a.weight", "b.weight"]) mask![name]!.fill(1);
    const network = await cpu.compile(net, batch);
    await network.write("weights", weights);
    network.setMask(mask);
    for (const { "b.weight": b, "c.weight": c } of [
      (await network.probe(images, batch, outputGradient)).gradients,
      await network.gradients(images, labels),
    ]) {
      expect(c!.every((x) => x === 0)).toBe(true);
      expect(b!.every(Number.isFinite)).toBe(true);
    }
  });
});

describe("a channel of one large value before a batch norm", () => {
  const norm: Layer = { kind: "batch-norm", name: "n", channels: 3 };
  test.each([
    ["of images", [norm]],
    ["of a convolution", [conv("a", 3, 3, point), norm]],
  ])("%s", async (_name, before) => {
    const net: Architecture = { input: [3, 29, 31], classes: 4, layers: [...before, ...linear(2697, 4)] };
    const { weights, images, labels, outputGradient, update } = draw(net, { batch: 7 }, seededRng(15));
    if (weights["a.weight"]) weights["a.weight"].set([1, 0, 0, 0, 1, 0, 0, 0, 1]);
    // some round to a sum of squares below 0; a plane of this size is one tile, so that nothing of another's makes up for it
    for (const value of [1e10, -1e10, ...[4, 8, 9, 12].map((k) => 1e14 * (1 + k / 61))]) {
      images.forEach((_x, i) => void (Math.floor(i / 899) % 3 === 0 && (images[i] = value)));
      const network = await cpu.compile(net, 7);
      await network.write("weights", weights);
      const { output, inputGradient, gradients } = await network.probe(images, 7, outputGradient);
      await network.step(images, labels, update);
      const state = await network.read("weights");
      for (const values of [output, inputGradient, ...Object.values(gradients), ...Object.values(state)])
        expect(values.every(Number.isFinite), `${value}`).toBe(true);
      expect(state["n.running_var"]!.every((x) => x >= 0)).toBe(true);
    }
  });
});

describe("values behind flatten", () => {
  const plane = { input: [2, 3, 3], classes: 18 } as const;
  const whole = conv("whole", 2, 18, { padding: [0, 0], input: "images" }); // one pixel of 18 channels
  test.each([
    ["a convolution's and a flattened one", [{ kind: "flatten", name: "f" }, whole, { kind: "add", other: "f" }]],
    [
      "a flattened one and a convolution's",
      [whole, { kind: "flatten", input: "images" }, { kind: "add", other: "whole" }],
    ],
  ] as [string, Layer[]][])("a sum of shapes that differ in memory is refused: %s", async (_name, layers) => {
    const refused = await cpu.compile({ ...plane, layers }, 4).catch((problem) => problem);
    expect(refused).toBeInstanceOf(Problem);
    expect(refused).toMatchObject({
      code: "engine-unavailable",
      message: expect.stringContaining("add after flatten"),
    });
  });

  const head = (name: string, input?: string): Layer => ({
    ...{ kind: "linear", name, inputs: 18, outputs: 18, bias: false, prunable: true, ...(input && { input }) },
  });
  test("a ReLU of one that others read too leaves theirs as it was", async () => {
    for (const kind of ["relu", "relu6"] as const) {
      const sum: Layer[] = [
        conv("b", 2, 2),
        { kind: "batch-norm", name: "n", channels: 2 },
        { kind: "add", other: "a" },
      ];
      for (const made of [[], sum]) {
        const last = made.length > 0 ? "s" : "a";
        const named = made.map((layer, i) => (i === made.length - 1 ? { ...layer, name: "s" } : layer)) as Layer[];
        const read: Layer[] = [
          ...([{ kind: "flatten", name: "f" }, { kind, name: "r" }, head("of r"), head("of f", "f")] as Layer[]),
          ...([conv("c", 2, 2, { input: last }), { kind: "flatten" }, head("of c")] as Layer[]),
          ...([
            { kind: "add", other: "of r" },
            { kind: "add", other: "of f" },
          ] as Layer[]),
        ];
        await agree({ ...plane, layers: [conv("a", 2, 2), ...named, ...read] });
      }
    }
  });
});

test("a convolution that nobody reads has gradients of zeros, and harms nobody", async () => {
  const unread: Layer[] = [conv("a", 2, 3), conv("dead", 3, 4, { bias: true }), conv("b", 3, 2, { input: "a" })];
  const values = await agree({ input: [2, 5, 4], classes: 4, layers: [...unread, ...linear(40, 4)] });
  for (const name of ["dead.weight", "dead.bias"])
    expect(
      values[name]!.every((x) => x === 0),
      name,
    ).toBe(true);
});

test("a net whose images are its output, and nets of flatten or an activation alone", async () => {
  const lists: Layer[][] = [[], [{ kind: "flatten" }], [{ kind: "relu" }], [{ kind: "flatten" }, { kind: "relu6" }]];
  for (const layers of lists) await agree({ input: [5, 1, 1], classes: 5, layers });
});

describe("memory", () => {
  test("a body too large is refused with both figures before anything is allocated", async () => {
    const limit = 1 << 20;
    const open = () => Promise.reject(new Error("allocated"));
    const small = cpuEngine({ device: "", threads: () => 1, limit, open });
    const needed = planArena(stagesOf(BATTERY_NETS.deep), 64, 1, MEMORY_LIMIT).bytes;
    expect(needed).toBeGreaterThan(limit);
    const refused = await small.compile(BATTERY_NETS.deep, 64).catch((problem) => problem);
    expect(refused).toBeInstanceOf(Problem);
    expect(refused).toMatchObject({ code: "out-of-memory" });
    expect(refused.message).toContain(`needs ${needed} bytes for batches of 64; there are ${limit}`);
  });

  test.each(["residual", "odd", "wide", "deep"] as const)(
    "peakBytes of %s holds all tensors and grows with the batch",
    async (name) => {
      const net = BATTERY_NETS[name];
      let before = 0;
      for (const batch of [16, 160, 320]) {
        const { peakBytes, dispose } = await cpu.compile(net, batch);
        const { body, parameters } = planArena(stagesOf(net), batch, 1, MEMORY_LIMIT);
        const sites = [...body!.sites.keys()].filter(({ stored }) => stored);
        const floats = sites.reduce(
          (sum, { shape: [channels, height, width] }) => sum + channels * height * width * batch,
          0,
        );
        const weights = parameters.reduce((sum, { place }) => sum + place.size * (place.learned ? 3 : 1), 0);
        expect(peakBytes).toBeGreaterThan(4 * (floats + weights));
        expect(peakBytes).toBeGreaterThan(before);
        before = peakBytes;
        await dispose();
      }
    },
  );
});
