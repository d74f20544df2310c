/**
 * Layers that multiply a weight with their input: y = B(w, x) + bias, with B linear in each of the two. All they need is B
 * and the way back through it to either side; how they change along a direction follows from that.
 */
import type { LinearLayer } from "../../layers.ts";
import { addProduct, addProductTransposed, matrix, transposed } from "./matrix.ts";
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
export function linear({ name, inputs, outputs }: LinearLayer, x: Float64Array, pass: Pass): Done {
  const { batch } = pass;
  const ofX = (values: Float64Array) => matrix(values, 0, batch, inputs);
  const ofY = (values: Float64Array) => matrix(values, 0, batch, outputs);
  const ofW = (values: Float64Array) => matrix(values, 0, outputs, inputs);
  const product: Product = {
    apply(w, values) {
      const y = new Float64Array(batch * outputs);
      addProductTransposed(ofX(values), ofW(w), ofY(y));
      return y;
    },
    toInput(w, dy) {
      const dx = new Float64Array(batch * inputs);
      addProduct(ofY(dy), ofW(w), ofX(dx));
      return dx;
    },
    toWeight: (dy, values, dw) => addProduct(transposed(ofY(dy)), ofX(values), ofW(dw)),
  };
  return bilinear({ name, outputs }, 1, product, x, pass);
}
