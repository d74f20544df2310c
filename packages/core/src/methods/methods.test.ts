/** What must hold for every method in the list, on the toy data with real training; then what is particular to each. */
import { beforeAll, expect, test } from "vitest";
import { trainingCount } from "../datasets/dataset.ts";
import { datasets } from "../datasets/index.ts";
import { referenceEngine } from "../engine/reference/reference.ts";
import { parameters } from "../layers.ts";
import { keptCount, leaving, type Mask, pruneCount, sparsityOf, uniformQuotas } from "../mask.ts";
import { models } from "../models/index.ts";
import { type ResolvedPhase, resolveFinal } from "../phase.ts";
import { plan } from "../plan.ts";
import { seededRng } from "../rng.ts";
import { parseSpec } from "../spec.ts";
import { Trace } from "../trace.ts";
import { shuffledBatches, splitTraining } from "../training/batches.ts";
import { denseNetwork } from "../training/dense-network.ts";
import type { Weights } from "../weights.ts";
import { methods } from "./index.ts";
import type { Ticket } from "./method.ts";

const dataset = datasets.get("toy");
let examples: Awaited<ReturnType<typeof dataset.load>>["train"];
beforeAll(async () => {
  examples = (await dataset.load(async () => new Uint8Array())).train;
});

/** Published extrusions are tens of thousands of iterations long. */
const extrusion = { granularity: 0.1, interval: 2, settle: 10, learningRate: 0.01, batchSize: 20 };
const SHORT: Readonly<Record<string, object>> = {
  "l1-iter": { rounds: 3, epochs: 1 },
  "lth-iter": { rounds: 3, epochs: 1 },
  rst: extrusion,
  "rst-iter": { rounds: 3, ...extrusion },
};

interface Found {
  readonly ticket: Ticket;
  readonly initial: Weights;
  readonly phases: readonly ResolvedPhase[];
  /** Masks in the order of the rounds, the ticket's last. */
  readonly masks: readonly Mask[];
}

const specOf = (id: string, sparsity: number, settings: object, seed: number) =>
  parseSpec({ dataset: "toy", model: "mlp-tiny", method: { id, ...settings }, sparsity, seed, recipe: { epochs: 1 } });

async function find(id: string, sparsity: number, settings: object = SHORT[id] ?? {}, seed = 0): Promise<Found> {
  const spec = specOf(id, sparsity, settings, seed);
  const model = models.get(spec.model);
  const architecture = model.architecture(dataset.shape, dataset.classes);
  const rng = seededRng(seed);
  const initial = model.initialise(architecture, rng.stream("init"));
  const split = splitTraining(dataset, spec.protocol, rng);
  const sizes = Object.fromEntries(
    parameters(architecture).flatMap(({ name, size, prunable }) => (prunable ? [[name, size]] : [])),
  );
  const phases: ResolvedPhase[] = [];
  const net = denseNetwork({
    architecture,
    network: await referenceEngine().compile(architecture, 60),
    recipe: spec.recipe,
    initial,
    rng: rng.stream("method"),
    quotas: (s, round, rounds) => uniformQuotas(sizes, s, round, rounds),
    trainCount: trainingCount(dataset, spec.protocol),
    batches: shuffledBatches(dataset, examples, split.train, rng.stream("batches")),
    trace: new Trace(),
    observe: (_, phase) => {
      phases.push(phase);
      return { evaluated: async () => {} };
    },
  });
  const { id: _, ...complete } = spec.method;
  const ticket = await methods.get(id).findTicket(net, sparsity, complete);
  expect(net.initial).toEqual(initial); // a method works on copies

  const planned = await plan(spec);
  const counted = [...phases, resolveFinal(ticket, spec.recipe, trainingCount(dataset, spec.protocol))];
  expect(planned.phases.map(({ part: _, ...phase }) => phase)).toEqual(
    counted.map((phase) => ({
      name: phase.name,
      iterations: phase.iterations,
      batchSize: phase.batchSize,
      examples: phase.examples,
      evaluations: phase.evaluations,
      sparsity: sparsityOf(phase.mask),
    })),
  );
  const before = phases.flatMap(({ mask, penalty }) => (penalty ? [leaving(penalty.on)] : mask ? [mask] : []));
  return { ticket, initial, phases, masks: [...before, ticket.mask] };
}

