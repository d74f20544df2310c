/**
 * SynFlow: without data, keep the weights that carry most of what flows from inputs to outputs; in many rounds, so that no
 * layer is cut through.
 *
 *   for c = 1 … N:   R = Σ outputs for one image of ones, under the weights |W₀| ⊙ m;   scores |W₀ᵢ| · ∂R/∂|Wᵢ|
 *                    m ← keep the largest scores at density (1 − s)^(c/N)
 *   ticket = (m, W₀)
 *
 * Tanaka, Kunin, Yamins, Ganguli, https://arxiv.org/abs/2006.05467; authors' code ganguli-lab/Synaptic-Flow `Pruners/pruners.py`,
 * `prune.py`. As there, biases and batch norms' parameters and states count by their absolute values too. Departures: in float64,
 * which deep nets overflow float32 without; relu6 lets everything above 0 through, or nothing would flow; of equal scores the lowest index goes, where the code lets all of them go; what is
 * pruned stays pruned by its index.
 */
import { z } from "zod";
import { applyMask, type Mask, pickByScore, type Scores, scoresOf } from "../mask.ts";
import { Problem } from "../problem.ts";
import type { Weights } from "../weights.ts";
import type { DenseNetwork, Method } from "./method.ts";
import { roundsSchema } from "./settings.ts";

const settings = z.strictObject({
  rounds: roundsSchema.default(100).describe("rounds of pruning, each with new scores"),
});

/** Of all prunable weights under the mask so far: those it prunes score 0. @param sizes |W₀|, states too */
export async function synflowScores(net: DenseNetwork, sizes: Weights, mask: Mask): Promise<Scores> {
  const weights = applyMask(sizes, mask);
  const flow = await net.flow(weights);
  if (net.prunable.every((name) => flow[name]!.every((through) => through === 0)))
    throw new Problem("bad-spec", "synflow: expected something to flow from inputs to outputs; nothing does");
  return scoresOf(net, (name, i) => flow[name]![i]! * weights[name]![i]!);
}

export const sizesOf = (weights: Weights): Weights =>
  Object.fromEntries(Object.entries(weights).map(([name, values]) => [name, values.map(Math.abs)]));

export const synflow: Method<z.infer<typeof settings>> = {
  id: "synflow",
  name: "SynFlow",
  paper: {
    title:
      "Pruning neural networks without any data by iteratively conserving synaptic flow (Tanaka et al., NeurIPS 2020)",
    url: "https://arxiv.org/abs/2006.05467",
  },
  summary: "Keeps, before any training and without data, the weights that most of the flow through the net passes.",
  settings,
  sparse: true,
  seedFixes: () => ["weights"],
  async findTicket(net, sparsity, { rounds }) {
    const sizes = sizesOf(net.initial);
    let mask: Mask = {};
    for (let round = 1; round <= rounds; round++)
      mask = pickByScore(net.quotas(sparsity, round, rounds), await synflowScores(net, sizes, mask), mask);
    return { mask, weights: net.initial };
  },
};
