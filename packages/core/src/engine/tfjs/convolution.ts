/**
 * Convolutions of any kernel, stride, padding and groups. Padding is written out where TensorFlow's "same" would put it elsewhere.
 * Groups run as one depthwise convolution where each has one input, else one by one.
 */
import * as tf from "@tensorflow/tfjs-core";
import type { ConvLayer } from "../../layers.ts";
import type { Gradients, Pass, Tensor } from "./passes.ts";

type T4 = tf.Tensor4D;
/** Filters in tfjs's layout: [kernel height, kernel width, inputs ÷ groups, outputs]. */
interface Kernel {
  forward(x: T4, filter: T4): T4;
  inputGradient(dy: T4, filter: T4, inputShape: T4["shape"]): T4;
  filterGradient(x: T4, dy: T4, filter: T4): T4;
}

export function convolution(layer: ConvLayer, image: Tensor, [weight, bias]: readonly Tensor[]): Pass {
  const { kernel, stride, padding } = layer;
  const filter = tf.transpose(weight!, [2, 3, 1, 0]) as T4;
  const same = padding.every((size, i) => stride[i] === 1 && kernel[i] === 2 * size + 1);
  const border = same || padding.every((size) => size === 0) ? null : borderOf(padding);
  const x = (border ? tf.pad(image, border) : image) as T4;
  const run = kernelFor(layer, same ? "same" : "valid");
  const y = run.forward(x, filter);
  return {
    output: bias ? tf.add(y, bias) : y,
    saved: border ? [filter, x] : [filter],
    backward: (gradient, wanted): Gradients => {
      const dy = gradient as T4;
      const dw = tf.transpose(run.filterGradient(x, dy, filter), [3, 2, 0, 1]);
      const dx = () => {
        const padded = run.inputGradient(dy, filter, x.shape);
        return border ? tf.slice(padded, [0, padding[0], padding[1], 0], image.shape as number[]) : padded;
      };
      return { inputs: [wanted ? dx() : null], learned: bias ? [dw, tf.sum(dy, [0, 1, 2])] : [dw] };
    },
  };
}

/** Of tf.pad: rows and columns around the plane. */
export const borderOf = ([rows, columns]: ConvLayer["padding"]): [number, number][] => [
  [0, 0],
  [rows, rows],
  [columns, columns],
  [0, 0],
];

function kernelFor({ inputs, outputs, groups, stride }: ConvLayer, pad: "same" | "valid"): Kernel {
  const strides = [...stride] as [number, number];
  if (groups === 1) return direct(strides, pad);
  // TensorFlow's own depthwise kernels want one stride for both directions
  if (groups === inputs && stride[0] === stride[1]) return depthwise(strides, pad, inputs, outputs / inputs);
  return grouped(direct(strides, pad), groups);
}

/** tfjs-core exports no function for these kernels; the backends do have them. */
const runKernel = (name: string, tensors: Record<string, Tensor>, attributes: object): T4 =>
  tf.engine().runKernel(name, tensors, { dilations: [1, 1], dataFormat: "NHWC", ...attributes }) as T4;

const direct = (strides: [number, number], pad: "same" | "valid"): Kernel => ({
  forward: (x, filter) => tf.conv2d(x, filter, strides, pad),
  inputGradient: (dy, filter, inputShape) =>
    runKernel("Conv2DBackpropInput", { dy, filter }, { strides, pad, inputShape }),
  filterGradient: (x, dy, { shape: filterShape }) =>
    runKernel("Conv2DBackpropFilter", { x, dy }, { strides, pad, filterShape }),
});

/** Each input has `times` outputs of its own, next to each other. */
function depthwise(strides: [number, number], pad: "same" | "valid", inputs: number, times: number): Kernel {
  const own = (filter: T4): T4 => tf.reshape(filter, [filter.shape[0], filter.shape[1], inputs, times]);
  return {
    forward: (x, filter) => tf.depthwiseConv2d(x, own(filter), strides, pad),
    inputGradient: (dy, filter, inputShape) =>
      runKernel("DepthwiseConv2dNativeBackpropInput", { dy, filter: own(filter) }, { strides, pad, inputShape }),
    filterGradient: (x, dy, filter) => {
      const filterShape = own(filter).shape;
      const gradient = runKernel("DepthwiseConv2dNativeBackpropFilter", { x, dy }, { strides, pad, filterShape });
      return tf.reshape(gradient, filter.shape);
    },
  };
}

function grouped(one: Kernel, groups: number): Kernel {
  const parts = (x: T4): T4[] => tf.split(x, groups, 3);
  return {
    forward: (x, filter) => {
      const filters = parts(filter);
      return tf.concat(
        parts(x).map((part, g) => one.forward(part, filters[g]!)),
        3,
      );
    },
    inputGradient: (dy, filter, [batch, height, width, channels]) => {
      const filters = parts(filter);
      const shape: T4["shape"] = [batch, height, width, channels / groups];
      return tf.concat(
        parts(dy).map((part, g) => one.inputGradient(part, filters[g]!, shape)),
        3,
      );
    },
    filterGradient: (x, dy, filter) => {
      const [dys, filters] = [parts(dy), parts(filter)];
      return tf.concat(
        parts(x).map((part, g) => one.filterGradient(part, dys[g]!, filters[g]!)),
        3,
      );
    },
  };
}
