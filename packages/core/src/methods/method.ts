/**
 * The contract of a method: one function from a dense network to a ticket. Core trains and tests every ticket the same
 * way, so methods can differ only in the ticket. What a method sees is `DenseNetwork`: no test set, and no way to
 * change the final training.
 */
import type { ZodType } from "zod";
import type { Mask, Quota } from "../mask.ts";
import type { Rng } from "../rng.ts";
import type { Weights } from "../weights.ts";

/** Piecewise constant: `value` holds from the start of epoch `epoch` (of its phase, from 0) on. Sorted, first epoch 0. */
export type Schedule = readonly { readonly epoch: number; readonly value: number }[];

/** The mask and the weights that the final training starts from. */
export interface Ticket {
  /** Prunable layers only; a dense ticket has a mask of ones. */
  readonly mask: Mask;
  readonly weights: Weights;
  /** Iteration of the recipe to start the final training at (rewinding). Default 0. */
  readonly from?: number;
}

/** A stretch of training that a method asks for. What is left out is the recipe's. */
export interface Phase {
  /** Shown on curves and progress lines, e.g. "dense training", "extrusion 2". */
  readonly name: string;
  /** SGD updates. Left out = the recipe's epochs. */
  readonly iterations?: number;
  /** Passes over the training set; at most one of iterations and epochs. */
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly learningRate?: number | Schedule;
  readonly mask?: Mask;
  /** Default true: pruned weights are 0 from the start. False: only after the first update, as in the authors' L1-Iter. */
  readonly maskFirst?: boolean;
  /** "blocked": weights of convolution and linear layers get no loss gradient (biases still do). Default "kept". */
  readonly lossGradient?: "kept" | "blocked";
  /** RST's growing L2 term on the weights where `on` is 1; strength by iteration of the phase, from 0. */
  readonly penalty?: { readonly on: Mask; readonly strength: (iteration: number) => number };
}

export interface DenseNetwork {
  readonly initial: Weights;
  readonly prunable: readonly string[];
  readonly rng: Rng;
  /** How many weights to prune where, after round `round` of `rounds`, for this sparsity under the spec's scope. */
  quotas(sparsity: number, round?: number, rounds?: number): readonly Quota[];
  /** Trains a copy with a fresh optimiser; returns the weights of the last iteration. */
  train(weights: Weights, phase: Phase): Promise<Weights>;
}

export interface Method<S = unknown> {
  readonly id: string;
  readonly name: string;
  readonly paper: { readonly title: string; readonly url: string };
  /** One sentence for forms and help. */
  readonly summary: string;
  /** Every setting has bounds, a description with its unit (`.describe`), and a default; or leaving it out has a meaning
   * of its own, which the description tells. */
  readonly settings: ZodType<S>;
  /** Can the method make a sparse ticket? Only `dense` cannot: it takes sparsity 0. */
  readonly sparse: boolean;
  findTicket(net: DenseNetwork, sparsity: number, settings: S): Promise<Ticket>;
}
