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
  /** Left out: the mask holds through the final training. */
  readonly remask?: Remask;
}

/** Dynamic sparse training: the mask changes while the ticket is trained. */
export interface Remask {
  /** Before iterations every, 2·every, … of the recipe, up to and with `until`. */
  readonly every: number;
  readonly until: number;
  next(at: Remasking): Promise<Remasked>;
}

export interface Remasked {
  /** From this iteration on. Weights that it brings back are 0, and so is their momentum. */
  readonly mask: Mask;
  /** What of the mask so far was never dropped; left out: all that both masks keep. A weight that was dropped and grown in one
   * change is 0 again, and keeps its momentum. */
  readonly survivors?: Mask;
}

export interface Remasking {
  /** Of the recipe, from 0. */
  readonly iteration: number;
  /** The mask so far; its pruned weights are 0. */
  readonly mask: Mask;
  readonly weights: Weights;
  /** Of the loss of this iteration's batch under the mask so far, for pruned weights too. Computed when asked for. */
  gradients(): Promise<Weights>;
}

/** A stretch of training that a method asks for. What is left out is the recipe's. */
export interface Phase {
  /** Shown on curves and progress lines, e.g. "dense training", "extrusion 2". */
  readonly name: string;
  /** Iteration of the recipe to start at: its learning rates and its batches from there on. Default 0. */
  readonly from?: number;
  /** SGD updates. Left out = the recipe's epochs, or what is left of them after `from`. */
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
  /** Looks on at the end of each epoch, and may end the phase there. */
  readonly watch?: Watch;
}

/** A fold over the epochs of a phase. What it remembers is bytes, so that a snapshot can keep it. */
export interface Watch {
  readonly start: Uint8Array;
  /** Epochs before which `next` never stops. */
  readonly earliest: number;
  next(memory: Uint8Array, weights: Weights): { readonly memory: Uint8Array; readonly stop: boolean };
}

/** Which training images to measure on. */
export interface ExampleWish {
  /** Images of each class; all, where a class has fewer. */
  readonly perClass: number;
  /** Parts of equal size; more, where those would be larger than there is memory for (128 images at most). */
  readonly parts: number;
  /** Will be measured in float64, which takes more memory. */
  readonly exact: boolean;
}

/** Some of the images, drawn and not made yet. */
export interface ExamplePart {
  readonly count: number;
  make(): ExampleBatch;
}

/** Training images as the network sees them, without augmentation. */
export interface ExampleBatch {
  /** [batch, channels, height, width], normalised. */
  readonly images: Float32Array;
  /** Class numbers [batch]. */
  readonly labels: Uint8Array | Uint16Array;
}

/** Derivatives by parameter name, of the parameter's size; of all parameters that are learned. */
export type Derivatives = Readonly<Record<string, Float64Array>>;

/** How the loss is measured where it is differentiated. */
export interface LossOptions {
  /** Batch norm normalises by the batch (default), or by the mean and variance it remembers. */
  readonly batchNorm?: "batch" | "remembered";
  /** Outputs are divided by it before the softmax. Default 1. */
  readonly temperature?: number;
}

export interface DenseNetwork {
  readonly initial: Weights;
  readonly prunable: readonly string[];
  readonly rng: Rng;
  /** How many weights to prune where, after round `round` of `rounds`, for this sparsity under the spec's scope. */
  quotas(sparsity: number, round?: number, rounds?: number): readonly Quota[];
  /** Iterations of the recipe: what the final training has, unless a ticket starts later. */
  readonly iterations: number;
  /** Of them, in one epoch. */
  readonly epochIterations: number;
  /** Trains a copy with a fresh optimiser; returns the weights of the last iteration. */
  train(weights: Weights, phase: Phase): Promise<Weights>;
  /** Another draw of the initial weights. */
  redraw(rng: Rng): Weights;
  /** Draws training images. Classes take turns, so that each part has all of them. The draw is `rng`'s. */
  examples(wish: ExampleWish, rng: Rng): readonly ExamplePart[];
  /** Sum over the parts, of the gradients of each one's mean loss. Float32, on the cpu engine; with options in float64, on
   * the reference engine. */
  gradients(weights: Weights, parts: readonly ExamplePart[], options?: LossOptions): Promise<Derivatives>;
  /** Sum over the parts, of H·v of each one's mean loss. A parameter that v does not name has 0 there. Float64, on the
   * reference engine. */
  hessianVector(
    weights: Weights,
    v: Derivatives,
    parts: readonly ExamplePart[],
    options?: LossOptions,
  ): Promise<Derivatives>;
  /** Of the sum of all outputs for one image of ones; batch norm as remembered, and relu6 as relu: else a deep net of positive
   * weights is cut off at 6 everywhere, and nothing flows. Float64, on the reference engine. */
  flow(weights: Weights): Promise<Derivatives>;
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
  /**
   * Does the final training change the mask? "moves": as many weights are kept as the ticket keeps, by quota. "grows": the
   * ticket keeps them all, and the trained net has the sparsity. Left out: the mask is the ticket's.
   */
  readonly remasks?: "moves" | "grows";
  /**
   * What of the ticket the seed alone fixes, so that it can be checked without training: "weights", where they are the
   * initial ones; "mask", where none that is trained or measured chooses it. Left out: nothing.
   */
  seedFixes?(settings: S): readonly ("weights" | "mask")[];
  findTicket(net: DenseNetwork, sparsity: number, settings: S): Promise<Ticket>;
}
