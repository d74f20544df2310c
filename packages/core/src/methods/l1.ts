/**
 * Magnitude pruning: train the dense network, prune its smallest weights, train what is left without rewinding. "Iter"
 * prunes in N rounds with training in between.
 *
 *   W ← train(W₀)
 *   for c = 1 … N:   m ← keep the largest |W| at sparsity 1 − (1 − s)^(c/N);   if c < N: W ← train(W ⊙ m)
 *   ticket = (m, W)
 *
 * Han et al., https://arxiv.org/abs/1506.02626; as a baseline in Bai et al., https://arxiv.org/abs/2203.04248
 * (`l1_pruner.py`, `l1_pruner_iterative.py`).
 * Departures from the authors' code: it takes a trained network from a file, here the dense training is part of the
 * method and of its cost. It masks only after the first update of a training between rounds (`maskFirst: false`); here
 * the weights are masked before it by default.
 */
import { z } from "zod";
import { type Mask, pick } from "../mask.ts";
import type { DenseNetwork, Method, Ticket } from "./method.ts";
import { denseEpochsSchema, MAGNITUDE_PAPER, pickSchema, roundsSchema, trainingSettings } from "./settings.ts";

const oneShot = z.strictObject({
  denseEpochs: denseEpochsSchema.describe(
    "epochs of dense training before the first cut; 0: the initial weights are pruned as they are; left out: the recipe's",
  ),
  pick: pickSchema.default("smallest").describe("which weights are pruned: by magnitude, or drawn at random"),
});

const iterative = oneShot.extend({
  rounds: roundsSchema.default(5).describe("rounds of pruning"),
  ...trainingSettings("between rounds"),
  maskFirst: z
    .boolean()
    .default(true)
    .describe("pruned weights are 0 from the start of a training between rounds; off: only after its first update"),
});

type Settings = z.infer<typeof oneShot> & Partial<z.infer<typeof iterative>>;

async function findTicket(net: DenseNetwork, sparsity: number, settings: Settings): Promise<Ticket> {
  const { denseEpochs, pick: rule, rounds = 1, maskFirst, epochs, learningRate, batchSize } = settings;
  let weights = net.initial;
  if (denseEpochs !== 0) weights = await net.train(weights, { name: "dense training", epochs: denseEpochs });
  let mask: Mask | undefined;
  for (let round = 1; ; round++) {
    const rng = net.rng.stream("pick").stream(`round ${round}`);
    mask = pick(net.quotas(sparsity, round, rounds), weights, rule, rng, mask && { mask, by: "index" });
    if (round === rounds) return { mask, weights };
    const name = `round ${round} of ${rounds}`;
    weights = await net.train(weights, { name, mask, maskFirst, epochs, learningRate, batchSize });
  }
}

const seedFixes = ({ denseEpochs, rounds = 1 }: Settings): ["weights", "mask"] | [] =>
  denseEpochs === 0 && rounds === 1 ? ["weights", "mask"] : [];

export const l1: Method<z.infer<typeof oneShot>> = {
  id: "l1",
  name: "L1",
  paper: MAGNITUDE_PAPER,
  summary: "Trains the dense network and prunes its smallest weights; the others go on from where they are.",
  settings: oneShot,
  sparse: true,
  seedFixes,
  findTicket,
};

export const l1Iter: Method<z.infer<typeof iterative>> = {
  id: "l1-iter",
  name: "L1-Iter",
  paper: MAGNITUDE_PAPER,
  summary: "L1 in rounds: prunes a share of the smallest weights, trains the others, prunes again.",
  settings: iterative,
  sparse: true,
  seedFixes,
  findTicket,
};
