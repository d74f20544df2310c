import { expect, test } from "vitest";
import { toy } from "../datasets/toy.ts";
import { referenceEngine } from "../engine/reference/reference.ts";
import { uniformQuotas } from "../mask.ts";
import { mlpTiny } from "../models/mlp.ts";
import type { ResolvedPhase } from "../phase.ts";
import { seededRng } from "../rng.ts";
import { Trace } from "../trace.ts";
import type { Weights } from "../weights.ts";
import { shuffledBatches } from "./batches.ts";
import { denseNetwork, type Journal } from "./dense-network.ts";

const architecture = mlpTiny.architecture(toy.shape, toy.classes);
const rng = seededRng(3);
const initial = mlpTiny.initialise(architecture, rng);

const never = () => expect.unreachable("nothing is scored here");
const unused = { examples: never, gradients: never, hessianVector: never, flow: never };

async function opened(journal?: Journal) {
  const { train } = await toy.load(async () => new Uint8Array());
  const phases: [number, ResolvedPhase][] = [];
  const finished: Weights[] = [];
  const { dense: net, finish } = denseNetwork({
    architecture,
    network: await referenceEngine().compile(architecture, 50),
    recipe: toy.recipe,
    initial,
    rng,
    quotas: (sparsity) => uniformQuotas({ "fc1.weight": 1024, "fc2.weight": 256 }, sparsity),
    redraw: (draws) => mlpTiny.initialise(architecture, draws),
    measures: unused,
    trainCount: 600,
    batches: shuffledBatches(
      toy,
      train,
      Uint32Array.from({ length: 600 }, (_, i) => i),
      rng,
    ),
    trace: new Trace(),
    observe: (index, phase) => {
      phases.push([index, phase]);
      return { evaluated: async () => {}, finished: (weights) => void finished.push(weights) };
    },
    journal,
  });
  return { net, finish, phases, finished };
}

test("a phase falls back to the recipe, starts with a fresh optimiser, and leaves its argument alone", async () => {
  const { net, phases } = await opened();
  expect(net.prunable).toEqual(["fc1.weight", "fc2.weight"]);
  const before = net.initial["fc1.weight"]!.slice();
  const first = await net.train(net.initial, { name: "a", iterations: 3 });
  expect(net.initial["fc1.weight"]).toEqual(before);
  expect(phases[0]![1]).toMatchObject({ batchSize: 20, epochIterations: 30, iterations: 3, mask: null });

  // nothing of the phase before is left over: no momentum, no mask, no penalty
  const mask = { "fc1.weight": new Uint8Array(1024), "fc2.weight": new Uint8Array(256) };
  const { net: other } = await opened();
  await other.train(other.initial, { name: "b", iterations: 3, mask, penalty: { on: mask, strength: () => 1 } });
  const { net: third } = await opened();
  await third.train(third.initial, { name: "b", iterations: 3 });
  expect(await other.train(first, { name: "c", iterations: 2 })).toEqual(
    await third.train(first, { name: "c", iterations: 2 }),
  );
});

test("completed phases are answered from the journal, with copies, and are not observed again", async () => {
  const straight = await opened();
  const one = await straight.net.train(straight.net.initial, { name: "one", iterations: 4 });
  const two = await straight.net.train(one, { name: "two", iterations: 4 });
  expect(straight.finished).toEqual([one, two]);

  const resumed = await opened({ completed: [one], running: null });
  const again = await resumed.net.train(resumed.net.initial, { name: "one", iterations: 4 });
  expect(again).toEqual(one);
  again["fc1.weight"]!.fill(9);
  expect(one["fc1.weight"]).not.toEqual(again["fc1.weight"]);
  expect(await resumed.net.train(one, { name: "two", iterations: 4 })).toEqual(two);
  expect(resumed.phases.map(([index, { name }]) => [index, name])).toEqual([[1, "two"]]);
});

test("the final training is the recipe under the ticket's mask, from where it says", async () => {
  const { net, finish, phases } = await opened();
  const mask = { "fc1.weight": new Uint8Array(1024).fill(1, 100), "fc2.weight": new Uint8Array(256).fill(1) };
  const { weights: trained } = await finish({ mask, weights: net.initial, from: 80 });
  expect(phases[0]![1]).toMatchObject({ name: "final training", from: 80, iterations: 10, mask });
  expect(trained["fc1.weight"]!.subarray(0, 100)).toEqual(new Float32Array(100));
});
