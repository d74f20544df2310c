/** Layers without windows: each a forward pass and the way back, the formula beside it. */
import {
  BATCH_NORM_EPSILON,
  BATCH_NORM_MOMENTUM,
  type BatchNormLayer,
  type DropoutLayer,
  type LinearLayer,
  type Shape,
  type ShortcutLayer,
} from "../../layers.ts";
import { isDropped } from "../dropout.ts";
import type { Done, Pass } from "./pass.ts";

/** y[n, o] = bias[o] + Σ w[o, i] · x[n, i]. */
export function linear({ name, inputs, outputs }: LinearLayer, x: Float64Array, { batch, weights }: Pass): Done {
  const w = weights[`${name}.weight`]!; // [outputs, inputs]
  const bias = weights[`${name}.bias`]; // [outputs]
  const y = new Float64Array(batch * outputs);
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < outputs; o++) {
      let sum = bias ? bias[o]! : 0;
      for (let i = 0; i < inputs; i++) sum += w[o * inputs + i]! * x[n * inputs + i]!;
      y[n * outputs + o] = sum;
    }
  }
  return {
    output: y,
    backward(dy, gradients) {
      const dw = gradients[`${name}.weight`]!;
      const dbias = gradients[`${name}.bias`];
      const dx = new Float64Array(x.length);
      for (let n = 0; n < batch; n++) {
        for (let o = 0; o < outputs; o++) {
          const g = dy[n * outputs + o]!;
          if (dbias) dbias[o] = dbias[o]! + g;
          for (let i = 0; i < inputs; i++) {
            dw[o * inputs + i] = dw[o * inputs + i]! + g * x[n * inputs + i]!;
            dx[n * inputs + i] = dx[n * inputs + i]! + g * w[o * inputs + i]!;
          }
        }
      }
      return [dx];
    },
  };
}

/** NaN passes both ways: Math.max and Math.min keep it, and every comparison with it says no. */
export const relu = (x: Float64Array): Done => ({
  output: x.map((value) => Math.max(value, 0)),
  backward: (dy) => [dy.map((g, i) => (x[i]! <= 0 ? 0 : g))],
});

export const relu6 = (x: Float64Array): Done => ({
  output: x.map((value) => Math.min(Math.max(value, 0), 6)),
  backward: (dy) => [dy.map((g, i) => (x[i]! <= 0 || x[i]! >= 6 ? 0 : g))],
});

export const add = (a: Float64Array, b: Float64Array): Done => ({
  output: a.map((value, i) => value + b[i]!),
  backward: (dy) => [dy, dy],
});

/**
 * y = γ·x̂ + β with x̂ = (x − μ) ÷ √(σ² + ε), by channel over the m values of batch and space. Back:
 * dβ = Σ dy, dγ = Σ dy·x̂, and dx = γ ÷ √(σ² + ε) · (dy − dβ ÷ m − x̂ · dγ ÷ m), where μ and σ² are the batch's; without
 * the last two terms where they are what was remembered.
 */
export function batchNorm(
  { name, channels }: BatchNormLayer,
  [, height, width]: Shape,
  x: Float64Array,
  { batch, weights, mode }: Pass,
): Done {
  const plane = height * width;
  const count = batch * plane;
  const isTraining = mode !== "evaluate";
  const [scale, shift] = [weights[`${name}.weight`]!, weights[`${name}.bias`]!];
  const [runningMean, runningVariance] = [weights[`${name}.running_mean`]!, weights[`${name}.running_var`]!];
  const mean = Float64Array.from(runningMean);
  const inverse = runningVariance.map((variance) => 1 / Math.sqrt(variance + BATCH_NORM_EPSILON));

  const sumOf = (channel: number, value: (index: number) => number): number => {
    let sum = 0;
    for (let n = 0; n < batch; n++) {
      const first = (n * channels + channel) * plane;
      for (let i = first; i < first + plane; i++) sum += value(i);
    }
    return sum;
  };
  if (isTraining) {
    for (let c = 0; c < channels; c++) {
      const mu = sumOf(c, (i) => x[i]!) / count;
      const squares = sumOf(c, (i) => (x[i]! - mu) * (x[i]! - mu));
      mean[c] = mu;
      inverse[c] = 1 / Math.sqrt(squares / count + BATCH_NORM_EPSILON);
      if (mode !== "step") continue;
      const unbiased = count > 1 ? squares / (count - 1) : 0;
      runningMean[c] = (1 - BATCH_NORM_MOMENTUM) * runningMean[c]! + BATCH_NORM_MOMENTUM * mu;
      runningVariance[c] = (1 - BATCH_NORM_MOMENTUM) * runningVariance[c]! + BATCH_NORM_MOMENTUM * unbiased;
    }
  }

  const channelOf = (i: number): number => Math.floor(i / plane) % channels;
  const normalised = x.map((value, i) => (value - mean[channelOf(i)]!) * inverse[channelOf(i)]!);
  return {
    output: normalised.map((value, i) => scale[channelOf(i)]! * value + shift[channelOf(i)]!),
    backward(dy, gradients) {
      const [dscale, dshift] = [gradients[`${name}.weight`]!, gradients[`${name}.bias`]!];
      for (let c = 0; c < channels; c++) {
        dscale[c] = sumOf(c, (i) => dy[i]! * normalised[i]!);
        dshift[c] = sumOf(c, (i) => dy[i]!);
      }
      const dx = dy.map((g, i) => {
        const c = channelOf(i);
        const throughBatch = isTraining ? (dshift[c]! + normalised[i]! * dscale[c]!) / count : 0;
        return scale[c]! * inverse[c]! * (g - throughBatch);
      });
      return [dx];
    },
  };
}

/** y[n, c + before, p, q] = x[n, c, p·stride, q·stride]; 0 in the other channels. */
export function optionA(
  { inputs, outputs, stride }: ShortcutLayer,
  [, inputHeight, inputWidth]: Shape,
  [, height, width]: Shape,
  x: Float64Array,
  { batch }: Pass,
): Done {
  const before = Math.floor((outputs - inputs) / 2);
  /** Index in x of each value of the output; −1 in the channels of zeros. */
  const source = Int32Array.from({ length: batch * outputs * height * width }, (_, i) => {
    const column = i % width;
    const row = Math.floor(i / width) % height;
    const channel = (Math.floor(i / (width * height)) % outputs) - before;
    if (channel < 0 || channel >= inputs) return -1;
    const n = Math.floor(i / (width * height * outputs));
    return ((n * inputs + channel) * inputHeight + row * stride) * inputWidth + column * stride;
  });
  return {
    output: Float64Array.from(source, (from) => (from < 0 ? 0 : x[from]!)),
    backward(dy) {
      const dx = new Float64Array(x.length);
      for (const [i, from] of source.entries()) if (from >= 0) dx[from] = dy[i]!;
      return [dx];
    },
  };
}

/** 0 where dropped, else x ÷ (1 − rate); the gradient likewise. Only a step drops. */
export function dropout({ rate }: DropoutLayer, index: number, x: Float64Array, { mode, dropoutSeed }: Pass): Done {
  const thin = (values: Float64Array): Float64Array =>
    mode === "step"
      ? values.map((value, i) => (isDropped(dropoutSeed ?? 0, index, i, rate) ? 0 : value / (1 - rate)))
      : values;
  return { output: thin(x), backward: (dy) => [thin(dy)] };
}
