/**
 * The engine contract: the narrow waist between the experiment and what computes it. An engine compiles an
 * architecture into a network that lives on its device. Methods never see one.
 */
import type { Architecture } from "../layers.ts";
import type { Mask } from "../mask.ts";
import type { Weights } from "../weights.ts";

/** Class numbers [batch]: bytes, or 16 bits where a data set has more than 256 classes. */
export type Labels = Uint8Array | Uint16Array;

export interface Engine {
  readonly id: string;
  /** The actual chip, with build and threads where they matter, e.g. "AMD EPYC 9654, native, 2 threads". */
  readonly device: string;
  /** "bit-exact": the same bits on every machine, for the same NUMERICS. */
  readonly determinism: "bit-exact" | "tolerance";
  /** Plans memory first; throws Problem "out-of-memory" with what is needed and what there is. */
  compile(architecture: Architecture, maxBatch: number): Promise<Network>;
}

export interface Update {
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly nesterov: boolean;
  readonly labelSmoothing: number;
  readonly lossGradient: "kept" | "blocked";
  /** uint32 that decides what dropout drops in this step (`dropout.ts`); left out = 0. */
  readonly dropoutSeed?: number;
}

/**
 * Images are Float32Array [batch, channels, height, width], already normalised; labels are class numbers
 * [batch]. The batch is labels.length, 1 … maxBatch. The arrays may be reused by the caller after the call returns.
 *
 * One update, in this order (PyTorch's, with the penalty where the DLTH authors put it, so that it goes through momentum):
 *   g += λ·w on the leaving weights;  g += wd·w on all parameters;  v = μ·v + g;
 *   w −= lr·(nesterov ? g + μ·v : v);  w = 0 where pruned.
 * With lossGradient "blocked", the loss part of g is 0 for every convolution and linear weight.
 */
export interface Network {
  /** Bytes the network holds on its device at its peak, known at compile time. */
  readonly peakBytes: number;
  /** Copies out; weights with batch-norm state. Under a mask, gradients and momentum of pruned weights read as 0. */
  read(what: "weights" | "gradients" | "momentum"): Promise<Weights>;
  /** Copies in: every parameter of the network (weights: states too; the others: learned ones alone), all sizes checked
   * before anything is written. Under a mask, values of pruned weights are dropped (they are 0). */
  write(what: "weights" | "gradients" | "momentum", values: Weights): Promise<void>;
  /** From now on pruned weights are +0 and stay so; takes effect at once. Unnamed parameters are kept whole.
   * null = dense again (pruned weights stay 0 until trained; momentum of pruned weights starts at 0). */
  setMask(mask: Mask | null): void;
  /** L2 term with `strength` on the weights where `on` is 1. */
  setPenalty(penalty: { on: Mask; strength: number } | null): void;
  /** Forward, loss, backward, update. */
  step(images: Float32Array, labels: Labels, update: Update): Promise<void>;
  /** The update alone, from the gradients as they stand (`write("gradients")`, `gradients()`). */
  update(update: Update): Promise<void>;
  /** Mean loss of each step since the last call, measured before that step's update; the oldest first. */
  losses(): Promise<Float32Array>;
  /** Mean-loss gradients of all weights, dense where there is no mask; no update. Batch norm normalises by the batch, and
   * remembers nothing; nothing is dropped. */
  gradients(images: Float32Array, labels: Labels, labelSmoothing?: number): Promise<Weights>;
  /** One forward and backward pass with a given gradient of the output: how engines are compared layer by layer.
   * output and outputGradient [batch, classes]; inputGradient [batch, channels, height, width]. In mode "train" (the
   * default), batch norm normalises by the batch; nothing is remembered, nothing is dropped. */
  probe(
    images: Float32Array,
    batch: number,
    outputGradient: Float32Array,
    mode?: "train" | "evaluate",
  ): Promise<{ output: Float32Array; inputGradient: Float32Array; gradients: Weights }>;
  /** loss = sum over the examples (float64 sum of float32 batch sums), correct = examples whose largest output is the
   * label's (first of equals; NaN is never correct). Any number of examples: split into batches of at most maxBatch. */
  evaluate(images: Float32Array, labels: Labels): Promise<{ loss: number; correct: number }>;
  /** Frees memory and stops threads. The network cannot be used after it. */
  dispose(): Promise<void>;
}
