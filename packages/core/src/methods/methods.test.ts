/**
 * What must hold for every method in the list, by whole runs of a net of linear layers and of one with all that convolutional
 * nets have, on the toy data and the cpu engine; then what is particular to each. No method sees the test set: in every run
 * here its bytes throw while a method looks for its ticket.
 */
import { beforeAll, describe, expect, test, vi } from "vitest";
import { type Data, type Examples, trainingCount } from "../datasets/dataset.ts";
import { datasets } from "../datasets/index.ts";
import { buildKernels } from "../engine/cpu/node/build.ts";
import { wasmEngine } from "../engine/cpu/wasm.ts";
import type { Engine } from "../engine/engine.ts";
import { parameters } from "../layers.ts";
import { keptCount, leaving, type Mask } from "../mask.ts";
import { models } from "../models/index.ts";
import { mobilenetImagenet } from "../models/mobilenet-v2.ts";
import { type ResolvedPhase, resolvePhase } from "../phase.ts";
import { type Plan, plan } from "../plan.ts";
import type { Result } from "../result.ts";
import { runJob } from "../run-job.ts";
import { quotasOf, SCOPES, type Scope } from "../scope.ts";
import { architectureOf, parseSpec, type Spec } from "../spec.ts";
import { readTicketFile } from "../tensor-file.ts";
import { copyWeights, type Weights } from "../weights.ts";
import { methods } from "./index.ts";
import type { DenseNetwork, ExampleBatch, ExamplePart, Method, Ticket } from "./method.ts";

const LINEAR = "mlp-tiny";
/** MobileNetV2's blocks, small: convolutions, depthwise ones too, batch norm, relu6, a sum, dropout. */
const CONV = "tiny";
models.add({
  ...models.get("mobilenet-v2-imagenet"),
  id: CONV,
  architecture(input, classes) {
    const stages = [1, 2].map((n) => [n, 8, n, 1] as const);
    return mobilenetImagenet(input, classes, { stem: 8, stages, features: 16 });
  },
});

const dataset = datasets.get("toy");
let data: Data;
let cpu: Engine;
beforeAll(async () => {
  data = await dataset.load(async () => new Uint8Array());
  cpu = await wasmEngine((await buildKernels()).bytes);
});

/** Published trainings and intervals are thousands of iterations long; the recipe here has 50. */
const extrusion = { granularity: 0.1, interval: 2, settle: 10, learningRate: 0.01, batchSize: 20 };
const SHORT: Readonly<Record<string, object>> = {
  "l1-iter": { rounds: 3, epochs: 1 },
  "lth-iter": { rounds: 3, epochs: 1 },
  rst: extrusion,
  "rst-iter": { rounds: 3, ...extrusion },
  "scratch-equal-iterations": extrusion,
  set: { every: 10 },
  rigl: { every: 10 },
  gmp: { every: 10 },
};

interface Wanted {
  readonly model?: string;
  readonly sparsity?: number;
  readonly scope?: Scope;
  readonly settings?: object;
  readonly seed?: number;
  /** Other test images than the data set's. */
  readonly test?: Examples;
}

interface Found {
  readonly spec: Spec;
  readonly net: DenseNetwork;
  readonly initial: Weights;
  readonly ticket: Ticket;
  readonly phases: readonly ResolvedPhase[];
  /** Masks in the order of the rounds, the ticket's last; then those of its final training. */
  readonly masks: readonly Mask[];
  readonly changes: readonly Mask[];
  /** Images that derivatives were measured on, those of a Hessian-vector product twice. */
  readonly scored: number;
  /** As the final training left it in the network. */
  readonly trained: { readonly mask: Mask; readonly weights: Weights };
  readonly result: Result;
}

function specOf(id: string, { model = LINEAR, sparsity = 0.9, scope, settings = SHORT[id] ?? {}, seed }: Wanted): Spec {
  const method = { id, ...settings };
  return parseSpec({ dataset: "toy", model, method, sparsity, scope, seed, recipe: { epochs: 2 } });
}

