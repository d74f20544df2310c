/**
 * Pools over [batch, height, width, channels]. The maximum is taken by hand, first along rows and then along columns: tfjs's
 * own max pool hides NaN on some backends, and which of equal values gets the gradient is up to each. Done so, the first
 * in row-major order does.
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Pair, PoolLayer } from "../../layers.ts";
import { borderOf } from "./convolution.ts";
import type { Pass, Tensor } from "./passes.ts";

/** Never wins a maximum: the lowest finite float32. (An infinity is not safe to write down in every shader language.) */
const LOWEST = -3.4028234663852886e38;

interface Step {
  readonly output: Tensor;
  backward(gradient: Tensor): Tensor;
}

export function averagePool({ kernel, stride, padding }: PoolLayer, x: Tensor): Pass {
  const border = padding.some((size) => size > 0);
  const padded = border ? tf.pad(x, borderOf(padding)) : x;
  const { output, backward } = average(padded, kernel, stride);
  return {
    output,
    saved: border ? [padded] : [],
    backward: (dy) => {
      const dx = backward(dy);
      return { inputs: [border ? tf.slice(dx, [0, padding[0], padding[1], 0], x.shape as number[]) : dx] };
    },
  };
}

function average(x: Tensor, kernel: Pair, stride: Pair): Step {
  const [filterSize, strides] = [[...kernel] as [number, number], [...stride] as [number, number]];
  return {
    output: tf.avgPool(x as tf.Tensor4D, filterSize, strides, "valid"),
    backward: (dy) =>
      tf.engine().runKernel("AvgPoolGrad", { dy, input: x }, { filterSize, strides, pad: "valid" }) as Tensor,
  };
}

/** Every stride-th pixel, from the first. As averages of one: tfjs has no gradient for strided slices, but for these. */
export const strided = (x: Tensor, stride: Pair): Step =>
  stride[0] === 1 && stride[1] === 1
    ? { output: tf.clone(x), backward: (dy) => tf.clone(dy) }
    : average(x, [1, 1], stride);

export function maxPool({ kernel, stride, padding }: PoolLayer, x: Tensor): Pass {
  const forward = () => {
    const border = padding.some((size) => size > 0);
    const rows = maxAlong(2, border ? tf.pad(x, borderOf(padding), LOWEST) : x, kernel[1], stride[1]);
    return { border, rows, columns: maxAlong(1, rows.output, kernel[0], stride[0]) };
  };
  return {
    output: forward().columns.output,
    backward: (dy) => {
      const { border, rows, columns } = forward(); // once more: cheaper than keeping all of it
      const dx = rows.backward(columns.backward(dy));
      return { inputs: [border ? tf.slice(dx, [0, padding[0], padding[1], 0], x.shape as number[]) : dx] };
    },
  };
}

/** Maxima of windows along one axis (1 = down, 2 = across). */
function maxAlong(axis: 1 | 2, x: Tensor, kernel: number, stride: number): Step {
  const size = x.shape[axis]!;
  const count = Math.floor((size - kernel) / stride) + 1;
  const taps = Array.from({ length: kernel }, (_, offset) => tap(axis, x, offset, (count - 1) * stride + 1, stride));
  const output = taps.map((t) => t.output).reduce((a, b) => tf.maximum(a, b));
  return {
    output,
    backward: (dy) => {
      let left = dy; // of windows whose maximum no tap so far was
      const parts = taps.map((t) => {
        const lost = tf.less(t.output, output);
        const part = t.backward(tf.where(lost, 0, left));
        left = tf.where(lost, left, 0);
        return part;
      });
      return tf.addN(parts);
    },
  };
}

/** What the windows of one axis see at one offset. */
function tap(axis: 1 | 2, x: Tensor, offset: number, length: number, stride: number): Step {
  const begin = [0, 0, 0, 0];
  const extent = [-1, -1, -1, -1];
  begin[axis] = offset;
  extent[axis] = length;
  const { output, backward } = strided(tf.slice(x, begin, extent), axis === 1 ? [stride, 1] : [1, stride]);
  const border: [number, number][] = [
    [0, 0],
    [0, 0],
    [0, 0],
    [0, 0],
  ];
  border[axis] = [offset, x.shape[axis]! - offset - length];
  return { output, backward: (dy) => tf.pad(backward(dy), border) };
}
