/**
 * SNIP: before any training, keep the weights whose removal would change the loss most, to first order.
 *
 *   gᵢ = Σ over parts of the examples ∂L/∂Wᵢ   at W₀
 *   ticket = (m, W₀),  m keeps the largest |W₀ᵢ · gᵢ|
 *
 * Lee, Ajanthan, Torr, https://arxiv.org/abs/1810.02340: W·g is the loss's derivative by a factor on the weight. Checked against
 * ganguli-lab/Synaptic-Flow's version. Departures: scores are not divided by their sum, which orders them no differently; the
 * weights are the model's own draw, where the paper asks for one that keeps variances alike; examples are drawn by class.
 */
import { z } from "zod";
import { pickByScore, type Scores, scoresOf } from "../mask.ts";
import type { DenseNetwork, Method } from "./method.ts";
import { scoringSettings } from "./settings.ts";

const settings = z.strictObject(scoringSettings(1));
type Settings = z.infer<typeof settings>;

export async function snipScores(
  net: DenseNetwork,
  { examplesPerClass: perClass, batches: parts, batchNorm }: Settings,
): Promise<Scores> {
  const options = batchNorm === "batch" ? undefined : { batchNorm };
  const examples = net.examples({ perClass, parts, exact: options !== undefined }, net.rng.stream("examples"));
  const gradients = await net.gradients(net.initial, examples, options);
  return scoresOf(net, (name, i) => Math.abs(net.initial[name]![i]! * gradients[name]![i]!));
}

export const snip: Method<Settings> = {
  id: "snip",
  name: "SNIP",
  paper: {
    title: "SNIP: Single-shot Network Pruning based on Connection Sensitivity (Lee, Ajanthan, Torr, ICLR 2019)",
    url: "https://arxiv.org/abs/1810.02340",
  },
  summary: "Keeps, before any training, the weights that the loss on a few images is most sensitive to.",
  settings,
  sparse: true,
  seedFixes: () => ["weights"],
  async findTicket(net, sparsity, settings) {
    return { mask: pickByScore(net.quotas(sparsity), await snipScores(net, settings)), weights: net.initial };
  },
};