for (const method of methods.list) {
  const sparsities = method.sparse ? [0.5, 0.9] : [0];

  test(`${method.id}: exactly the sparsity asked for, in every prunable layer`, async () => {
    for (const sparsity of sparsities) {
      const { ticket, initial } = await find(method.id, sparsity);
      expect(Object.keys(ticket.mask)).toEqual(["fc1.weight", "fc2.weight"]);
      for (const [name, kept] of Object.entries(ticket.mask)) {
        expect(kept.length).toBe(initial[name]!.length);
        expect(kept.every((k) => k === 0 || k === 1)).toBe(true);
        expect(kept.length - keptCount({ [name]: kept })).toBe(pruneCount(sparsity, kept.length));
      }
      expect(Object.keys(ticket.weights)).toEqual(Object.keys(initial));
      for (const values of Object.values(ticket.weights)) expect(values.every(Number.isFinite)).toBe(true);
    }
  });

  test(`${method.id}: what is pruned once stays pruned`, async () => {
    const { masks } = await find(method.id, sparsities.at(-1)!);
    for (const [i, mask] of masks.slice(1).entries()) {
      for (const [name, kept] of Object.entries(mask)) {
        const before = masks[i]![name]!;
        expect(kept.every((k, index) => k <= before[index]!)).toBe(true);
      }
    }
    if (method.id.endsWith("-iter")) expect(new Set(masks.map((mask) => keptCount(mask))).size).toBe(3);
  });

  test(`${method.id}: the seed fixes the ticket, and another seed gives another`, async () => {
    const first = (await find(method.id, sparsities[0]!)).ticket;
    expect((await find(method.id, sparsities[0]!)).ticket).toEqual(first);
    const other = (await find(method.id, sparsities[0]!, undefined, 1)).ticket;
    expect(other.weights).not.toEqual(first.weights);
    if (method.sparse) expect(other.mask).not.toEqual(first.mask);
  });
}

test("random and RST prune the same weights with the same seed, LTH and L1 too", async () => {
  const scratch = await find("random", 0.9);
  expect((await find("rst", 0.9)).ticket.mask).toEqual(scratch.ticket.mask);
  expect((await find("lth", 0.9)).ticket.mask).toEqual((await find("l1", 0.9)).ticket.mask);
  expect((await find("random", 0.9, { pick: "smallest" })).ticket.mask).toEqual(
    (await find("l1", 0.9, { denseEpochs: 0 })).ticket.mask,
  );
});

test("LTH rewinds everything, L1 nothing", async () => {
  for (const id of ["lth", "lth-iter", "random"]) {
    const { ticket, initial } = await find(id, 0.5);
    expect(ticket.weights).toEqual(initial);
  }
  const { ticket, initial } = await find("l1", 0.5);
  expect(ticket.weights["fc3.bias"]).not.toEqual(initial["fc3.bias"]);
});

test("LTH keeps the largest weights of its last training", async () => {
  const largest = await find("l1", 0.9); // the same dense training, not rewound
  const { mask } = (await find("lth", 0.9)).ticket;
  for (const [name, kept] of Object.entries(mask)) {
    const size = (of: number) => largest.ticket.weights[name]!.filter((_, i) => kept[i] === of).map(Math.abs);
    expect(Math.min(...size(1))).toBeGreaterThanOrEqual(Math.max(...size(0)));
  }
});

test("L1-Iter masks before the first update unless told otherwise", async () => {
  const phases = async (settings: object) => (await find("l1-iter", 0.9, { ...SHORT["l1-iter"], ...settings })).phases;
  expect((await phases({})).map(({ maskFirst }) => maskFirst)).toEqual([true, true, true]);
  expect((await phases({ maskFirst: false })).map(({ maskFirst }) => maskFirst)).toEqual([true, false, false]);
});

test("extrusion empties the weights that leave, and only them", async () => {
  const { ticket } = await find("rst", 0.5, { ...extrusion, settle: 300, learningRate: 0.02 });
  const share = Object.entries(ticket.mask).map(([name, kept]) => {
    const norm = (of: number) => ticket.weights[name]!.reduce((sum, w, i) => sum + (kept[i] === of ? w * w : 0), 0);
    return norm(0) / norm(1);
  });
  for (const leftOver of share) expect(leftOver).toBeLessThan(0.01);
});

test("RST-Iter: strength starts at 0 again each round; earlier cuts are held only if told to", async () => {
  const free = await find("rst-iter", 0.9);
  expect(free.phases.map(({ mask }) => mask)).toEqual([null, null, null]);
  expect(free.phases.map(({ penalty }) => penalty!.strength(0))).toEqual(Array(3).fill(Math.fround(0.1)));
  const held = await find("rst-iter", 0.9, { ...SHORT["rst-iter"], holdEarlier: true });
  expect(held.phases.map(({ mask }) => mask)).toEqual([null, held.masks[0], held.masks[1]]);
});

test("RST-Iter trains between rounds under the new mask, with the extrusion's batch size", async () => {
  const settings = { ...SHORT["rst-iter"], rounds: 2, betweenEpochs: 2, betweenLearningRate: 0.001 };
  const { phases } = await find("rst-iter", 0.9, settings);
  expect(phases.map(({ name }) => name)).toEqual([
    "extrusion 1 of 2",
    "training after extrusion 1",
    "extrusion 2 of 2",
  ]);
  expect(phases[1]).toMatchObject({ iterations: 50, batchSize: 20, maskFirst: false, penalty: null });
  expect(phases[1]!.mask).toEqual(leaving(phases[0]!.penalty!.on));
  expect(phases[1]!.learningRate(49)).toBe(0.001);
});
