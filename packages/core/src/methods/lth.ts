/**
 * The lottery ticket hypothesis: train the dense network, prune its smallest weights, rewind the others to where they
 * began. "Iter" repeats that N times, each time from the initial weights under the mask so far.
 *
 *   m ← 1
 *   for c = 1 … N:   W ← train(W₀ ⊙ m);   m ← keep the largest |W| at sparsity 1 − (1 − s)^(c/N)
 *   ticket = (m, W₀)
 *
 * With `rewindTo: k`, W₀ is W_k: the weights after the recipe's first k iterations, dense; training in the rounds and the
 * ticket's own go on from iteration k. Frankle, Dziugaite, Roy and Carbin, https://arxiv.org/abs/1912.05671.
 * Frankle and Carbin, https://arxiv.org/abs/1803.03635; as in Bai et al., https://arxiv.org/abs/2203.04248
 * (`l1_pruner_iterative.py` with `--LTH_Iter`). Rewinding restores the whole initial state: weights, biases, batch norm.
 * Departures from the authors' code: rounds train with the recipe's batch size unless told otherwise (theirs use the
 * extrusion's, 64); a pruned weight stays pruned by its index (theirs sort it first because it is 0: the same, but for ties).
 * Rewinding to k restores weights and the place in the schedule; momentum starts at 0 there, as in every phase.
 */
import { z } from "zod";
import { type Mask, pick } from "../mask.ts";
import { Problem } from "../problem.ts";
import type { Weights } from "../weights.ts";
import { controlled, controlSchema } from "./controls.ts";
import type { DenseNetwork, Method, Ticket } from "./method.ts";
import { LOTTERY_TICKET_PAPER, roundsSchema, trainingSettings } from "./settings.ts";

const rewinding = {
  rewindTo: z
    .number()
    .int()
    .min(1)
    .max(100_000_000)
    .optional()
    .describe("iteration of the recipe that weights are put back to; left out: 0, where they began"),
  control: controlSchema,
};
const sameBatches = ({ rewindTo, batchSize }: { rewindTo?: number; batchSize?: number }) =>
  rewindTo === undefined || batchSize === undefined;
const sameBatchesFault = {
  error: "expected none with rewindTo, whose iterations are the recipe's, of its batch size",
  path: ["batchSize"],
};

const oneShot = z
  .strictObject({ ...trainingSettings("of the training that shows which weights grow large"), ...rewinding })
  .refine(sameBatches, sameBatchesFault);

const iterative = z
  .strictObject({
    rounds: roundsSchema.default(5).describe("rounds of training, pruning and rewinding"),
    ...trainingSettings("in each round"),
    ...rewinding,
  })
  .refine(sameBatches, sameBatchesFault);

type Settings = z.infer<typeof oneShot> & Partial<z.infer<typeof iterative>>;

async function findTicket(net: DenseNetwork, sparsity: number, settings: Settings): Promise<Ticket> {
  const { rounds = 1, epochs, learningRate, batchSize, rewindTo: from, control } = settings;
  const start = from === undefined ? net.initial : await trainedTo(net, from);
  let mask: Mask | undefined;
  for (let round = 1; round <= rounds; round++) {
    const name = mask ? `round ${round} of ${rounds}` : "dense training";
    const trained = await net.train(start, { name, from, mask, epochs, learningRate, batchSize });
    const rng = net.rng.stream("pick").stream(`round ${round}`);
    mask = pick(net.quotas(sparsity, round, rounds), trained, "smallest", rng, mask && { mask, by: "index" });
  }
  return controlled(net, { mask: mask!, weights: start, from }, control);
}

const seedFixes = ({ rewindTo, control }: Settings): ["weights"] | [] =>
  rewindTo === undefined && control !== "redrawn-weights" ? ["weights"] : [];

/** The weights after so many iterations of the recipe. */
async function trainedTo(net: DenseNetwork, iterations: number): Promise<Weights> {
  if (iterations >= net.iterations)
    throw new Problem(
      "bad-spec",
      `method.rewindTo: expected fewer than the recipe's ${net.iterations} iterations; got ${iterations}`,
    );
  return net.train(net.initial, { name: `training to iteration ${iterations}`, iterations });
}

export const lth: Method<z.infer<typeof oneShot>> = {
  id: "lth",
  name: "LTH",
  paper: LOTTERY_TICKET_PAPER,
  summary: "Trains the dense network, prunes its smallest weights, rewinds the others to their initial values.",
  settings: oneShot,
  sparse: true,
  seedFixes,
  findTicket,
};

export const lthIter: Method<z.infer<typeof iterative>> = {
  id: "lth-iter",
  name: "LTH-Iter",
  paper: LOTTERY_TICKET_PAPER,
  summary: "LTH in rounds: trains, prunes a share and rewinds, again and again under the mask so far.",
  settings: iterative,
  sparse: true,
  seedFixes,
  findTicket,
};
