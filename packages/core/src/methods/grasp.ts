/**
 * GraSP: before any training, remove the weights whose removal keeps or raises the gradient's norm most, to second order.
 *
 *   g = Σ over parts of the examples ∇L   at W₀, L = cross-entropy(outputs ÷ temperature)
 *   h = Σ over parts H·g,  H the Hessian of L by the prunable weights
 *   ticket = (m, W₀),  m keeps the largest W₀ᵢ · hᵢ: the paper removes the largest −W₀ᵢ · hᵢ
 *
 * Wang, Zhang, Grosse, https://arxiv.org/abs/2002.07376; authors' code alecwangcq/GraSP `pruner/GraSP.py`, whose two halves
 * are two parts. Departures from it: linear layers are scored with the weights that will be trained, where it draws others
 * (`reinit`); it leaves the last of the weights that it means to remove; its examples are in the order of their classes, so that
 * each half has other classes, here each part has all; scores are not divided by their sum. g and H have the prunable weights
 * alone: there, those are all weights of convolution and linear layers.
 */
import { z } from "zod";
import { pickByScore, type Scores, scoresOf } from "../mask.ts";
import type { DenseNetwork, Method } from "./method.ts";
import { scoringSettings } from "./settings.ts";

const settings = z.strictObject({
  ...scoringSettings(2),
  temperature: z.number().min(1).max(10_000).default(200).describe("what outputs are divided by before the softmax"),
});
type Settings = z.infer<typeof settings>;

export async function graspScores(
  net: DenseNetwork,
  { examplesPerClass: perClass, batches: parts, batchNorm, temperature }: Settings,
): Promise<Scores> {
  const options = { batchNorm, temperature };
  const examples = net.examples({ perClass, parts, exact: true }, net.rng.stream("examples"));
  const gradients = await net.gradients(net.initial, examples, options);
  const g = Object.fromEntries(net.prunable.map((name) => [name, gradients[name]!]));
  const h = await net.hessianVector(net.initial, g, examples, options);
  return scoresOf(net, (name, i) => net.initial[name]![i]! * h[name]![i]!);
}

export const grasp: Method<Settings> = {
  id: "grasp",
  name: "GraSP",
  paper: {
    title: "Picking Winning Tickets Before Training by Preserving Gradient Flow (Wang, Zhang, Grosse, ICLR 2020)",
    url: "https://arxiv.org/abs/2002.07376",
  },
  summary: "Removes, before any training, the weights that the flow of gradients can best do without.",
  settings,
  sparse: true,
  seedFixes: () => ["weights"],
  async findTicket(net, sparsity, settings) {
    return { mask: pickByScore(net.quotas(sparsity), await graspScores(net, settings)), weights: net.initial };
  },
};