/** A run of the method, watched: what it was given, what it asked for, what came of it. */
async function run(id: string, wanted: Wanted = {}): Promise<Found> {
  const spec = specOf(id, wanted);
  const method = methods.get(id);
  const { findTicket } = method;
  let seen: Pick<Found, "net" | "initial" | "ticket" | "phases" | "scored"> | undefined;
  const changes: Mask[] = [];
  let searching = false;
  const finding = vi.spyOn(method, "findTicket").mockImplementation(async (net, sparsity, settings) => {
    const phases: ResolvedPhase[] = [];
    const initial = copyWeights(net.initial);
    const train: DenseNetwork["train"] = (weights, phase) => {
      phases.push(resolvePhase(phase, spec.recipe, trainingCount(dataset, spec.protocol)));
      return net.train(weights, phase);
    };
    let scored = 0;
    const counted = (times: number, parts: readonly ExamplePart[]): ExamplePart[] => {
      const tally = (batch: ExampleBatch) => {
        scored += times * batch.labels.length;
        return batch;
      };
      return parts.map(({ count, make }) => ({ count, make: () => tally(make()) }));
    };
    const measures: Pick<DenseNetwork, "gradients" | "hessianVector" | "flow"> = {
      gradients: (at, parts, options) => net.gradients(at, counted(1, parts), options),
      hessianVector: (at, v, parts, options) => net.hessianVector(at, v, counted(2, parts), options),
      flow(at) {
        scored++;
        return net.flow(at);
      },
    };
    searching = true;
    const ticket = await findTicket(Object.freeze({ ...net, ...measures, train }), sparsity, settings);
    searching = false;
    seen = { net, initial, ticket, phases, scored };
    const { remask } = ticket;
    if (!remask) return ticket;
    const next: typeof remask.next = async (at) => {
      const remasked = await remask.next(at);
      changes.push(remasked.mask);
      return remasked;
    };
    return { ...ticket, remask: { ...remask, next } };
  });
  const loading = vi
    .spyOn(dataset, "load")
    .mockResolvedValue({ ...data, test: guarded(wanted.test ?? data.test, () => searching) });
  let weights: Weights = {};
  const engine: Engine = {
    ...cpu,
    compile: async (...of) => {
      const network = await cpu.compile(...of);
      const { write } = network;
      network.write = (what, values) => {
        if (what === "weights") weights = values; // the last ones are the trained net's, to be evaluated
        return write(what, values);
      };
      return network;
    },
  };
  const environment = {
    ...{ engine: "cpu", device: "test", reason: "test", os: "test", arch: "test", cpu: "test", node: "test" },
    ...{ cores: 1, memoryBytes: 1 },
  };
  const read = async () => new Uint8Array();
  const done = await runJob(spec, { engine, environment, read, now: () => 0 }).finally(() => {
    finding.mockRestore();
    loading.mockRestore();
  });
  if (done === "stopped" || !seen || done.result.outcome !== "completed") throw new Error(`${id} did not complete`);
  const { phases, ticket } = seen;
  const before = phases.flatMap(({ mask, penalty }) => (penalty ? [leaving(penalty.on)] : mask ? [mask] : []));
  const trained = { mask: readTicketFile(done.files.trained!).mask, weights };
  return { spec, ...seen, masks: [...before, ticket.mask], changes, trained, result: done.result };
}

/** Any look at it throws while `closed`. */
const guarded = (examples: Examples, closed: () => boolean): Examples =>
  new Proxy(examples, {
    get(target, key) {
      if (closed()) throw new Error(`a method read the test set's ${String(key)}`);
      return Reflect.get(target, key);
    },
  });

/** The same run twice is one run. */
const runs = new Map<string, Promise<Found>>();
function find(id: string, sparsity?: number, settings?: object, more: Wanted = {}): Promise<Found> {
  const wanted = { ...more, ...(sparsity !== undefined && { sparsity }), ...(settings && { settings }) };
  const key = JSON.stringify([id, wanted]);
  const found = runs.get(key) ?? run(id, wanted);
  runs.set(key, found);
  return found;
}

