/**
 * Scratch with as many iterations as RST: is extrusion better, or only longer? A random mask over the initial weights,
 * trained under it for as long as RST extrudes, and then by the recipe.
 *
 *   m drawn before any training;  W ← train(W₀ ⊙ m), finish + settle + 1 iterations;  ticket = (m, W)
 *
 * A control for Bai et al., https://arxiv.org/abs/2203.04248, who compare with scratch of the recipe's length alone. Mask,
 * number of iterations and images an iteration are those of `rst` with the same settings and seed; the learning rate
 * is the recipe's unless told otherwise: RST's 0.001 is made for extruding.
 */
import { z } from "zod";
import { pick } from "../mask.ts";
import type { Method } from "./method.ts";
import { extrusionSettings, grows, growsFault } from "./rst.ts";
import { extrusionStrength } from "./rst-strength.ts";
import { DUAL_LOTTERY_TICKET_PAPER, learningRateSchema } from "./settings.ts";

const { lossGradient: _, ...extrusion } = extrusionSettings(5, 40_000);

const settings = z
  .strictObject({
    ...extrusion,
    learningRate: learningRateSchema
      .optional()
      .describe("step size of the training before the recipe, or steps by epoch; left out: the recipe's"),
  })
  .refine(grows, growsFault);

export const scratchEqualIterations: Method<z.infer<typeof settings>> = {
  id: "scratch-equal-iterations",
  name: "Scratch, equal iterations",
  paper: DUAL_LOTTERY_TICKET_PAPER,
  summary: "Prunes the initial weights at random and trains what is left for as many iterations as RST takes in all.",
  settings,
  sparse: true,
  seedFixes: () => ["mask"],
  async findTicket(net, sparsity, settings) {
    const { pick: rule, batchSize, learningRate } = settings;
    const { iterations } = extrusionStrength(settings);
    const mask = pick(net.quotas(sparsity), net.initial, rule, net.rng.stream("pick"));
    const phase = { name: "training for as long as extrusion", iterations, batchSize, learningRate, mask };
    return { mask, weights: await net.train(net.initial, phase) };
  },
};
