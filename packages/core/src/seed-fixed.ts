/**
 * What of a ticket its spec's seed fixes: initial weights, and a mask that nothing was trained or scored for. Both are
 * drawn again here and compared to the bit, so that nobody can submit a pretrained net as one that starts from scratch.
 */
import { trainingCount } from "./datasets/dataset.ts";
import { datasetOf } from "./datasets/index.ts";
import { initialWeights } from "./initial-weights.ts";
import { parameters } from "./layers.ts";
import { methods } from "./methods/index.ts";
import { resolvePhase } from "./phase.ts";
import type { Plan } from "./plan.ts";
import { Problem } from "./problem.ts";
import { seededRng } from "./rng.ts";
import { quotasOf } from "./scope.ts";
import { architectureOf, type Spec } from "./spec.ts";
import type { MaskedWeights } from "./tensor-file.ts";

/**
 * A mask is drawn again where the prunable weights, times the phases, each of which may draw one, are at most this many:
 * more take too long and too much memory for a site that does other things. vgg-19-bn is below it, wrn-28-10 above.
 */
const MAX_DRAWN = 1 << 25;

/** Throws Problem "bad-file" where the ticket starts from other weights, or with another mask, than the seed's. */
export async function checkSeedFixed(spec: Spec, ticket: MaskedWeights, { phases }: Plan): Promise<void> {
  const { id, ...settings } = spec.method;
  const method = methods.get(id);
  const fixed = method.seedFixes?.(settings) ?? [];
  if (fixed.length === 0 || spec.initial !== undefined) return; // the file of initial weights is not at hand
  const initial = initialWeights(spec);
  await turn();
  if (fixed.includes("weights")) {
    for (const [name, values] of Object.entries(initial)) {
      const kept = ticket.mask[name];
      if (ticket.weights[name]!.some((weight, i) => weight !== values[i] && kept?.[i] !== 0))
        throw new Problem(
          "bad-file",
          `ticket: expected the initial weights of seed ${spec.seed}; those of ${name} differ`,
        );
    }
  }
  const prunable = parameters(architectureOf(spec)).filter((parameter) => parameter.prunable);
  const size = prunable.reduce((sum, parameter) => sum + parameter.size, 0);
  if (!fixed.includes("mask") || size * phases.length > MAX_DRAWN) return;
  const images = trainingCount(datasetOf(spec), spec.protocol);
  const { iterations, epochIterations } = resolvePhase({ name: "recipe" }, spec.recipe, images);
  const drawn = await method.findTicket(
    {
      initial,
      prunable: prunable.map(({ name }) => name),
      rng: seededRng(spec.seed).stream("method"),
      quotas: (sparsity, round, rounds) => quotasOf(spec.scope, prunable, sparsity, round, rounds),
      iterations,
      epochIterations,
      redraw: () => initial,
      train: async (weights) => {
        await turn();
        return weights; // a mask that the seed fixes does not depend on them
      },
      ...{ examples: never, gradients: never, hessianVector: never, flow: never },
    },
    spec.sparsity,
    settings,
  );
  for (const [name, kept] of Object.entries(drawn.mask))
    if (ticket.mask[name]!.some((each, i) => each !== kept[i]))
      throw new Problem("bad-file", `ticket: expected the mask that seed ${spec.seed} draws; that of ${name} differs`);
}

function never(): never {
  throw new Error("a mask that is measured is not the seed's alone");
}

/** Lets the event loop turn. */
const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
