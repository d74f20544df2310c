/** Layers without windows or products: each a forward pass, the way back, and how both change; the formula beside it. */
import {
  BATCH_NORM_EPSILON,
  BATCH_NORM_MOMENTUM,
  type BatchNormLayer,
  type DropoutLayer,
  type Shape,
  type ShortcutLayer,
} from "../../layers.ts";
import { isDropped } from "../dropout.ts";
import type { Done, Pass } from "./pass.ts";

/** y = J·x, where J depends on x only by its choices (a maximum, a side of a kink), or not at all. */
export const linearMap = (
  x: Float64Array,
  apply: (x: Float64Array) => Float64Array,
  transposed: (dy: Float64Array) => Float64Array,
): Done => ({
  output: apply(x),
  backward: (dy) => [transposed(dy)],
  along: ([tx]) => ({ output: apply(tx!) }),
});

/** NaN passes both ways: Math.max and Math.min keep it, and every comparison with it says no. */
export function relu(x: Float64Array): Done {
  const slope = (values: Float64Array): Float64Array => values.map((value, i) => (x[i]! <= 0 ? 0 : value));
  return { ...linearMap(x, slope, slope), output: x.map((value) => Math.max(value, 0)) };
}

export function relu6(x: Float64Array): Done {
  const slope = (values: Float64Array): Float64Array =>
    values.map((value, i) => (x[i]! <= 0 || x[i]! >= 6 ? 0 : value));
  return { ...linearMap(x, slope, slope), output: x.map((value) => Math.min(Math.max(value, 0), 6)) };
}

const plus = (a: Float64Array, b: Float64Array): Float64Array => a.map((value, i) => value + b[i]!);

export const add = (a: Float64Array, b: Float64Array): Done => ({
  output: plus(a, b),
  backward: (dy) => [dy, dy],
  along: ([ta, tb]) => ({ output: plus(ta!, tb!) }),
});

/**
 * y = γ·x̂ + β with x̂ = r·(x − μ) and r = 1 ÷ √(σ² + ε), by channel over the m values of batch and space. Where μ and σ² are the
 * batch's, let P(u) = u − mean(u) − x̂·mean(x̂·u); where they are remembered, P(u) = u. Then
 *
 *   back:   dβ = Σ dy,  dγ = Σ dy·x̂,  dx = γ·r·P(dy)
 *   along:  tx̂ = r·P(tx),  ty = γ·tx̂ + tγ·x̂ + tβ
 *   curve:  tdγ = Σ dy·tx̂,  tdx = (tγ·r + γ·tr)·P(dy) − γ·r·(tx̂·mean(x̂·dy) + x̂·mean(tx̂·dy)),  tr = −r²·mean(x̂·tx)
 *
 * where the last row has neither tr nor the bracket if μ and σ² are remembered.
 */
