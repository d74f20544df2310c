/** Layers that slide a window over planes: convolution and pools. All tensors [batch, channels, height, width]. */
import type { ConvLayer, Pair, Shape } from "../../layers.ts";
import type { Done, Pass } from "./pass.ts";

interface Window {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
}

/**
 * Where a window meets the plane: triples of the output's position, the entry of the window and the input's position
 * (oy·stride + ky − padding, ox·stride + kx − padding), each as an index in row-major order. Padding is left out.
 */
function meetings({ kernel, stride, padding }: Window, [, height, width]: Shape, [, rows, columns]: Shape): Int32Array {
  const triples: number[] = [];
  for (let oy = 0; oy < rows; oy++) {
    for (let ox = 0; ox < columns; ox++) {
      for (let ky = 0; ky < kernel[0]; ky++) {
        for (let kx = 0; kx < kernel[1]; kx++) {
          const y = oy * stride[0] + ky - padding[0];
          const x = ox * stride[1] + kx - padding[1];
          if (y >= 0 && y < height && x >= 0 && x < width)
            triples.push(oy * columns + ox, ky * kernel[1] + kx, y * width + x);
        }
      }
    }
  }
  return Int32Array.from(triples);
}

const planeOf = ([, height, width]: Shape): number => height * width;

/** y[n, o, p] = bias[o] + Σ w[o, i, k] · x[n, i + first of o's group, q] over i and the meetings (p, k, q). */
export function conv(
  layer: ConvLayer,
  inputShape: Shape,
  shape: Shape,
  x: Float64Array,
  { batch, weights }: Pass,
): Done {
  const { inputs, outputs, groups, kernel } = layer;
  const [weightName, biasName] = [`${layer.name}.weight`, `${layer.name}.bias`];
  const w = weights[weightName]!; // [outputs, inputs ÷ groups, kernel height, kernel width]
  const bias = weights[biasName]; // [outputs]
  const [inputPlane, plane] = [planeOf(inputShape), planeOf(shape)];
  const [groupInputs, groupOutputs] = [inputs / groups, outputs / groups];
  const pairs = meetings(layer, inputShape, shape);

  /** Calls with the first indices of each plane of the output, kernel of w and plane of the input that belong together. */
  const each = (visit: (atY: number, atW: number, atX: number) => void): void => {
    for (let n = 0; n < batch; n++) {
      for (let o = 0; o < outputs; o++) {
        const first = Math.floor(o / groupOutputs) * groupInputs;
        for (let i = 0; i < groupInputs; i++) {
          const kernelIndex = (o * groupInputs + i) * kernel[0] * kernel[1];
          visit((n * outputs + o) * plane, kernelIndex, (n * inputs + first + i) * inputPlane);
        }
      }
    }
  };

  const y = new Float64Array(batch * outputs * plane);
  if (bias) for (let p = 0; p < y.length; p++) y[p] = bias[Math.floor(p / plane) % outputs]!;
  each((atY, atW, atX) => {
    for (let t = 0; t < pairs.length; t += 3) {
      const p = atY + pairs[t]!;
      y[p] = y[p]! + w[atW + pairs[t + 1]!]! * x[atX + pairs[t + 2]!]!;
    }
  });

  return {
    output: y,
    backward(dy, gradients) {
      const dw = gradients[weightName]!;
      const dbias = gradients[biasName];
      const dx = new Float64Array(x.length);
      each((atY, atW, atX) => {
        for (let t = 0; t < pairs.length; t += 3) {
          const [p, k, q] = [atY + pairs[t]!, atW + pairs[t + 1]!, atX + pairs[t + 2]!];
          dw[k] = dw[k]! + dy[p]! * x[q]!;
          dx[q] = dx[q]! + dy[p]! * w[k]!;
        }
      });
      if (dbias) {
        for (let p = 0; p < dy.length; p++) {
          const o = Math.floor(p / plane) % outputs;
          dbias[o] = dbias[o]! + dy[p]!;
        }
      }
      return [dx];
    },
  };
}

/** The gradient goes to the one that won: the first of equals. As in PyTorch, a NaN beats every number. */
export function maxPool(layer: Window, inputShape: Shape, shape: Shape, x: Float64Array, { batch }: Pass): Done {
  const pairs = meetings(layer, inputShape, shape);
  const [inputPlane, plane] = [planeOf(inputShape), planeOf(shape)];
  const winners = new Int32Array(batch * shape[0] * plane).fill(-1); // indices in x
  for (let c = 0; c < batch * shape[0]; c++) {
    for (let t = 0; t < pairs.length; t += 3) {
      const p = c * plane + pairs[t]!;
      const q = c * inputPlane + pairs[t + 2]!;
      const best = winners[p]!;
      if (best < 0 || x[q]! > x[best]! || Number.isNaN(x[q]!)) winners[p] = q;
    }
  }
  return {
    output: Float64Array.from(winners, (q) => x[q]!),
    backward(dy) {
      const dx = new Float64Array(x.length);
      for (const [p, q] of winners.entries()) dx[q] = dx[q]! + dy[p]!;
      return [dx];
    },
  };
}

/** The sum over the window, padding as zeros, by the window's size. */
export function averagePool(layer: Window, inputShape: Shape, shape: Shape, x: Float64Array, { batch }: Pass): Done {
  const pairs = meetings(layer, inputShape, shape);
  const [inputPlane, plane] = [planeOf(inputShape), planeOf(shape)];
  const size = layer.kernel[0] * layer.kernel[1];
  const planes = batch * shape[0];
  const y = new Float64Array(planes * plane);
  for (let c = 0; c < planes; c++) {
    for (let t = 0; t < pairs.length; t += 3) {
      const p = c * plane + pairs[t]!;
      y[p] = y[p]! + x[c * inputPlane + pairs[t + 2]!]! / size;
    }
  }
  return {
    output: y,
    backward(dy) {
      const dx = new Float64Array(x.length);
      for (let c = 0; c < planes; c++) {
        for (let t = 0; t < pairs.length; t += 3) {
          const q = c * inputPlane + pairs[t + 2]!;
          dx[q] = dx[q]! + dy[c * plane + pairs[t]!]! / size;
        }
      }
      return [dx];
    },
  };
}
