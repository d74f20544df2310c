/**
 * One pass forward and one back over the nodes of an architecture, in float64; and how both change along a direction, which
 * is a Hessian-vector product.
 */
import type { Node, Shape } from "../../layers.ts";
import * as kinds from "./kinds.ts";
import { linear } from "./products.ts";
import { averagePool, conv, maxPool } from "./windows.ts";

/** By parameter name. */
export type Tensors = Record<string, Float64Array>;

export interface Pass {
  readonly batch: number;
  /** States too: mode "step" remembers the batch's statistics in them. */
  readonly weights: Tensors;
  /** "train": batch norm normalises by the batch. "step": it also remembers, and dropout drops. "evaluate": neither. */
  readonly mode: "step" | "train" | "evaluate";
  readonly dropoutSeed?: number;
}

/** What came out, and the way back. */
export interface Done {
  readonly output: Float64Array;
  /** Adds the gradients of the parameters that `gradients` names, returns that of each input. Linear in dy. */
  backward(dy: Float64Array, gradients: Tensors): readonly Float64Array[];
  /** Along changes `tx` of the inputs and `tw` of the parameters; one that `tw` does not name stays. */
  along(tx: readonly Float64Array[], tw: Readonly<Tensors>): Along;
}

/** Derivatives, at the pass that was done, along a direction. The prefix t stands for tangent: `ty` is that of y. */
export interface Along {
  readonly output: Float64Array;
  /**
   * How `backward(dy)` itself changes, for a dy that stays: adds to the gradients' tangents, returns that of each input's
   * gradient. Left out where it does not: the kind is linear where it stands.
   */
  curve?(dy: Float64Array, tangents: Tensors): readonly Float64Array[];
}

/** Images and the output's gradient [batch, …]. `backward` returns the gradient of the images. */
export function forward(nodes: readonly Node[], images: Float64Array, pass: Pass) {
  const done: Done[] = [];
  const outputOf = (index: number): Float64Array => (index < 0 ? images : done[index]!.output);
  for (const [index, node] of nodes.entries()) {
    const [x, other] = node.inputs.map(outputOf);
    done.push(run(node, index, x!, other, pass));
  }
  const output = outputOf(nodes.length - 1);
  return {
    output,
    backward(dy: Float64Array, gradients: Tensors): Float64Array {
      for (const values of Object.values(gradients)) values.fill(0);
      const sums = received(nodes, dy);
      for (let i = nodes.length - 1; i >= 0; i--) {
        const here = sums.take(i);
        if (here) sums.pass(i, done[i]!.backward(here, gradients));
      }
      return sums.take(-1)!;
    },
    /** Along a change of the parameters by `tw`: the output's tangent, and those of all gradients. */
    along(tw: Readonly<Tensors>) {
      const still = new Float64Array(images.length);
      const moved: Along[] = [];
      const tangentOf = (index: number): Float64Array => (index < 0 ? still : moved[index]!.output);
      for (const [index, node] of nodes.entries()) moved.push(done[index]!.along(node.inputs.map(tangentOf), tw));
      return {
        output: tangentOf(nodes.length - 1),
        /** Fills `tangents`: of the gradients that `backward(dy)` fills, where dy changes by `tdy`. */
        backward(dy: Float64Array, tdy: Float64Array, tangents: Tensors): void {
          for (const values of Object.values(tangents)) values.fill(0);
          const [sums, tangentSums] = [received(nodes, dy), received(nodes, tdy)];
          for (let i = nodes.length - 1; i >= 0; i--) {
            const [dyHere, tdyHere] = [sums.take(i), tangentSums.take(i)];
            if (!dyHere || !tdyHere) continue;
            tangentSums.pass(i, done[i]!.backward(tdyHere, tangents));
            const curved = moved[i]!.curve?.(dyHere, tangents);
            if (curved) tangentSums.pass(i, curved);
            sums.pass(i, done[i]!.backward(dyHere, {}));
          }
        },
      };
    },
  };
}

/**
 * Gradients on their way back: a node that is read by several gets the sum, one that nothing reads gets none. What is taken
 * is let go: deep nets would fill the memory.
 */
function received(nodes: readonly Node[], dy: Float64Array) {
  const sums = new Map([[nodes.length - 1, dy]]); // −1 = the images
  return {
    take(index: number): Float64Array | undefined {
      const sum = sums.get(index);
      sums.delete(index);
      return sum;
    },
    pass(index: number, dx: readonly Float64Array[]): void {
      for (const [i, from] of nodes[index]!.inputs.entries()) {
        const [sum, more] = [sums.get(from), dx[i]!];
        sums.set(from, sum ? sum.map((value, k) => value + more[k]!) : more); // never in place: both may be held elsewhere
      }
    },
  };
}

function run(
  { layer, inputShape, shape }: Node,
  index: number,
  x: Float64Array,
  other: Float64Array | undefined,
  pass: Pass,
): Done {
  switch (layer.kind) {
    case "conv":
      return conv(layer, inputShape, shape, x, pass);
    case "linear":
      return linear(layer, x, pass);
    case "batch-norm":
      return kinds.batchNorm(layer, shape, x, pass);
    case "relu":
      return kinds.relu(x);
    case "relu6":
      return kinds.relu6(x);
    case "max-pool":
      return maxPool(layer, inputShape, shape, x, pass);
    case "average-pool":
      return averagePool(layer, inputShape, shape, x, pass);
    case "global-average-pool":
      return averagePool(wholePlane(inputShape), inputShape, shape, x, pass);
    case "add":
      return kinds.add(x, other!);
    case "option-a":
      return kinds.optionA(layer, inputShape, shape, x, pass);
    case "dropout":
      return kinds.dropout(layer, index, x, pass);
    case "flatten":
      return kinds.linearMap(
        x,
        (values) => values,
        (dy) => dy,
      );
  }
}

const wholePlane = ([, height, width]: Shape) =>
  ({ kernel: [height, width], stride: [1, 1], padding: [0, 0] }) as const;