export function batchNorm(
  { name, channels }: BatchNormLayer,
  [, height, width]: Shape,
  x: Float64Array,
  { batch, weights, mode }: Pass,
): Done {
  const plane = height * width;
  const count = batch * plane;
  const ofBatch = mode !== "evaluate";
  const [weightName, biasName] = [`${name}.weight`, `${name}.bias`];
  const [scale, shift] = [weights[weightName]!, weights[biasName]!];
  const [runningMean, runningVariance] = [weights[`${name}.running_mean`]!, weights[`${name}.running_var`]!];

  /** Σ a·b by channel; of a alone without b. */
  const sums = (a: Float64Array, b?: Float64Array): Float64Array => {
    const total = new Float64Array(channels);
    for (let first = 0, c = 0; first < a.length; first += plane, c = (c + 1) % channels) {
      let sum = 0;
      for (let i = first; i < first + plane; i++) sum += b ? a[i]! * b[i]! : a[i]!;
      total[c] = total[c]! + sum;
    }
    return total;
  };
  const means = (a: Float64Array, b?: Float64Array): Float64Array => sums(a, b).map((sum) => sum / count);
  /** A value for each index and its channel. */
  const filled = (value: (i: number, c: number) => number): Float64Array => {
    const values = new Float64Array(x.length);
    for (let first = 0, c = 0; first < x.length; first += plane, c = (c + 1) % channels)
      for (let i = first; i < first + plane; i++) values[i] = value(i, c);
    return values;
  };

  const mean = ofBatch ? means(x) : Float64Array.from(runningMean);
  const centred = filled((i, c) => x[i]! - mean[c]!);
  const squares = ofBatch ? sums(centred, centred) : null;
  const variance = squares?.map((sum) => sum / count) ?? runningVariance;
  const r = variance.map((value) => 1 / Math.sqrt(value + BATCH_NORM_EPSILON));
  if (squares && mode === "step") {
    const remember = (old: number, of: number): number => (1 - BATCH_NORM_MOMENTUM) * old + BATCH_NORM_MOMENTUM * of;
    for (let c = 0; c < channels; c++) {
      runningMean[c] = remember(runningMean[c]!, mean[c]!);
      runningVariance[c] = remember(runningVariance[c]!, count > 1 ? squares[c]! / (count - 1) : 0);
    }
  }

  const xhat = filled((i, c) => r[c]! * centred[i]!);
  const project = (u: Float64Array): Float64Array => {
    if (!ofBatch) return u;
    const [mu, slope] = [means(u), means(xhat, u)];
    return filled((i, c) => u[i]! - mu[c]! - xhat[i]! * slope[c]!);
  };
  const accumulate = (to: Float64Array | undefined, more: Float64Array): void => {
    if (to) for (let c = 0; c < channels; c++) to[c] = to[c]! + more[c]!;
  };
  return {
    output: filled((i, c) => scale[c]! * xhat[i]! + shift[c]!),
    backward(dy, gradients) {
      accumulate(gradients[weightName], sums(dy, xhat));
      accumulate(gradients[biasName], sums(dy));
      const through = project(dy);
      return [filled((i, c) => scale[c]! * r[c]! * through[i]!)];
    },
    along([tx], tw) {
      const [tscale, tshift] = [weightName, biasName].map((of) => tw[of] ?? new Float64Array(channels));
      const projected = project(tx!);
      const txhat = filled((i, c) => r[c]! * projected[i]!);
      return {
        output: filled((i, c) => scale[c]! * txhat[i]! + tscale![c]! * xhat[i]! + tshift![c]!),
        curve(dy, tangents) {
          accumulate(tangents[weightName], sums(dy, txhat));
          const through = project(dy);
          if (!ofBatch) return [filled((i, c) => tscale![c]! * r[c]! * through[i]!)];
          const tr = means(xhat, tx!).map((value, c) => -r[c]! * r[c]! * value);
          const [slope, tslope] = [means(xhat, dy), means(txhat, dy)];
          return [
            filled(
              (i, c) =>
                (tscale![c]! * r[c]! + scale[c]! * tr[c]!) * through[i]! -
                scale[c]! * r[c]! * (txhat[i]! * slope[c]! + xhat[i]! * tslope[c]!),
            ),
          ];
        },
      };
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
  return linearMap(
    x,
    (values) => Float64Array.from(source, (from) => (from < 0 ? 0 : values[from]!)),
    (dy) => {
      const dx = new Float64Array(x.length);
      for (const [i, from] of source.entries()) if (from >= 0) dx[from] = dy[i]!;
      return dx;
    },
  );
}

/** 0 where dropped, else x ÷ (1 − rate); the gradient likewise. Only a step drops. */
export function dropout({ rate }: DropoutLayer, index: number, x: Float64Array, { mode, dropoutSeed }: Pass): Done {
  const thin = (values: Float64Array): Float64Array =>
    mode === "step"
      ? values.map((value, i) => (isDropped(dropoutSeed ?? 0, index, i, rate) ? 0 : value / (1 - rate)))
      : values;
  return linearMap(x, thin, thin);
}
