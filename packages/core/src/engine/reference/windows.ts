/** Layers that slide a window over planes: convolution and pools. All tensors [batch, channels, height, width]. */
import type { ConvLayer, Pair, Shape } from "../../layers.ts";
import { linearMap } from "./kinds.ts";
import { addProduct, addProductTransposed, type Matrix, matrix, transposed } from "./matrix.ts";
import type { Done, Pass } from "./pass.ts";
import { bilinear, type Product } from "./products.ts";

interface Window {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
}

/**
 * Where one entry (ky, kx) of a window meets the plane: output (oy, ox) and input (oy·stride + ky − padding,
 * ox·stride + kx − padding), as `runs` rows of `length` pairs. Padding is left out. Indices in row-major order.
 */
interface Tap {
  readonly runs: number;
  readonly length: number;
  /** First pair: index in the output's plane and in the input's. */
  readonly p: number;
  readonly q: number;
  /** From one run to the next. */
  readonly nextP: number;
  readonly nextQ: number;
  /** From one pair to the next in the input; in the output, it is 1. */
  readonly stride: number;
}

/** One for each entry of the window, in row-major order. */
function tapsOf({ kernel, stride, padding }: Window, [, height, width]: Shape, [, rows, columns]: Shape): Tap[] {
  /** Positions of the output, from … to − 1, for which a window's entry k lies within the plane. */
  const inside = (axis: 0 | 1, k: number, size: number, count: number): [from: number, to: number] => {
    const from = Math.max(0, Math.ceil((padding[axis] - k) / stride[axis]));
    return [from, Math.max(from, Math.min(count, Math.floor((size - 1 + padding[axis] - k) / stride[axis]) + 1))];
  };
  const taps: Tap[] = [];
  for (let ky = 0; ky < kernel[0]; ky++) {
    const [top, bottom] = inside(0, ky, height, rows);
    for (let kx = 0; kx < kernel[1]; kx++) {
      const [left, right] = inside(1, kx, width, columns);
      taps.push({
        runs: bottom - top,
        length: right - left,
        p: top * columns + left,
        q: (top * stride[0] + ky - padding[0]) * width + left * stride[1] + kx - padding[1],
        nextP: columns,
        nextQ: stride[0] * width,
        stride: stride[1],
      });
    }
  }
  return taps;
}

const planeOf = ([, height, width]: Shape): number => height * width;

/** y[p] += factor · x[q] over the pairs of a tap; planes start at atY and atX. */
function toOutput(tap: Tap, factor: number, x: Float64Array, atX: number, y: Float64Array, atY: number): void {
  for (let run = 0; run < tap.runs; run++) {
    const first = atY + tap.p + run * tap.nextP;
    let q = atX + tap.q + run * tap.nextQ;
    for (let p = first; p < first + tap.length; p++, q += tap.stride) y[p] = y[p]! + factor * x[q]!;
  }
}

/** x[q] += factor · y[p]. */
function toInput(tap: Tap, factor: number, y: Float64Array, atY: number, x: Float64Array, atX: number): void {
  for (let run = 0; run < tap.runs; run++) {
    const first = atY + tap.p + run * tap.nextP;
    let q = atX + tap.q + run * tap.nextQ;
    for (let p = first; p < first + tap.length; p++, q += tap.stride) x[q] = x[q]! + factor * y[p]!;
  }
}

/**
 * y[n, o, p] = bias[o] + Σ w[o, i, k] · x[n, i + first of o's group, q] over i and the pairs (p, q) of each tap k: for an example
 * and a group the product of two matrices, w [outputs, (i, k)] and what the taps see, [(i, k), p].
 */
