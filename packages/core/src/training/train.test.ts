import { expect, test } from "vitest";
import { referenceEngine } from "../engine/reference/reference.ts";
import type { Architecture } from "../layers.ts";
import { parameters } from "../layers.ts";
import type { Phase, Watch } from "../methods/method.ts";
import { type ResolvedPhase, resolvePhase } from "../phase.ts";
import { seededRng } from "../rng.ts";
import { maskDigest, Trace } from "../trace.ts";
import type { Weights } from "../weights.ts";
import type { Batches } from "./batches.ts";
import type { Recipe } from "./recipe.ts";
import { Diverged, noMomentum, type Position, type Start, Stopped, train } from "./train.ts";

const net: Architecture = {
  input: [1, 1, 4],
  classes: 2,
  layers: [
    { kind: "flatten" },
    { kind: "linear", name: "a", inputs: 4, outputs: 6, bias: true, prunable: true },
    { kind: "relu" },
    { kind: "linear", name: "b", inputs: 6, outputs: 2, bias: true, prunable: false },
  ],
};
const recipe: Recipe = {
  epochs: 2,
  batchSize: 5,
  learningRate: [{ epoch: 0, value: 0.05 }],
  momentum: 0.9,
  weightDecay: 0.001,
  nesterov: false,
  labelSmoothing: 0,
};
const rng = seededRng(7);
const draw = (name: string, size: number) => {
  const stream = rng.stream(name);
  return Float32Array.from({ length: size }, () => stream.uniform() * 2 - 1);
};
const initial: Weights = Object.fromEntries(parameters(net).map(({ name, size }) => [name, draw(name, size)]));
const fresh: Start = { weights: initial, momentum: noMomentum(net) };
const mask = { "a.weight": Uint8Array.from({ length: 24 }, (_, i) => (i % 3 === 0 ? 1 : 0)) };

/** Of 350 images: an epoch is 70 iterations of 5. */
const batches: Batches = (iteration) => {
  const images = draw(`images ${iteration % 70}`, 20);
  return { images, labels: Uint8Array.from({ length: 5 }, (_, i) => (images[i * 4]! > 0 ? 1 : 0)) };
};

interface Seen {
  evaluations: [number, number][];
  blocks: number[];
}

/** Trains until done or, `stopAt`, stopped; returns the outcome with all that was observed. */
async function run(phase: ResolvedPhase, options: { start?: Start; trace?: Trace; seen?: Seen; stopAt?: number } = {}) {
  const network = await referenceEngine().compile(net, 5);
  const { trace = new Trace(), seen = { evaluations: [], blocks: [] } } = options;
  let stopped: { position: Position; weights: Weights; momentum: Weights } | undefined;
  const ended = await train(network, phase, options.start ?? fresh, recipe, batches, trace, {
    evaluated: async (iteration, meanLoss) => void seen.evaluations.push([iteration, meanLoss]),
    block: (iteration) => void seen.blocks.push(iteration),
    between: async (iteration, position) => {
      if (iteration !== options.stopAt) return undefined;
      stopped = {
        position: await position(),
        weights: await network.read("weights"),
        momentum: await network.read("momentum"),
      };
      return "stop";
    },
  }).catch((error: unknown) => error);
  return { ended, network, trace, seen, stopped };
}
const phaseOf = (phase: Partial<Phase>) => resolvePhase({ name: "p", ...phase }, recipe, 350);

test("evaluates at each epoch's end and the phase's, closes blocks at 100 and at the end", async () => {
  const { seen, trace } = await run(phaseOf({ iterations: 230 }));
  expect(seen.evaluations.map(([iteration]) => iteration)).toEqual([70, 140, 210, 230]);
  expect(seen.blocks).toEqual([100, 200, 230]);
  expect(trace.state.blocks).toBe(3);
  expect(seen.evaluations.at(-1)![1]).toBeLessThan(seen.evaluations[0]![1] / 2);
});

test("a rewound phase sees the batches and epoch ends of the recipe's later iterations", async () => {
  const seen: Seen = { evaluations: [], blocks: [] };
  await run({ ...phaseOf({ iterations: 90 }), from: 50 }, { seen });
  expect(seen.evaluations.map(([iteration]) => iteration)).toEqual([20, 90]);
});

test("pruned weights are zero from the start, or only after the first update", async () => {
  const first = await run(phaseOf({ iterations: 2, mask }), { stopAt: 1 });
  const after = await run(phaseOf({ iterations: 2, mask, maskFirst: false }), { stopAt: 1 });
  for (const { stopped } of [first, after]) {
    expect(stopped!.weights["a.weight"]!.every((w, i) => mask["a.weight"][i] === 1 || w === 0)).toBe(true);
  }
  expect(first.stopped!.weights).not.toEqual(after.stopped!.weights); // the first forward pass was dense
  const dense = await run(phaseOf({ iterations: 2 }), { stopAt: 1 });
  expect(after.stopped!.weights["a.bias"]).toEqual(dense.stopped!.weights["a.bias"]);
});

