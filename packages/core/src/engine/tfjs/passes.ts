/**
 * Forward and backward pass of each kind of layer in TensorFlow.js operations, for whatever backend runs them. Gradients
 * are written out: tfjs-core's own are not loaded by its Node build, it has none for some operations, and its backends differ
 * where values tie. Activations are [batch, height, width, channels]; parameters come and gradients go in the shapes of
 * layers.ts. Everything is made inside the caller's `tf.tidy`, and a pass's output never shares its tensor with its input.
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  BATCH_NORM_EPSILON,
  type BatchNormLayer,
  type LinearLayer,
  type Node,
  type ShortcutLayer,
} from "../../layers.ts";
import { convolution } from "./convolution.ts";
import { averagePool, maxPool, strided } from "./pools.ts";

export type Tensor = tf.Tensor;

/** What a backward pass gives: a gradient for each input (null where nobody wants it) and each learned parameter. */
export interface Gradients {
  readonly inputs: readonly (Tensor | null)[];
  readonly learned?: readonly Tensor[];
}

export interface Pass {
  readonly output: Tensor;
  /** What `backward` reads, inputs, parameters and the output apart. */
  readonly saved?: readonly Tensor[];
  /** Of a batch norm in training: the batch's mean and unbiased variance. */
  readonly statistics?: readonly Tensor[];
  backward(gradient: Tensor, wanted: boolean): Gradients;
}

export interface Reads {
  readonly inputs: readonly Tensor[];
  /** Of this layer, in the order of `learned`. */
  readonly learned: readonly Tensor[];
  /** Running mean and variance, where a batch norm is to normalise by them; else it does by the batch's. */
  readonly running: readonly Tensor[] | null;
  /** What dropout multiplies with, [batch, height, width, channels]; null = nothing is dropped. */
  readonly kept: Tensor | null;
}

export function forward({ layer, inputShape, shape }: Node, { inputs, learned, running, kept }: Reads): Pass {
  const x = inputs[0]!;
  switch (layer.kind) {
    case "conv":
      return convolution(layer, x, learned);
    case "linear":
      return linear(layer, x, learned);
    case "batch-norm":
      return batchNorm(layer, x, learned, running);
    case "relu":
      return clipped(x, Number.POSITIVE_INFINITY);
    case "relu6":
      return clipped(x, 6);
    case "max-pool":
      return maxPool(layer, x);
    case "average-pool":
      return averagePool(layer, x);
    case "global-average-pool": {
      const [, height, width] = inputShape;
      return {
        output: tf.mean(x, [1, 2], true),
        backward: (dy) => ({ inputs: [tf.tile(tf.div(dy, height * width), [1, height, width, 1])] }),
      };
    }
    case "add":
      return { output: tf.add(x, inputs[1]!), backward: (dy) => ({ inputs: [tf.clone(dy), tf.clone(dy)] }) };
    case "option-a":
      return shortcut(layer, x);
    case "dropout":
      if (kept) return { output: tf.mul(x, kept), saved: [kept], backward: (dy) => ({ inputs: [tf.mul(dy, kept)] }) };
      return { output: tf.clone(x), backward: (dy) => ({ inputs: [tf.clone(dy)] }) };
    case "flatten": {
      // features are counted as [channels, height, width]
      const [channels, height, width] = inputShape;
      return {
        output: tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [-1, 1, 1, shape[0]]),
        backward: (dy) => ({ inputs: [tf.transpose(tf.reshape(dy, [-1, channels, height, width]), [0, 2, 3, 1])] }),
      };
    }
  }
}

function linear({ inputs, outputs }: LinearLayer, x4: Tensor, [weight, bias]: readonly Tensor[]): Pass {
  const x = tf.reshape(x4, [-1, inputs]) as tf.Tensor2D;
  const w = weight as tf.Tensor2D; // [outputs, inputs]
  const y = tf.matMul(x, w, false, true);
  return {
    output: tf.reshape(bias ? tf.add(y, bias) : y, [-1, 1, 1, outputs]),
    saved: [x],
    backward: (dy4, wanted) => {
      const dy = tf.reshape(dy4, [-1, outputs]) as tf.Tensor2D;
      const dw = tf.matMul(dy, x, true, false);
      return {
        inputs: [wanted ? tf.reshape(tf.matMul(dy, w), [-1, 1, 1, inputs]) : null],
        learned: bias ? [dw, tf.sum(dy, 0)] : [dw],
      };
    },
  };
}

