/**
 * Layers that multiply a weight with their input: y = B(w, x) + bias, with B linear in each of the two. All they need is B
 * and the way back through it to either side; how they change along a direction follows from that.
 */
import type { LinearLayer } from "../../layers.ts";
import type { Done, Pass, Tensors } from "./pass.ts";

export interface Product {
  /** B(w, x). */
  apply(w: Float64Array, x: Float64Array): Float64Array;
  /** Σ dy · ∂B(w, x)/∂x, which x has no part in. */
  toInput(w: Float64Array, dy: Float64Array): Float64Array;
  /** Adds Σ dy · ∂B(w, x)/∂w, which w has no part in, to dw. */
  toWeight(dy: Float64Array, x: Float64Array, dw: Float64Array): void;
}

/** @param plane values of an output's channel */
export function bilinear(
  { name, outputs }: { readonly name: string; readonly outputs: number },
  plane: number,
  { apply, toInput, toWeight }: Product,
  x: Float64Array,
  { weights }: Pass,
): Done {
  const [weightName, biasName] = [`${name}.weight`, `${name}.bias`];
  const w = weights[weightName]!;
  const biased = (y: Float64Array, bias: Float64Array | undefined): Float64Array => {
    if (bias) for (let p = 0; p < y.length; p++) y[p] = y[p]! + bias[Math.floor(p / plane) % outputs]!;
    return y;
  };
  return {
    output: biased(apply(w, x), weights[biasName]),
    backward(dy, gradients) {
      const [dw, dbias] = [gradients[weightName], gradients[biasName]];
      if (dw) toWeight(dy, x, dw);
      if (dbias) {
        for (let p = 0; p < dy.length; p++) {
          const o = Math.floor(p / plane) % outputs;
          dbias[o] = dbias[o]! + dy[p]!;
        }
      }
      return [toInput(w, dy)];
    },
    /** ty = B(w, tx) + B(tw, x) + tbias. */
    along([tx], tws: Readonly<Tensors>) {
      const tw = tws[weightName];
      const ty = apply(w, tx!);
      if (tw) for (const [p, more] of apply(tw, x).entries()) ty[p] = ty[p]! + more;
      return {
        output: biased(ty, tws[biasName]),
        curve(dy, tangents) {
          const tdw = tangents[weightName];
          if (tdw) toWeight(dy, tx!, tdw);
          return [tw ? toInput(tw, dy) : new Float64Array(x.length)];
        },
      };
    },
  };
}

/** y[n, o] = bias[o] + Σ w[o, i] · x[n, i]. */
export function linear(layer: LinearLayer, x: Float64Array, pass: Pass): Done {
  const { inputs, outputs } = layer;
  const { batch } = pass;
  const product: Product = {
    apply(w, values) {
      const y = new Float64Array(batch * outputs);
      for (let n = 0; n < batch; n++) {
        for (let o = 0; o < outputs; o++) {
          let sum = 0;
          for (let i = 0; i < inputs; i++) sum += w[o * inputs + i]! * values[n * inputs + i]!;
          y[n * outputs + o] = sum;
        }
      }
      return y;
    },
    toInput(w, dy) {
      const dx = new Float64Array(batch * inputs);
      for (let n = 0; n < batch; n++) {
        for (let o = 0; o < outputs; o++) {
          const g = dy[n * outputs + o]!;
          for (let i = 0; i < inputs; i++) dx[n * inputs + i] = dx[n * inputs + i]! + g * w[o * inputs + i]!;
        }
      }
      return dx;
    },
    toWeight(dy, values, dw) {
      for (let n = 0; n < batch; n++) {
        for (let o = 0; o < outputs; o++) {
          const g = dy[n * outputs + o]!;
          for (let i = 0; i < inputs; i++) dw[o * inputs + i] = dw[o * inputs + i]! + g * values[n * inputs + i]!;
        }
      }
    },
  };
  return bilinear(layer, 1, product, x, pass);
}
