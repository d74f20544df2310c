/** One pass forward and one back over the nodes of an architecture, in float64. */
import type { Node, Shape } from "../../layers.ts";
import * as kinds from "./kinds.ts";
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

/** What came out, and the way back: adds the gradients of parameters to `gradients`, returns that of each input. */
export interface Done {
  readonly output: Float64Array;
  backward(dy: Float64Array, gradients: Tensors): readonly Float64Array[];
}

/** Images and the output's gradient [batch, …]. `backward` returns the gradient of the images. */
export function forward(nodes: readonly Node[], images: Float64Array, pass: Pass) {
  const done: Done[] = [];
  const outputOf = (index: number): Float64Array => (index < 0 ? images : done[index]!.output);
  for (const [index, node] of nodes.entries()) {
    const [x, other] = node.inputs.map(outputOf);
    done.push(run(node, index, x!, other, pass));
  }
  return {
    output: outputOf(nodes.length - 1),
    backward(dy: Float64Array, gradients: Tensors): Float64Array {
      for (const values of Object.values(gradients)) values.fill(0);
      // gradients of the images and of each node's output; a node that is read by several gets the sum
      const sums = [images, ...done.map(({ output }) => output)].map((x) => new Float64Array(x.length));
      sums.at(-1)!.set(dy);
      for (const [index, node] of [...nodes.entries()].reverse()) {
        const dx = done[index]!.backward(sums[index + 1]!, gradients);
        for (const [i, from] of node.inputs.entries()) {
          const sum = sums[from + 1]!;
          for (let k = 0; k < sum.length; k++) sum[k] = sum[k]! + dx[i]![k]!;
        }
      }
      return sums[0]!;
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
      return kinds.linear(layer, x, pass);
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
      return { output: x, backward: (dy) => [dy] };
  }
}

const wholePlane = ([, height, width]: Shape) =>
  ({ kernel: [height, width], stride: [1, 1], padding: [0, 0] }) as const;
