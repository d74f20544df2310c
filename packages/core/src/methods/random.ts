/**
 * The paper's "Scratch": a mask over the initial weights, which are then trained by the recipe. What a dual lottery
 * ticket starts from, and what it must beat.
 *
 *   ticket = (m, W₀),  m drawn before any training
 *
 * Bai et al., https://arxiv.org/abs/2203.04248. The authors' code has no method of this name; their L1 with
 * `--pick_pruned rand` on the initial weights is the same. Their draw is unseeded; ours is fixed by the spec's seed,
 * and is the draw that `rst` makes with that seed.
 */
import { z } from "zod";
import { pick } from "../mask.ts";
import type { Method } from "./method.ts";
import { DUAL_LOTTERY_TICKET_PAPER, pickSchema } from "./settings.ts";

const settings = z.strictObject({
  pick: pickSchema.default("random").describe("which initial weights are pruned: drawn at random, or by magnitude"),
});

export const random: Method<z.infer<typeof settings>> = {
  id: "random",
  name: "Scratch",
  paper: DUAL_LOTTERY_TICKET_PAPER,
  summary: "Prunes the initial weights at random; what is left is trained by the recipe.",
  settings,
  sparse: true,
  seedFixes: () => ["weights", "mask"],
  async findTicket(net, sparsity, { pick: rule }) {
    const mask = pick(net.quotas(sparsity), net.initial, rule, net.rng.stream("pick"));
    return { mask, weights: net.initial };
  },
};
