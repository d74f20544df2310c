/**
 * Gradual magnitude pruning: the dense network is trained by the recipe, and on the way more and more of its smallest weights
 * are pruned, fast at first and slower towards the end; what is pruned stays pruned.
 *
 *   before iterations t = t₀, t₀ + Δt, …, t₀ + nΔt:
 *     s_t ← s · (1 − (1 − (t − t₀)/(nΔt))³);   m ← keep the largest |W| at sparsity s_t
 *   ticket = (1, W₀) and these changes
 *
 * Zhu and Gupta, https://arxiv.org/abs/1710.01878, from sparsity 0. That pruning ends after 75 % of training, and every 100 iterations:
 * as varun19299/rigl-reproducibility runs it (`conf/masking/Pruning.yaml`, which begins at iteration 700).
 * Departures: where how many are pruned is the spec's scope's ("global": over the whole net, as in that code); t₀ and nΔt are
 * multiples of Δt.
 */
import { z } from "zod";
import { denseMask, pick } from "../mask.ts";
import { Problem } from "../problem.ts";
import type { Method } from "./method.ts";

const settings = z.strictObject({
  every: z.number().int().min(1).max(1_000_000).default(100).describe("iterations between two prunings"),
  startShare: z.number().min(0).max(1).default(0).describe("share of the recipe's iterations before the first pruning"),
  endShare: z.number().min(0).max(1).default(0.75).describe("share of the recipe's iterations up to the last pruning"),
});

export const gmp: Method<z.infer<typeof settings>> = {
  id: "gmp",
  name: "GMP",
  paper: {
    title: "To prune, or not to prune: exploring the efficacy of pruning for model compression (Zhu, Gupta, 2017)",
    url: "https://arxiv.org/abs/1710.01878",
  },
  summary:
    "Trains the dense network and prunes its smallest weights on the way, fast at first and slower towards the end.",
  settings,
  sparse: true,
  remasks: "grows",
  seedFixes: () => ["weights", "mask"],
  async findTicket(net, sparsity, { every, startShare, endShare }) {
    net.quotas(sparsity); // a scope that cannot be filled is refused here, not by the last pruning
    const start = every * Math.ceil((startShare * net.iterations) / every);
    const end = every * Math.floor(Math.min(endShare * net.iterations, net.iterations - 1) / every);
    if (end <= start)
      throw new Problem(
        "bad-spec",
        `method: expected a pruning every ${every} iterations from share ${startShare} to share ${endShare} of the recipe's ${net.iterations}; got none`,
      );
    return {
      mask: denseMask(net.initial, net.prunable),
      weights: net.initial,
      remask: {
        every,
        until: end,
        async next({ iteration, mask, weights }) {
          const left = 1 - Math.max(0, iteration - start) / (end - start);
          const quotas = net.quotas(sparsity * (1 - left * left * left));
          return { mask: pick(quotas, weights, "smallest", net.rng, { mask, by: "index" }) };
        },
      },
    };
  },
};
