/**
 * What a method trains: a `DenseNetwork` over an engine's network. It knows the training images only; the final
 * training of the ticket runs through the same loop, but out of the method's sight.
 *
 * A method is an ordinary function and cannot be stored half-way. To resume it, it is called again and its completed
 * `train` calls are answered from a journal; methods are deterministic, so it arrives where it was.
 */
import type { Network } from "../engine/engine.ts";
import { type Architecture, parameters } from "../layers.ts";
import type { Mask } from "../mask.ts";
import type { DenseNetwork, Ticket } from "../methods/method.ts";
import { type ResolvedPhase, resolveFinal, resolvePhase } from "../phase.ts";
import type { Rng } from "../rng.ts";
import type { Trace } from "../trace.ts";
import { copyWeights, isFiniteWeights, type Weights } from "../weights.ts";
import type { BatchSource } from "./batches.ts";
import type { Recipe } from "./recipe.ts";
import { Diverged, noMomentum, type Observer, type Start, train } from "./train.ts";

export interface PhaseObserver extends Observer {
  /** The phase is done; these are its last weights. */
  finished?(weights: Weights): void;
}

/** What earlier attempts did: the last weights of each completed phase, and where the next one stands. */
export interface Journal {
  readonly completed: readonly Weights[];
  readonly running: Start | null;
}

export interface DenseNetworkParts {
  readonly architecture: Architecture;
  /** Compiled for the largest batch of any phase. */
  readonly network: Network;
  readonly recipe: Recipe;
  readonly initial: Weights;
  /** The method's own draws. */
  readonly rng: Rng;
  readonly quotas: DenseNetwork["quotas"];
  readonly redraw: DenseNetwork["redraw"];
  readonly measures: Pick<DenseNetwork, "examples" | "gradients" | "hessianVector" | "flow">;
  /** Images a pass goes through. */
  readonly trainCount: number;
  readonly batches: BatchSource;
  readonly trace: Trace;
  /** Called when a phase starts or goes on, not for phases that the journal answers. `index` counts over the whole run. */
  readonly observe: (index: number, phase: ResolvedPhase) => PhaseObserver;
  readonly journal?: Journal;
  /** The ticket is found: what goes on is its final training. */
  readonly isFinal?: boolean;
}

export interface TrainableNetwork {
  /** All that a method gets. */
  readonly dense: DenseNetwork;
  /** The final training of a ticket, after which the network holds the trained net under its mask: another one than the
   * ticket's only if the ticket changes it on the way. */
  finish(ticket: Ticket): Promise<{ mask: Mask; weights: Weights }>;
}

/** `train` and `finish` throw Diverged and Stopped, which methods let through. */
export function denseNetwork(parts: DenseNetworkParts): TrainableNetwork {
  const { architecture, network, recipe, trainCount, journal } = parts;
  let next = parts.isFinal ? (journal?.completed.length ?? 0) : 0;

  const run = async (phase: ResolvedPhase, weights: Weights): Promise<{ mask: Mask | null; weights: Weights }> => {
    const index = next++;
    const done = journal?.completed[index];
    if (done) return { mask: phase.mask, weights: copyWeights(done) };
    const resumed = index === journal?.completed.length ? journal.running : null;
    const start = resumed ?? { weights, momentum: noMomentum(architecture) };
    const observer = parts.observe(index, phase);
    const batches = parts.batches(index, phase.batchSize);
    const mask = await train(network, phase, start, recipe, batches, parts.trace, observer);
    const trained = await network.read("weights");
    if (!isFiniteWeights(trained)) throw new Diverged(phase, phase.iterations, "the weights are");
    observer.finished?.(trained);
    return { mask, weights: copyWeights(trained) };
  };

  const { iterations, epochIterations } = resolvePhase({ name: "recipe" }, recipe, trainCount);
  const dense: DenseNetwork = {
    initial: copyWeights(parts.initial),
    prunable: parameters(architecture).flatMap(({ name, prunable }) => (prunable ? [name] : [])),
    rng: parts.rng,
    quotas: parts.quotas,
    redraw: parts.redraw,
    iterations,
    epochIterations,
    train: async (weights, phase) => (await run(resolvePhase(phase, recipe, trainCount), weights)).weights,
    ...parts.measures,
  };
  return {
    dense: Object.freeze(dense),
    async finish(ticket) {
      const { mask, weights } = await run(resolveFinal(ticket, recipe, trainCount), ticket.weights);
      return { mask: mask ?? ticket.mask, weights };
    },
  };
}
