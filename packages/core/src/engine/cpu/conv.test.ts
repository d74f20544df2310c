/** Conv nets on the cpu engine (wasm, one thread) against the reference engine: random nets, and values at the edge. */
import { beforeAll, describe, expect, test } from "vitest";
import { comparison, TOLERANCE } from "../../../golden/compare.ts";
import { type Architecture, type ConvLayer, type Layer, parameters } from "../../layers.ts";
import { applyMask, type Mask } from "../../mask.ts";
import { seededRng } from "../../rng.ts";
import type { Weights } from "../../weights.ts";
import { exampleSize } from "../checks.ts";
import type { Engine, Network } from "../engine.ts";
import { referenceEngine } from "../reference/reference.ts";
import { draw } from "./battery.ts";
import { BATTERY_NETS } from "./battery-nets.ts";
import { buildKernels } from "./node/build.ts";
import { randomNet } from "./random-net.ts";
import { wasmEngine } from "./wasm.ts";

let cpu: Engine;
beforeAll(async () => {
  cpu = await wasmEngine((await buildKernels()).bytes);
});

const shares = [undefined, 0.6, 0.3, 0.02, 0, 1] as const;
const updates = [
  {},
  { nesterov: true, labelSmoothing: 0.1 },
  { lossGradient: "blocked" },
  { momentum: 0, weightDecay: 0, labelSmoothing: 0.2 },
] as const;

/** Nothing kept of one weight, and of one output of another. */
function emptied(mask: Mask, net: Architecture): Mask {
  const names = Object.keys(mask);
  const [first, last] = [names[0]!, names.at(-1)!];
  const outputs = parameters(net).find(({ name }) => name === first)!.shape[0]!;
  mask[last]!.fill(0);
  mask[first]!.fill(0, 0, mask[first]!.length / outputs);
  return mask;
}

/**
 * Through a batch norm, gradients are what is left of large sums that cancel (of a bias before it: nothing), and channels that
 * hardly vary, as pruned ones, are raised up to 316 times. Measured over 1,200 nets; without the norm all are within golden's.
 * What this is too loose to see, conv-near.test.ts does.
 */
const CANCELLED = { bias: 0.1, rest: 3e-3 };

const seeds = Array.from({ length: 126 }, (_, seed) => seed);
describe("random nets", () => {
  test.each(seeds)("%s", async (seed) => {
    const rng = seededRng(7).stream(`net ${seed}`);
    const net = seed < 90 ? randomNet(rng) : Object.values(BATTERY_NETS)[seed % 6]!; // the battery's six: Winograd, several bands
    const batch = 1 + rng.below(35);
    const use = {
      batch,
      kept: shares[(seed + Math.floor(seed / 6)) % 6],
      update: updates[seed % 4],
      ...(seed % 3 === 0 && { penalty: 0.3 }),
    };
    const drawn = draw(net, use, rng);
    const { weights, images, labels, outputGradient, update, penalty } = drawn;
    const mask = drawn.mask && seed % 5 === 0 ? emptied(drawn.mask, net) : drawn.mask;
    const other = draw(net, { batch: 1, kept: 0.4 }, rng).mask;
    const short = Math.ceil(batch / 2);
    const size = exampleSize(net);

    async function* values(engine: Engine): AsyncGenerator<[string, Weights]> {
      const network = await engine.compile(net, batch);
      await network.write("weights", weights);
      network.setMask(mask);
      network.setPenalty(penalty);
      for (const mode of ["evaluate", "train"] as const) {
        const { output, inputGradient, gradients } = await network.probe(images, batch, outputGradient, mode);
        yield [mode, { output, inputGradient, ...gradients }];
      }
      yield ["gradients", await network.gradients(images, labels, update.labelSmoothing)];
      const { loss } = await network.evaluate(images, labels);
      yield ["evaluation", { loss: Float32Array.of(loss / batch) }];
      const step = (n: number, dropoutSeed: number) =>
        network.step(images.subarray(0, n * size), labels.subarray(0, n), { ...update, dropoutSeed });
      await step(batch, 1);
      yield ["weights after a step", await network.read("weights")];
      await step(short, 2);
      network.setMask(other);
      await step(batch, 3);
      network.setMask(null);
      await step(batch, 4);
      yield ["losses", { losses: await network.losses() }];
      yield ["weights", await network.read("weights")];
      yield ["momentum", await network.read("momentum")];
      await network.dispose();
    }
    const expected = values(referenceEngine());
    const hasNorm = net.layers.some(({ kind }) => kind === "batch-norm");
    const { close, faults } = comparison();
    for await (const [what, got] of values(cpu)) {
      const wanted: Weights = (await expected.next()).value![1];
      expect(Object.keys(got)).toEqual(Object.keys(wanted));
      for (const [name, numbers] of Object.entries(wanted)) {
        const cancels = !hasNorm || what === "evaluate" ? 0 : name.endsWith(".bias") ? CANCELLED.bias : CANCELLED.rest;
        const tolerance = what === "momentum" ? TOLERANCE.momentum : TOLERANCE.values;
        close(`${what} ${name}`, got[name]!, numbers, Math.max(tolerance, cancels));
      }
    }
    expect(faults, JSON.stringify(net)).toEqual([]);
  });
});

