/**
 * What a spec will cost, counted by running its method against a network that trains nothing: no second formula to keep
 * in step. Feeds progress bars, the submit form and the job page.
 */

import { trainingCount } from "./datasets/dataset.ts";
import { datasets } from "./datasets/index.ts";
import { parameters } from "./layers.ts";
import { sparsityOf, uniformQuotas } from "./mask.ts";
import { methods } from "./methods/index.ts";
import { models } from "./models/index.ts";
import { type ResolvedPhase, resolveFinal, resolvePhase } from "./phase.ts";
import { seededRng } from "./rng.ts";
import type { Spec } from "./spec.ts";

export interface PlannedPhase {
  readonly name: string;
  /** "method" = asked for by the method, before the ticket; "final" = the recipe's training of the ticket. */
  readonly part: "method" | "final";
  readonly iterations: number;
  readonly batchSize: number;
  /** Images in all iterations together. */
  readonly examples: number;
  /** Share of the prunable weights under a mask while it runs. */
  readonly sparsity: number;
}

export interface Plan {
  /** In the order they run; the final training is the last. */
  readonly phases: readonly PlannedPhase[];
  readonly methodIterations: number;
  readonly methodExamples: number;
  readonly finalIterations: number;
  readonly finalExamples: number;
}

/** Counts every phase of a complete spec. Costs as much as drawing its masks: well under a second. */
export async function plan(spec: Spec): Promise<Plan> {
  const dataset = datasets.get(spec.dataset);
  const architecture = models.get(spec.model).architecture(dataset.shape, dataset.classes);
  const { id, ...settings } = spec.method;
  const images = trainingCount(dataset, spec.protocol);

  const all = parameters(architecture);
  const prunable = all.filter((parameter) => parameter.prunable);
  const sizes = Object.fromEntries(prunable.map(({ name, size }) => [name, size]));
  const phases: PlannedPhase[] = [];

  const ticket = await methods.get(id).findTicket(
    {
      initial: Object.fromEntries(all.map(({ name, size }) => [name, new Float32Array(size)])),
      prunable: Object.keys(sizes),
      rng: seededRng(spec.seed),
      quotas: (sparsity, round, rounds) => uniformQuotas(sizes, sparsity, round, rounds),
      train: async (weights, phase) => {
        phases.push(planned(resolvePhase(phase, spec.recipe, images), "method"));
        return weights;
      },
    },
    spec.sparsity,
    settings,
  );
  const final = planned(resolveFinal(ticket, spec.recipe, images), "final");
  return {
    phases: [...phases, final],
    methodIterations: phases.reduce((total, phase) => total + phase.iterations, 0),
    methodExamples: phases.reduce((total, phase) => total + phase.examples, 0),
    finalIterations: final.iterations,
    finalExamples: final.examples,
  };
}

const planned = (phase: ResolvedPhase, part: PlannedPhase["part"]): PlannedPhase => ({
  name: phase.name,
  part,
  iterations: phase.iterations,
  batchSize: phase.batchSize,
  examples: phase.examples,
  sparsity: sparsityOf(phase.mask),
});
