/**
 * What a phase of training comes to under a recipe: iterations, batch, learning rate at each iteration. The plan counts
 * with it and the training loop runs by it, so that the two cannot disagree.
 */
import { type Mask, sparsityOf } from "./mask.ts";
import type { Phase, Remask, Schedule, Ticket, Watch } from "./methods/method.ts";
import { Problem } from "./problem.ts";
import type { Recipe } from "./training/recipe.ts";

export interface ResolvedPhase {
  readonly name: string;
  /** SGD updates. */
  readonly iterations: number;
  /** Images an iteration; the last iteration of an epoch has fewer where the set does not divide. */
  readonly batchSize: number;
  /** Iterations of one pass over the training set: ceil(trainCount / batchSize). */
  readonly epochIterations: number;
  /** Images in all iterations together, short batches counted as they are. */
  readonly examples: number;
  /** Evaluations: one at the end of each of the recipe's epochs, and one at the phase's end. */
  readonly evaluations: number;
  /** Iteration of the recipe that iteration 0 of this phase is: 0 but for phases that begin later (rewinding). */
  readonly from: number;
  /** By iteration of the phase, from 0. */
  readonly learningRate: (iteration: number) => number;
  /** null = dense. */
  readonly mask: Mask | null;
  /** False: pruned weights become 0 only after the first update. */
  readonly maskFirst: boolean;
  readonly lossGradient: "kept" | "blocked";
  readonly penalty: NonNullable<Phase["penalty"]> | null;
  /** May end the phase at an epoch's end. */
  readonly watch: Watch | null;
  /** Changes the mask on the way. */
  readonly remask: Remask | null;
  /** Iterations up to the last that prunes more, where the phase begins dense and prunes on the way; else 0. */
  readonly prunesUntil: number;
}

/** Resolves a phase that a method asks for, against the recipe and the number of training images it runs on. */
export function resolvePhase(phase: Phase, recipe: Recipe, trainCount: number): ResolvedPhase {
  if (phase.iterations !== undefined && phase.epochs !== undefined)
    throw new Error(`phase "${phase.name}": expected iterations or epochs; got both`);
  const batchSize = phase.batchSize ?? recipe.batchSize;
  const epochIterations = Math.ceil(trainCount / batchSize);
  const from = phase.from ?? 0;
  const left = phase.epochs === undefined ? recipe.epochs * epochIterations - from : phase.epochs * epochIterations;
  const iterations = phase.iterations ?? left;
  if (from < 0 || (phase.iterations === undefined && iterations < 1))
    throw new Problem(
      "bad-spec",
      `${phase.name}: expected to start at one of the recipe's ${recipe.epochs * epochIterations} iterations; got ${from}`,
    );
  const schedule = phase.learningRate ?? recipe.learningRate;
  const upTo = (iteration: number) => examplesIn(iteration, batchSize, epochIterations, trainCount);
  return {
    name: phase.name,
    iterations,
    batchSize,
    epochIterations,
    examples: upTo(from + iterations) - upTo(from),
    evaluations: Math.ceil((from + iterations) / epochIterations) - Math.floor(from / epochIterations),
    from,
    learningRate: (iteration) => scheduledValue(schedule, Math.floor((from + iteration) / epochIterations)),
    mask: phase.mask ?? null,
    maskFirst: phase.maskFirst ?? true,
    lossGradient: phase.lossGradient ?? "kept",
    penalty: phase.penalty ?? null,
    watch: phase.watch ?? null,
    remask: null,
    prunesUntil: 0,
  };
}

/** The final training of a ticket: the recipe, from `ticket.from` on. */
export const resolveFinal = (
  { mask, from = 0, remask }: Ticket,
  recipe: Recipe,
  trainCount: number,
): ResolvedPhase => ({
  ...resolvePhase({ name: "final training", mask, from }, recipe, trainCount),
  remask: remask ?? null,
  prunesUntil: remask && sparsityOf(mask) === 0 ? remask.until - from + 1 : 0, // a change comes before its iteration
});

/** The value of a piecewise constant schedule in an epoch. */
function scheduledValue(schedule: number | Schedule, epoch: number): number {
  if (typeof schedule === "number") return schedule;
  return schedule.findLast((step) => step.epoch <= epoch)!.value; // the first step is at epoch 0
}

/** Images in the first iterations of a phase. */
export function examplesIn(iterations: number, batchSize: number, epochIterations: number, trainCount: number): number {
  const rest = iterations % epochIterations; // fewer than an epoch: all of them full batches
  return ((iterations - rest) / epochIterations) * trainCount + rest * batchSize;
}