test("the penalty shrinks the weights it is on", async () => {
  const on = { "a.weight": mask["a.weight"].map((kept) => 1 - kept) };
  const { network } = await run(phaseOf({ iterations: 200, penalty: { on, strength: (t) => Math.min(1, t / 50) } }));
  const w = (await network.read("weights"))["a.weight"]!;
  const largest = (of: number) => Math.max(...w.filter((_, i) => on["a.weight"][i] === of).map(Math.abs));
  expect(largest(1)).toBeLessThan(0.2 * largest(0));
});

test("the iteration at which the loss stops being finite is exact, and so is the trace", async () => {
  const poisoned: Batches = (iteration) =>
    iteration === 117
      ? { images: new Float32Array(20).fill(Number.NaN), labels: new Uint8Array(5) }
      : batches(iteration);
  const runs = [];
  for (const drainAt of [0, 119]) {
    const network = await referenceEngine().compile(net, 5);
    const trace = new Trace();
    const ended = train(network, phaseOf({ iterations: 300 }), fresh, recipe, poisoned, trace, {
      evaluated: async () => {},
      between: async (iteration, position) => void (iteration === drainAt && (await position())),
    });
    await expect(ended).rejects.toThrow(Diverged);
    await expect(ended).rejects.toMatchObject({ iterations: 118, message: "p, iteration 118: the loss is not finite" });
    runs.push(trace.state);
  }
  expect(runs[0]).toEqual(runs[1]);
  expect(runs[0]!.blocks).toBe(2);
});

test("stopped in the middle of a block and gone on with, a phase has the same losses and evaluations", async () => {
  const phase = phaseOf({ iterations: 230, mask });
  const whole = await run(phase);
  const trace = new Trace();
  const seen: Seen = { evaluations: [], blocks: [] };
  const first = await run(phase, { trace, seen, stopAt: 137 });
  expect(first.ended).toBeInstanceOf(Stopped);
  const rest = await run(phase, { start: first.stopped!, trace: new Trace(trace.state), seen });
  // the reference engine's state is float64 and a snapshot's float32: equal up to rounding; bit-equality is tested in run.test.ts
  expect(seen.blocks).toEqual(whole.seen.blocks);
  expect(seen.evaluations.length).toBe(4);
  seen.evaluations.forEach(([iteration, loss], i) => {
    expect(iteration).toBe(whole.seen.evaluations[i]![0]);
    expect(loss).toBeCloseTo(whole.seen.evaluations[i]![1], 4);
  });
  expect(rest.trace.state.blocks).toBe(3);
  expect(maskDigest(phase.mask)).not.toEqual(maskDigest(null));
});

/** Counts epochs in its one byte, and ends the phase after so many. */
const endingAfter = (epochs: number): Watch => ({
  start: Uint8Array.of(0),
  earliest: epochs,
  next: (memory) => ({ memory: Uint8Array.of(memory[0]! + 1), stop: memory[0]! + 1 === epochs }),
});

test("a watch ends a phase at the end of an epoch, and what it remembers goes on with the phase", async () => {
  const phase = phaseOf({ iterations: 600, watch: endingAfter(3) });
  const whole = await run(phase);
  expect(whole.ended).toBe(null);
  expect(whole.seen.evaluations.map(([iteration]) => iteration)).toEqual([70, 140, 210]);
  expect(whole.seen.blocks).toEqual([100, 200, 210]);
  expect(whole.trace.state.blocks).toBe(3);

  const trace = new Trace();
  const seen: Seen = { evaluations: [], blocks: [] };
  const first = await run(phase, { trace, seen, stopAt: 150 });
  expect(first.stopped!.position.memory).toEqual(Uint8Array.of(2));
  await run(phase, { start: first.stopped!, trace: new Trace(trace.state), seen });
  expect(seen.evaluations.map(([iteration]) => iteration)).toEqual([70, 140, 210]);

  const rewound = await run({ ...phase, from: 50 });
  expect(rewound.seen.evaluations.map(([iteration]) => iteration)).toEqual([20, 90, 160]); // the recipe's epochs
});

test("a watch sees finite weights only", async () => {
  const network = await referenceEngine().compile(net, 5);
  const read = network.read.bind(network);
  network.read = async (what) => ({ ...(await read(what)), "a.bias": new Float32Array(6).fill(Number.NaN) });
  let looked = false;
  const watch: Watch = { start: new Uint8Array(), earliest: 1, next: (memory) => ({ memory, stop: (looked = true) }) };
  const phase = phaseOf({ iterations: 200, watch });
  const ended = train(network, phase, fresh, recipe, batches, new Trace(), { evaluated: async () => {} });
  await expect(ended).rejects.toMatchObject({ iterations: 70, message: "p, iteration 70: the weights are not finite" });
  expect(looked).toBe(false);
});
