/**
 * RST, random sparse network transformation: choose the weights that will go at random, before any training; press them
 * towards zero by a growing L2 penalty while everything trains, so that the staying weights take over what they know;
 * then cut. "Iter" does so in N rounds, each of which chooses some more.
 *
 *   m ← random at sparsity s;  λ ← 0
 *   while λ ≤ limit:   every `interval` iterations λ ← λ + η;   W ← SGD step on  L(W) + λ/2 · ‖W ⊙ (1 − m)‖²
 *   `settle` more iterations at that λ
 *   ticket = (m, W)
 *
 * Bai et al., https://arxiv.org/abs/2203.04248, eq. 4 to 6 and their code (`reg_pruner.py`, `reg_pruner_iterative.py`).
 * As there: λ·w is added to the gradient, so it goes through momentum; weight decay comes on top; nothing is masked while
 * extruding; λ, accumulated in float32, is raised before the update of its iteration; batch norm's state goes on
 * into the final training; training between rounds (`RST_Iter_ft`) uses the extrusion's batch size.
 * Departures from the authors' code: the mask is random by default, as the paper says (their option is the smallest
 * weights), and fixed by the seed; Iter remembers earlier cuts by index (`earlier: "magnitude"` is theirs: it takes the
 * smallest weights to be the earlier ones) and offers every schedule (theirs is always x).
 */
import { z } from "zod";
import { applyMask, leaving, type Mask, pick } from "../mask.ts";
import { controlled, controlSchema } from "./controls.ts";
import type { DenseNetwork, Method, Ticket } from "./method.ts";
import { type Extrusion, extrusionStrength, MAX_RAISES } from "./rst-strength.ts";
import { DUAL_LOTTERY_TICKET_PAPER, learningRateSchema, pickSchema, roundsSchema } from "./settings.ts";

export const extrusionSettings = (interval: number, settle: number) => ({
  pick: pickSchema.default("random").describe("which weights leave: drawn at random, or by magnitude before extrusion"),
  schedule: z.enum(["x", "x2", "x3"]).default("x").describe("how strength grows: evenly, as a square, as a cube"),
  interval: z
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(interval)
    .describe("iterations between two raises of strength"),
  granularity: z.number().min(1e-6).max(100).default(1e-4).describe("what a raise adds, before square or cube"),
  limit: z.number().positive().max(100).default(1).describe("strength grows until it is above this"),
  settle: z
    .number()
    .int()
    .min(0)
    .max(10_000_000)
    .default(settle)
    .describe("iterations at full strength before the cut"),
  learningRate: z.number().positive().max(1_000).default(0.001).describe("step size while extruding"),
  batchSize: z.number().int().min(1).max(4_096).default(64).describe("images an iteration while extruding"),
  lossGradient: z
    .enum(["kept", "blocked"])
    .default("kept")
    .describe("blocked: while extruding, only penalty and weight decay move weights; biases still learn"),
});

const control = z
  .enum([...controlSchema.unwrap().options, "no-penalty"])
  .optional()
  .describe(
    "shuffled-mask, redrawn-weights: that part of the ticket is left to chance; no-penalty: extrusion at strength 0; left out: RST itself",
  );

export const grows = (settings: Extrusion) => Math.max(settings.limit, 1) <= MAX_RAISES * settings.granularity;
export const growsFault = { error: `too small for this limit: more than ${MAX_RAISES} raises`, path: ["granularity"] };

const oneShot = z.strictObject({ ...extrusionSettings(5, 40_000), control }).refine(grows, growsFault);

const iterative = z
  .strictObject({
    ...extrusionSettings(1, 10_000),
    rounds: roundsSchema.default(5).describe("rounds of extrusion"),
    earlier: z
      .enum(["index", "magnitude"])
      .default("index")
      .describe("how a round finds what left before: by index, or as the smallest weights now (the authors' way)"),
    holdEarlier: z
      .boolean()
      .default(false)
      .describe(
        "cut after each round, and hold what is cut at 0 in the next; off: nothing is cut before the last round",
      ),
    betweenEpochs: z
      .number()
      .int()
      .min(0)
      .max(10_000)
      .default(0)
      .describe("epochs of masked training between rounds; 0: none"),
    betweenLearningRate: learningRateSchema
      .optional()
      .describe("step size between rounds, or steps by epoch; left out: the recipe's"),
    control,
  })
  .refine(grows, growsFault);

type Settings = z.infer<typeof oneShot> & Partial<z.infer<typeof iterative>>;

async function findTicket(net: DenseNetwork, sparsity: number, settings: Settings): Promise<Ticket> {
  const { rounds = 1, earlier: by = "index", holdEarlier, betweenEpochs = 0, betweenLearningRate } = settings;
  const { iterations, strength } = extrusionStrength(settings);
  const { learningRate, batchSize, lossGradient, control } = settings;
  let weights = net.initial;
  let mask: Mask | undefined;
  for (let round = 1; ; round++) {
    // one round draws what `random` draws with the same seed: the comparison is of the same mask
    const rng = round === 1 ? net.rng.stream("pick") : net.rng.stream("pick").stream(`round ${round}`);
    const earlier = mask;
    mask = pick(net.quotas(sparsity, round, rounds), weights, settings.pick, rng, earlier && { mask: earlier, by });
    weights = await net.train(weights, {
      name: rounds === 1 ? "extrusion" : `extrusion ${round} of ${rounds}`,
      iterations,
      batchSize,
      learningRate,
      lossGradient,
      mask: holdEarlier ? earlier : undefined,
      penalty: control === "no-penalty" ? undefined : { on: leaving(mask), strength },
    });
    if (round === rounds) return controlled(net, { mask, weights }, control === "no-penalty" ? undefined : control);
    if (holdEarlier) weights = applyMask(weights, mask);
    if (betweenEpochs > 0) {
      weights = await net.train(weights, {
        name: `training after extrusion ${round}`,
        epochs: betweenEpochs,
        batchSize,
        learningRate: betweenLearningRate,
        mask,
        maskFirst: false, // as theirs: the mask comes after the first update
      });
    }
  }
}

/** The first draw is from the initial weights, and later ones look at none where the rule is chance. */
const seedFixes = ({ pick: rule, rounds = 1, earlier = "index" }: Settings): ["mask"] | [] =>
  rounds === 1 || (rule === "random" && earlier === "index") ? ["mask"] : [];

export const rst: Method<z.infer<typeof oneShot>> = {
  id: "rst",
  name: "RST",
  paper: DUAL_LOTTERY_TICKET_PAPER,
  summary: "Draws a random mask and presses the weights that leave towards zero by a growing penalty, then cuts them.",
  settings: oneShot,
  sparse: true,
  seedFixes,
  findTicket,
};

export const rstIter: Method<z.infer<typeof iterative>> = {
  id: "rst-iter",
  name: "RST-Iter",
  paper: DUAL_LOTTERY_TICKET_PAPER,
  summary:
    "RST in rounds: each draws some more weights and presses all that leave towards zero, from strength 0 again.",
  settings: iterative,
  sparse: true,
  seedFixes,
  findTicket,
};