const bits = (values: Float32Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("hex");
const bitsOf = (weights: Weights) => Object.entries(weights).map(([name, values]) => `${name} ${bits(values)}`);
/** A net of its own, of seeds that no test above has. */
function drawn(seed: number, use: { readonly kept?: number } = {}) {
  const rng = seededRng(8).stream(`net ${seed}`);
  const net = randomNet(rng);
  const batch = 1 + rng.below(35);
  return { ...draw(net, { batch, ...use }, rng), batch };
}

describe("what is promised exactly, of random nets", () => {
  const seeds = Array.from({ length: 25 }, (_, seed) => seed);

  test.each(seeds)("%s: kept weights as a list give the bits of the same weights stored whole", async (seed) => {
    const { net, batch, weights, mask, images, outputGradient } = drawn(seed, { kept: [0.02, 0.2, 0.35][seed % 3]! });
    const [listed, whole] = [await cpu.compile(net, batch), await cpu.compile(net, batch)];
    await listed.write("weights", weights);
    listed.setMask(mask);
    await whole.write("weights", applyMask(weights, mask!));
    for (const mode of ["train", "evaluate"] as const) {
      const a = await listed.probe(images, batch, outputGradient, mode);
      const b = await whole.probe(images, batch, outputGradient, mode);
      expect(bits(a.output)).toBe(bits(b.output));
      expect(bits(a.inputGradient)).toBe(bits(b.inputGradient));
      expect(bitsOf(a.gradients)).toEqual(bitsOf(applyMask(b.gradients, mask!)));
    }
  });

  test.each(seeds)(
    "%s: a batch gives the same bits whatever came before it, and whatever was planned for",
    async (seed) => {
      const { net, batch, weights, images, labels, update } = drawn(seed);
      const [exact, roomy] = [await cpu.compile(net, batch), await cpu.compile(net, batch + 40)];
      const stale = new Float32Array((batch + 40) * exampleSize(net)).fill(Number.NaN);
      await roomy.probe(stale, batch + 40, new Float32Array((batch + 40) * net.classes).fill(Number.NaN));
      for (const network of [exact, roomy]) {
        await network.write("weights", weights);
        await network.step(images, labels, update);
      }
      expect(bits(await roomy.losses())).toBe(bits(await exact.losses()));
      for (const what of ["weights", "momentum", "gradients"] as const)
        expect(bitsOf(await roomy.read(what))).toEqual(bitsOf(await exact.read(what)));
    },
  );

  test.each(seeds)("%s: an example's output in evaluation is its own, whatever the others are", async (seed) => {
    const { net, batch, weights, images, labels } = drawn(seed);
    const network = await cpu.compile(net, batch);
    await network.write("weights", weights);
    const outputs = (x: Float32Array) => network.probe(x, batch, new Float32Array(batch * net.classes), "evaluate");
    const { output } = await outputs(images);
    const broken = images.slice();
    const [size, bad] = [exampleSize(net), seed % batch];
    broken.fill([Number.NaN, Number.POSITIVE_INFINITY, -3e38][seed % 3]!, bad * size, (bad + 1) * size);
    const { output: beside } = await outputs(broken);
    const of = (from: Float32Array, n: number) => bits(from.subarray(n * net.classes, (n + 1) * net.classes));
    for (let n = 0; n < batch; n++) if (n !== bad) expect(of(beside, n), `example ${n}`).toBe(of(output, n));
    if (seed % 3 === 0) {
      const [whole, without] = [await network.evaluate(broken, labels), await network.evaluate(images, labels)];
      expect(whole.loss).toBeNaN();
      expect(without.correct - whole.correct).toBeLessThanOrEqual(1);
    }
  });

  test.each(seeds)("%s: a NaN in one value of one image arrives in the loss", async (seed) => {
    const { net, batch, weights, images, labels, update } = drawn(seed);
    const results = [];
    for (const engine of [cpu, referenceEngine()]) {
      const network = await engine.compile(net, batch);
      await network.write("weights", weights);
      const broken = images.slice();
      broken[Math.floor(images.length / 2)] = Number.NaN;
      await network.step(broken, labels, { ...update, dropoutSeed: seed });
      results.push(Number.isNaN((await network.losses())[0]));
    }
    expect(results[0]).toBe(results[1]);
  });
});

const conv = (name: string, inputs: number, outputs: number, more: Partial<ConvLayer> = {}): ConvLayer => ({
  ...{ kind: "conv", name, inputs, outputs, kernel: [3, 3], stride: [1, 1], padding: [1, 1], groups: 1 },
  ...{ bias: false, prunable: true, ...more },
});
const linear = (inputs: number, outputs: number): Layer[] => [
  { kind: "flatten" },
  { kind: "linear", name: "out", inputs, outputs, bias: true, prunable: false },
];

describe("values at the edge", () => {
  async function bothOn(net: Architecture, change: (drawn: ReturnType<typeof draw>) => void, batch = 20) {
    const one = draw(net, { batch }, seededRng(9));
    change(one);
    const open = async (engine: Engine): Promise<Network> => {
      const network = await engine.compile(net, batch);
      await network.write("weights", one.weights);
      return network;
    };
    return { ...one, ours: await open(cpu), reference: await open(referenceEngine()), batch };
  }

  test("a mean of 100 deviations cancels in no batch norm, taken by a convolution or over a tensor", async () => {
    const norm = (name: string): Layer => ({ kind: "batch-norm", name, channels: 2 });
    const net: Architecture = {
      ...{ input: [2, 7, 6], classes: 4 },
      layers: [
        norm("first"),
        { ...conv("a", 2, 2, { kernel: [1, 1], padding: [0, 0] }), input: "images" },
        norm("second"),
        { kind: "add", other: "first" },
        ...linear(84, 4),
      ],
    };
    const { ours, reference, images, labels, batch, outputGradient, update } = await bothOn(
      net,
      ({ images, weights }) => {
        for (let i = 0; i < images.length; i++) images[i] = 100 + images[i]! * Math.sqrt(3); // uniform in ±√3: deviation 1
        (weights["a.weight"] as Float32Array).set([1, 0, 0, 1]);
      },
    );
    const { weights: compare, close, faults } = comparison();
    const [a, b] = [
      await ours.probe(images, batch, outputGradient),
      await reference.probe(images, batch, outputGradient),
    ];
    close("output", a.output, b.output);
    close("input gradient", a.inputGradient, b.inputGradient);
    for (const network of [ours, reference]) await network.step(images, labels, update);
    compare("state", await ours.read("weights"), await reference.read("weights"));
    expect(faults).toEqual([]);
  });

  const plain: Architecture = { input: [2, 5, 5], classes: 50, layers: [conv("a", 2, 2), { kind: "flatten" }] };

  test("denormals are not flushed", async () => {
    const { ours, reference, images, outputGradient, batch } = await bothOn(plain, ({ images }) => {
      for (let i = 0; i < images.length; i++) images[i] = images[i]! * 1e-39;
    });
    const [a, b] = [
      await ours.probe(images, batch, outputGradient),
      await reference.probe(images, batch, outputGradient),
    ];
    expect(a.output.filter((x) => x !== 0 && Math.abs(x) < 1.1754944e-38).length).toBeGreaterThan(900);
    for (const what of ["output", "inputGradient"] as const) {
      const worst = a[what].reduce((most, x, i) => Math.max(most, Math.abs(x - b[what][i]!)), 0);
      expect(worst, what).toBeLessThan(what === "output" ? 18 * 1.5e-45 : 1e-6); // a unit of the last place a tap
    }
  });

  test("no sum over taps is −0, nor is a ReLU of it", async () => {
    const net = {
      ...plain,
      layers: [
        { kind: "relu" } as const,
        ...plain.layers.slice(0, 1),
        { kind: "relu" } as const,
        { kind: "flatten" } as const,
      ],
    };
    for (const of of [plain, net]) {
      const { ours, images, batch } = await bothOn(of, ({ images }) => void images.fill(-0));
      const { output, inputGradient } = await ours.probe(images, batch, new Float32Array(batch * 50).fill(-0));
      expect(new Set([...output, ...inputGradient].map((x) => (Object.is(x, 0) ? "+0" : x)))).toEqual(new Set(["+0"]));
    }
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    "a weight of %s is no number in the loss",
    async (value) => {
      const net: Architecture = {
        input: [2, 5, 5],
        classes: 3,
        layers: [
          conv("a", 2, 4),
          { kind: "batch-norm", name: "n", channels: 4 },
          { kind: "relu" },
          conv("b", 4, 2, { bias: true }),
          ...linear(50, 3),
        ],
      };
      for (const name of ["a.weight", "n.weight", "n.bias", "b.weight", "b.bias", "out.weight"]) {
        const { ours, images, labels, update } = await bothOn(
          net,
          ({ weights }) => void ((weights[name] as Float32Array)[1] = value),
        );
        for (let i = 0; i < 2; i++) await ours.step(images, labels, update);
        expect((await ours.losses()).every(Number.isFinite), name).toBe(false);
      }
    },
  );
});
