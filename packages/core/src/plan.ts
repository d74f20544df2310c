/**
 * What a spec will cost, counted by running its method against a network that trains nothing: no second formula to keep
 * in step. Feeds progress bars, the submit form and the job page; refuses what a result could not record; says what a
 * completed result must have done.
 */

import { trainingCount } from "./datasets/dataset.ts";
import { datasetOf } from "./datasets/index.ts";
import { parameters } from "./layers.ts";
import { sparsityOf } from "./mask.ts";
import { methods } from "./methods/index.ts";
import type { ExamplePart } from "./methods/method.ts";
import { type ResolvedPhase, resolveFinal, resolvePhase } from "./phase.ts";
import { Problem } from "./problem.ts";
import { MAX_EVALUATIONS, MAX_PHASES } from "./result.ts";
import { type Rng, seededRng } from "./rng.ts";
import { quotasOf } from "./scope.ts";
import { architectureOf, type Spec } from "./spec.ts";

export interface PlannedPhase {
  readonly name: string;
  /** "method" = asked for by the method, before the ticket; "final" = the recipe's training of the ticket. */
  readonly part: "method" | "final";
  readonly iterations: number;
  readonly batchSize: number;
  /** Images in all iterations together. */
  readonly examples: number;
  /** Entries in the result's curves; the one right after the cut, which the final training gets besides, is not counted. */
  readonly evaluations: number;
  /** Share of the prunable weights under a mask while it runs; where the mask changes, at the start. */
  readonly sparsity: number;
  /** Epochs after which it may end, at any epoch's end; null: it runs as planned. What is counted is the most. */
  readonly mayEndFrom: number | null;
  /** Iterations of it up to the last that prunes more, where it begins dense and prunes on the way; else 0. */
  readonly prunesUntil: number;
}

export interface Plan {
  /** In the order they run; the final training is the last. */
  readonly phases: readonly PlannedPhase[];
  readonly methodIterations: number;
  readonly methodExamples: number;
  readonly finalIterations: number;
  readonly finalExamples: number;
  /** Images of which a method wants derivatives besides training, at most: a class may have fewer. A Hessian-vector product
   * counts twice. */
  readonly scoredExamples: number;
}

/**
 * Counts every phase of a complete spec. Weights and scores are all alike, so that choosing masks needs no sorting; other
 * work gets its turn between the rounds. Throws Problem "bad-spec" where the phases or their evaluations are more than a
 * result can hold: called before a spec is queued and before it runs.
 */
export async function plan(spec: Spec): Promise<Plan> {
  const dataset = datasetOf(spec);
  const architecture = architectureOf(spec);
  const { id, ...settings } = spec.method;
  const images = trainingCount(dataset, spec.protocol);

  const all = parameters(architecture);
  const prunable = all.filter((parameter) => parameter.prunable);
  const phases: PlannedPhase[] = [];
  const largest = all.reduce((most, { size }) => Math.max(most, size), 0);
  const [zeros, ones] = [new Float32Array(largest), new Float64Array(largest).fill(1)]; // nobody writes to them
  const initial = Object.fromEntries(all.map(({ name, size }) => [name, zeros.subarray(0, size)]));
  const derivatives = Object.fromEntries(all.map(({ name, size }) => [name, ones.subarray(0, size)]));
  let scoredExamples = 0;
  const scored = async (examples: number) => {
    scoredExamples += examples;
    await turn();
    return derivatives;
  };
  const countOf = (parts: readonly ExamplePart[]) => parts.reduce((sum, { count }) => sum + count, 0);

  const { iterations, epochIterations } = resolvePhase({ name: "recipe" }, spec.recipe, images);
  const ticket = await methods.get(id).findTicket(
    {
      initial,
      prunable: prunable.map(({ name }) => name),
      rng: unshuffled,
      quotas: (sparsity, round, rounds) => quotasOf(spec.scope, prunable, sparsity, round, rounds),
      iterations,
      epochIterations,
      redraw: () => initial,
      examples: ({ perClass }) => [{ count: Math.min(images, perClass * dataset.classes), make: never }],
      gradients: (_, parts) => scored(countOf(parts)),
      hessianVector: (_, __, parts) => scored(2 * countOf(parts)),
      flow: () => scored(1),
      train: async (weights, phase) => {
        phases.push(planned(resolvePhase(phase, spec.recipe, images), "method"));
        await turn();
        return weights;
      },
    },
    spec.sparsity,
    settings,
  );
  const final = planned(resolveFinal(ticket, spec.recipe, images), "final");
  checkBounds([...phases, final]);
  return {
    phases: [...phases, final],
    methodIterations: phases.reduce((total, phase) => total + phase.iterations, 0),
    methodExamples: phases.reduce((total, phase) => total + phase.examples, 0),
    finalIterations: final.iterations,
    finalExamples: final.examples,
    scoredExamples,
  };
}

/** Draws decide which weights are pruned, never how many: the order 0 … n−1 counts as well as a shuffled one, and is free. */
const unshuffled: Rng = {
  ...seededRng(0),
  stream: () => unshuffled,
  permutation: ascending,
};

function ascending(n: number): Uint32Array {
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  return order;
}

function never(): never {
  throw new Error("a plan measures nothing");
}

/** Lets the event loop turn. */
const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

function checkBounds(phases: readonly PlannedPhase[]): void {
  const evaluations = phases.reduce((total, phase) => total + phase.evaluations, 1); // the cut's
  const over = (name: string, most: number, got: number): string[] =>
    got > most ? [`expected at most ${most} ${name}, what a result can record; got ${got}`] : [];
  const faults = [
    ...over("phases", MAX_PHASES, phases.length),
    ...over("evaluations (one an epoch of each phase)", MAX_EVALUATIONS, evaluations),
  ];
  if (faults.length > 0) throw new Problem("bad-spec", faults.join("; "));
}

const planned = (phase: ResolvedPhase, part: PlannedPhase["part"]): PlannedPhase => ({
  name: phase.name,
  part,
  iterations: phase.iterations,
  batchSize: phase.batchSize,
  examples: phase.examples,
  evaluations: phase.evaluations,
  sparsity: sparsityOf(phase.mask),
  mayEndFrom: phase.watch?.earliest ?? null,
  prunesUntil: phase.prunesUntil,
});
