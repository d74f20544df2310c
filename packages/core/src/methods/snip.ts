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
import { pickByScore, type Scores } from "../mask.ts";
import type { DenseNetwork, Method } from "./method.ts";
import { scoringSettings } from "./settings.ts";

const settings = z.strictObject(scoringSettings(1));
type Settings = z.infer<typeof settings>;

export async function snipScores(
  net: DenseNetwork,
  { examplesPerClass, batches, batchNorm }: Settings,
): Promise<Scores> {
  const scores = Object.fromEntries(net.prunable.map((name) => [name, new Float64Array(net.initial[name]!.length)]));
  for (const batch of net.examples(examplesPerClass, batches, net.rng.stream("examples"))) {
    const gradients = await net.gradients(net.initial, batch, batchNorm === "batch" ? undefined : { batchNorm });
    for (const [name, sum] of Object.entries(scores))
      for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + gradients[name]![i]!;
  }
  for (const [name, sum] of Object.entries(scores)) {
    const weights = net.initial[name]!;
    for (let i = 0; i < sum.length; i++) sum[i] = Math.abs(weights[i]! * sum[i]!);
  }
  return scores;
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
  async findTicket(net, sparsity, settings) {
    return { mask: pickByScore(net.quotas(sparsity), await snipScores(net, settings)), weights: net.initial };
  },
};