/** Everything that a program can come by from a value, but for what functions close over. */
function reachable(from: unknown, seen = new Set<unknown>()): Set<unknown> {
  if ((typeof from !== "object" && typeof from !== "function") || from === null || seen.has(from)) return seen;
  seen.add(from);
  if (ArrayBuffer.isView(from)) return seen;
  for (const { value, get } of Object.values(Object.getOwnPropertyDescriptors(from))) {
    expect(get).toBeUndefined();
    reachable(value, seen);
  }
  return seen;
}

const prunableOf = (model: string) =>
  parameters(architectureOf({ dataset: "toy", model })).filter((parameter) => parameter.prunable);
const prunedOf = (mask: Mask, layers: readonly string[]) =>
  layers.reduce((sum, layer) => sum + mask[layer]!.length - keptCount({ [layer]: mask[layer]! }), 0);
const expectNested = (masks: readonly Mask[]) => {
  for (const [i, mask] of masks.slice(1).entries())
    for (const [name, kept] of Object.entries(mask))
      expect(kept.every((k, index) => k <= masks[i]![name]![index]!)).toBe(true);
};

/** What was done, in the plan's words; where a phase may end early, at most what was planned. */
function expectPlanned({ phases, cost }: Result, { phases: planned, ...costs }: Plan): void {
  expect(phases.length).toBe(planned.length);
  for (const [i, { examples: _, evaluations: __, prunesUntil: ___, mayEndFrom, ...phase }] of planned.entries()) {
    const { seconds: _, ...done } = phases[i]!;
    expect(done.iterations).toBeLessThanOrEqual(phase.iterations);
    expect(done).toEqual(mayEndFrom !== null ? { ...phase, iterations: done.iterations } : phase);
  }
  const { methodIterations, methodExamples, ...exact } = { scoredExamples: 0, ...cost };
  expect(costs).toMatchObject(exact);
  if (planned.some(({ mayEndFrom }) => mayEndFrom !== null))
    expect(methodExamples).toBeLessThanOrEqual(costs.methodExamples);
  else expect([methodIterations, methodExamples]).toEqual([costs.methodIterations, costs.methodExamples]);
}

const everywhere = [LINEAR, CONV].flatMap((model) =>
  methods.list.map((method): [string, string, Method] => [method.id, model, method]),
);