export function conv(layer: ConvLayer, inputShape: Shape, shape: Shape, x: Float64Array, pass: Pass): Done {
  const { inputs, outputs, groups } = layer;
  const [inputPlane, plane] = [planeOf(inputShape), planeOf(shape)];
  const [groupInputs, groupOutputs] = [inputs / groups, outputs / groups];
  const taps = tapsOf(layer, inputShape, shape);
  const depth = groupInputs * taps.length;

  /** Calls with each example and group: where its planes start in x, and its outputs in y. */
  const each = (visit: (atX: number, atY: number, group: number) => void): void => {
    for (let n = 0; n < pass.batch; n++)
      for (let group = 0; group < groups; group++)
        visit((n * inputs + group * groupInputs) * inputPlane, (n * outputs + group * groupOutputs) * plane, group);
  };
  const ofW = (w: Float64Array, group: number): Matrix => matrix(w, group * groupOutputs * depth, groupOutputs, depth);
  const ofY = (y: Float64Array, atY: number): Matrix => matrix(y, atY, groupOutputs, plane);
  /** Calls with each plane of the group in x, tap, and row of what the taps see. */
  const eachRow = (atX: number, visit: (atPlane: number, tap: Tap, atRow: number) => void): void => {
    for (let i = 0; i < groupInputs; i++)
      for (const [t, tap] of taps.entries()) visit(atX + i * inputPlane, tap, (i * taps.length + t) * plane);
  };
  const seen = (values: Float64Array, atX: number): Matrix => {
    const rows = new Float64Array(depth * plane);
    eachRow(atX, (atPlane, tap, atRow) => toOutput(tap, 1, values, atPlane, rows, atRow));
    return matrix(rows, 0, depth, plane);
  };

  const product: Product = {
    apply(w, values) {
      const y = new Float64Array(pass.batch * outputs * plane);
      each((atX, atY, group) => addProduct(ofW(w, group), seen(values, atX), ofY(y, atY)));
      return y;
    },
    toInput(w, dy) {
      const dx = new Float64Array(pass.batch * inputs * inputPlane);
      each((atX, atY, group) => {
        const rows = new Float64Array(depth * plane);
        addProduct(transposed(ofW(w, group)), ofY(dy, atY), matrix(rows, 0, depth, plane));
        eachRow(atX, (atPlane, tap, atRow) => toInput(tap, 1, rows, atRow, dx, atPlane));
      });
      return dx;
    },
    toWeight(dy, values, dw) {
      each((atX, atY, group) => addProductTransposed(ofY(dy, atY), seen(values, atX), ofW(dw, group)));
    },
  };
  return bilinear(layer, plane, product, x, pass);
}

/** The gradient goes to the one that won: the first of equals. As in PyTorch, a NaN beats every number. */
export function maxPool(layer: Window, inputShape: Shape, shape: Shape, x: Float64Array, { batch }: Pass): Done {
  const [inputPlane, plane] = [planeOf(inputShape), planeOf(shape)];
  const taps = tapsOf(layer, inputShape, shape);
  const winners = new Int32Array(batch * shape[0] * plane).fill(-1); // indices in x
  for (let c = 0; c < batch * shape[0]; c++) {
    for (const { runs, length, p, q, nextP, nextQ, stride } of taps) {
      for (let run = 0; run < runs; run++) {
        for (let i = 0; i < length; i++) {
          const to = c * plane + p + run * nextP + i;
          const from = c * inputPlane + q + run * nextQ + i * stride;
          const best = winners[to]!;
          if (best < 0 || x[from]! > x[best]! || Number.isNaN(x[from]!)) winners[to] = from;
        }
      }
    }
  }
  return linearMap(
    x,
    (values) => Float64Array.from(winners, (from) => values[from]!),
    (dy) => {
      const dx = new Float64Array(x.length);
      for (const [to, from] of winners.entries()) dx[from] = dx[from]! + dy[to]!;
      return dx;
    },
  );
}

/** The sum over the window, padding as zeros, by the window's size. */
export function averagePool(layer: Window, inputShape: Shape, shape: Shape, x: Float64Array, { batch }: Pass): Done {
  const [inputPlane, plane] = [planeOf(inputShape), planeOf(shape)];
  const taps = tapsOf(layer, inputShape, shape);
  const share = 1 / (layer.kernel[0] * layer.kernel[1]);
  const planes = batch * shape[0];
  return linearMap(
    x,
    (values) => {
      const y = new Float64Array(planes * plane);
      for (let c = 0; c < planes; c++)
        for (const tap of taps) toOutput(tap, share, values, c * inputPlane, y, c * plane);
      return y;
    },
    (dy) => {
      const dx = new Float64Array(x.length);
      for (let c = 0; c < planes; c++) for (const tap of taps) toInput(tap, share, dy, c * plane, dx, c * inputPlane);
      return dx;
    },
  );
}