/** Batch, height and width: what a channel's mean is taken over. */
const PLACES = [0, 1, 2];

function batchNorm(
  { channels }: BatchNormLayer,
  x: Tensor,
  [scale, shift]: readonly Tensor[],
  running: readonly Tensor[] | null,
): Pass {
  const count = x.size / channels;
  const mean = running ? running[0]! : tf.mean(x, PLACES);
  const centred = tf.sub(x, mean);
  const variance = running ? running[1]! : tf.mean(tf.square(centred), PLACES);
  const inverse = tf.rsqrt(tf.add(variance, BATCH_NORM_EPSILON));
  const normal = tf.mul(centred, inverse);
  return {
    output: tf.add(tf.mul(normal, scale!), shift!),
    saved: [normal, inverse],
    ...(running ? {} : { statistics: [mean, tf.mul(variance, count / Math.max(count - 1, 1))] }),
    backward: (dy, wanted) => {
      const dscale = tf.sum(tf.mul(dy, normal), PLACES);
      const dshift = tf.sum(dy, PLACES);
      // the batch's mean and variance depend on x too: they take their share
      const share = () => tf.div(tf.add(dshift, tf.mul(normal, dscale)), count);
      const dx = () => tf.mul(running ? dy : tf.sub(dy, share()), tf.mul(scale!, inverse));
      return { inputs: [wanted ? dx() : null], learned: [dscale, dshift] };
    },
  };
}

/**
 * max(x, 0), and min(that, most). The gradient is 0 at both bounds; NaN is at neither. (Not tf.step: on TensorFlow it builds
 * its ones on the host.)
 */
function clipped(x: Tensor, most: number): Pass {
  const bounded = most < Number.POSITIVE_INFINITY;
  const y = bounded ? tf.clipByValue(x, 0, most) : tf.relu(x);
  return {
    output: y,
    backward: (dy) => {
      const low = tf.lessEqual(y, 0);
      return { inputs: [tf.where(bounded ? tf.logicalOr(low, tf.greaterEqual(y, most)) : low, 0, dy)] };
    },
  };
}

function shortcut({ inputs, outputs, stride }: ShortcutLayer, x: Tensor): Pass {
  const before = Math.floor((outputs - inputs) / 2);
  const places = strided(x, [stride, stride]);
  return {
    output: tf.pad(places.output, [
      [0, 0],
      [0, 0],
      [0, 0],
      [before, outputs - inputs - before],
    ]),
    backward: (dy) => ({
      inputs: [places.backward(tf.slice(dy, [0, 0, 0, before], [-1, -1, -1, inputs]))],
    }),
  };
}

/** What one example's values are multiplied with, in `isDropped`'s order [channels, height, width]: to the layer's layout. */
export const placesLast = (values: Float32Array, [channels, height, width]: Node["shape"]): Tensor =>
  tf.transpose(tf.tensor(values, [values.length / (channels * height * width), channels, height, width]), [0, 2, 3, 1]);

/** And back. */
export const channelsFirst = (x: Tensor): Tensor => tf.transpose(x, [0, 3, 1, 2]);

/** Cross-entropy of softmax against `targets`, both [batch, classes]: the sum over the batch, and its gradient by the logits. */
export function crossEntropy(logits: Tensor, targets: Tensor): { sum: Tensor; gradient: Tensor } {
  const below = tf.sub(logits, tf.max(logits, 1, true));
  const logP = tf.sub(below, tf.log(tf.sum(tf.exp(below), 1, true)));
  const parts = tf.where(tf.greater(targets, 0), tf.mul(targets, logP), 0); // 0 · ∞ is no loss
  return { sum: tf.neg(tf.sum(parts)), gradient: tf.sub(tf.exp(logP), targets) };
}