describe.each(everywhere)("%s, %s", (id, model, method) => {
  const sparsity = method.sparse ? 0.9 : 0;
  const prunable = prunableOf(model);

  test.each(SCOPES)(
    "exactly the sparsity asked for, scope %s; pruned weights of the trained net are 0",
    async (scope) => {
      for (const s of method.sparse ? [0.5, 0.9] : [0]) {
        const { ticket, trained, initial } = await find(id, s, undefined, { scope, model });
        for (const [mask, grown] of [
          [ticket.mask, method.remasks !== "grows"],
          [trained.mask, true],
        ] as const) {
          expect(Object.keys(mask)).toEqual(prunable.map(({ name }) => name));
          for (const { name, size } of prunable) {
            expect(mask[name]!.length).toBe(size);
            expect(mask[name]!.every((kept) => kept === 0 || kept === 1)).toBe(true);
          }
          for (const { layers, prune } of quotasOf(scope, prunable, s))
            expect(prunedOf(mask, layers)).toBe(grown ? prune : 0);
        }
        expect(Object.keys(ticket.weights)).toEqual(Object.keys(initial));
        for (const [name, values] of Object.entries(trained.weights)) {
          expect(values.every(Number.isFinite)).toBe(true);
          expect(values.every((w, i) => w === 0 || trained.mask[name]?.[i] !== 0)).toBe(true);
        }
      }
    },
  );

  test("what is pruned once stays pruned, but where the method moves the mask of its final training", async () => {
    for (const scope of SCOPES) {
      const { masks, changes, trained, ticket } = await find(id, sparsity, undefined, { scope, model });
      expectNested(method.remasks === "grows" ? [...masks, ...changes] : masks);
      expect(trained.mask).toEqual(changes.at(-1) ?? ticket.mask);
      if (method.remasks) expect(changes.length).toBeGreaterThan(1);
      else expect(changes).toEqual([]);
      if (id.endsWith("-iter")) expect(new Set(masks.map((mask) => keptCount(mask))).size).toBe(3);
    }
  });

  test("the seed fixes ticket and trained net, and another seed gives others", async () => {
    const { result, initial, net } = await find(id, sparsity, undefined, { model });
    const again = await run(id, { model, sparsity });
    const other = await run(id, { model, sparsity, seed: 1 });
    const digests = (of: Result) => [of.ticketDigest, of.trainedDigest, of.trace.head];
    expect(digests(again.result)).toEqual(digests(result));
    for (const [i, digest] of digests(other.result).entries()) expect(digest).not.toBe(digests(result)[i]);
    if (method.sparse) expect(other.trained.mask).not.toEqual(again.trained.mask);
    expect(net.initial).toEqual(initial); // a method works on copies
  });

  test("the plan is what was done", async () => {
    const { spec, result, scored } = await find(id, sparsity, undefined, { model });
    expectPlanned(result, await plan(spec));
    expect(result.cost.scoredExamples ?? 0).toBe(scored);
  });

  test("the method gets the contract and nothing else: no test set is in its reach", async () => {
    const { net } = await find(id, sparsity, undefined, { model });
    expect(Object.isFrozen(net)).toBe(true);
    expect(Object.keys(net).sort()).toEqual(CONTRACT);
    const arrays = [...reachable(net)].filter((value) => ArrayBuffer.isView(value));
    expect(new Set(arrays)).toEqual(new Set(Object.values(net.initial)));
  });

  test("with another test set, ticket and trained net are the same", async () => {
    const test: Examples = {
      ...data.test,
      images: Uint8Array.from(data.test.images as Uint8Array, (byte) => 255 - byte),
      labels: data.test.labels.map((label) => (label + 1) % dataset.classes),
    };
    const [{ result }, other] = [
      await find(id, sparsity, undefined, { model }),
      await run(id, { model, sparsity, test }),
    ];
    expect(other.result.accuracy).not.toEqual(result.accuracy);
    expect([other.result.ticketDigest, other.result.trainedDigest]).toEqual([
      result.ticketDigest,
      result.trainedDigest,
    ]);
    expect(other.result.trace).toEqual(result.trace);
  });
});

/** Of `DenseNetwork`. */
const CONTRACT = [
  ...["epochIterations", "examples", "flow", "gradients", "hessianVector", "initial", "iterations"],
  ...["prunable", "quotas", "redraw", "rng", "train"],
];

test("a look at the test set while a method searches is found out", async () => {
  const closed = vi.fn(() => true);
  expect(() => guarded(data.test, closed).images).toThrow(/read the test set's images/);
  expect([...reachable({ deep: [{ set: data.test }] })]).toContain(data.test.images);
});

test.each(["snip", "grasp", "synflow"])(
  "%s: of each layer of a conv net other weights go than the first",
  async (id) => {
    for (const [name, kept] of Object.entries((await find(id, 0.5, undefined, { model: CONV })).ticket.mask))
      expect(kept, name).not.toEqual(kept.map((_, i) => Number(i >= kept.length - keptCount({ [name]: kept }))));
  },
);

test.each(["snip", "grasp"])("%s: batch norm by the batch, or by what it remembers, is not the same", async (id) => {
  const maskOf = async (batchNorm: string) => (await find(id, 0.5, { batchNorm }, { model: CONV })).ticket.mask;
  expect(await maskOf("batch")).not.toEqual(await maskOf("remembered"));
});

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
