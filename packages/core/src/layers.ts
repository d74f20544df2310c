/**
 * A model is a list of layer descriptors: shapes and flags, no tensors. Engines compile it, `flops.ts` counts it,
 * `parameters` names what it learns. Layers run in order; each reads the output of the one before it, unless `input`
 * names an earlier layer (or "images"): that is how branches are written.
 *
 * Every rule of a kind that is not an engine's business stands here: shapes, parameters, what fits. Semantics are
 * PyTorch's (cross-correlation, biased variance to normalise and unbiased to remember, average pools count padding).
 */
import { Problem } from "./problem.ts";

/** Shape of one example: channels, height, width. After `flatten` and `linear`: features, 1, 1. */
export type Shape = readonly [channels: number, height: number, width: number];
export type Pair = readonly [vertical: number, horizontal: number];

interface Placed {
  readonly name?: string;
  /** Layer whose output is read; default: the one before, or the images. */
  readonly input?: string;
}
interface Named extends Placed {
  /** Unique; what parameters and branches are named after. */
  readonly name: string;
}

/** weight [outputs, inputs ÷ groups, kernel height, kernel width], bias [outputs]. */
export interface ConvLayer extends Named {
  readonly kind: "conv";
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: Pair;
  readonly stride: Pair;
  /** Rows and columns of zeros on each side. */
  readonly padding: Pair;
  /** Divides inputs and outputs; groups = inputs is a depthwise convolution. */
  readonly groups: number;
  readonly bias: boolean;
  /** May methods prune its weight? */
  readonly prunable: boolean;
}

/** weight [outputs, inputs], bias [outputs]. Reads [inputs, 1, 1]. */
export interface LinearLayer extends Named {
  readonly kind: "linear";
  readonly inputs: number;
  readonly outputs: number;
  readonly bias: boolean;
  /** May methods prune its weight? In the DLTH rule the classifier is not prunable. */
  readonly prunable: boolean;
}

/**
 * Over batch and space, by channel: weight (γ) and bias (β) are learned, running_mean and running_var are state.
 * In training, normalises by the batch's mean and biased variance, and remembers 0.9 · running + 0.1 · the batch's mean and
 * unbiased variance; a single value a channel counts as variance 0. In evaluation, normalises by what is remembered. ε = 1e-5.
 */
export interface BatchNormLayer extends Named {
  readonly kind: "batch-norm";
  readonly channels: number;
}
export const BATCH_NORM_EPSILON = 1e-5;
export const BATCH_NORM_MOMENTUM = 0.1;

/** max(x, 0), and min(that, 6) for "relu6". */
export interface ReluLayer extends Placed {
  readonly kind: "relu" | "relu6";
}

/** Padding never wins a maximum (the first of equals does, in row-major order), and counts as zeros in an average. */
export interface PoolLayer extends Placed {
  readonly kind: "max-pool" | "average-pool";
  readonly kernel: Pair;
  readonly stride: Pair;
  /** At most half the kernel. */
  readonly padding: Pair;
}

/** [channels, height, width] → [channels, 1, 1]. */
export interface GlobalPoolLayer extends Placed {
  readonly kind: "global-average-pool";
}

/** The sum of two layers' outputs of one shape. */
export interface AddLayer extends Placed {
  readonly kind: "add";
  readonly other: string;
}

/**
 * A residual net's shortcut without parameters (He et al. 2016, option A): every stride-th pixel, from the first, and channels of
 * zeros, ⌊(outputs − inputs) ÷ 2⌋ before and the rest after.
 */
export interface ShortcutLayer extends Placed {
  readonly kind: "option-a";
  readonly inputs: number;
  readonly outputs: number;
  readonly stride: number;
}

/** In training, each value is 0 with probability `rate`, else divided by 1 − rate. Which: `dropout.ts`. */
export interface DropoutLayer extends Named {
  readonly kind: "dropout";
  /** 0 ≤ rate < 1 */
  readonly rate: number;
}

/** [channels, height, width] → [channels · height · width, 1, 1]; costs nothing. */
export interface FlattenLayer extends Placed {
  readonly kind: "flatten";
}

export type Layer =
  | ConvLayer
  | LinearLayer
  | BatchNormLayer
  | ReluLayer
  | PoolLayer
  | GlobalPoolLayer
  | AddLayer
  | ShortcutLayer
  | DropoutLayer
  | FlattenLayer;

export interface Architecture {
  readonly input: Shape;
  readonly classes: number;
  readonly layers: readonly Layer[];
}

/** A layer in its place. */
export interface Node {
  readonly layer: Layer;
  /** Indices of the nodes read (one; two for "add"); −1 = the images. */
  readonly inputs: readonly number[];
  /** Of the (first) input and of the output, of one example. */
  readonly inputShape: Shape;
  readonly shape: Shape;
}

/**
 * Resolves names and shapes, in the layers' order; the last node is the output, [classes, 1, 1]. Throws Problem
 * "bad-request" where layers do not fit each other: what was expected, what came, and at which layer.
 */
export function nodesOf({ input, classes, layers }: Architecture): readonly Node[] {
  const nodes: Node[] = [];
  const byName = new Map<string, number>([["images", -1]]);
  const shapeOf = (index: number): Shape => (index < 0 ? input : nodes[index]!.shape);
  for (const [i, layer] of layers.entries()) {
    const label = layer.name ?? `${i} (${layer.kind})`;
    const find = (name: string | undefined): number => {
      if (name === undefined) return i - 1;
      const index = byName.get(name);
      if (index === undefined) throw misfit(label, "an input that is an earlier layer", name);
      return index;
    };
    const inputs = layer.kind === "add" ? [find(layer.input), find(layer.other)] : [find(layer.input)];
    const inputShape = shapeOf(inputs[0]!);
    const shape = outputShape(layer, inputShape, label);
    if (inputs.length > 1) expectShape(label, shapeOf(inputs[1]!), inputShape);
    nodes.push({ layer, inputs, inputShape, shape });
    if (layer.name === undefined) continue;
    if (byName.has(layer.name)) throw misfit(label, "a name of its own", layer.name);
    byName.set(layer.name, i);
  }
  expectShape("the last", shapeOf(nodes.length - 1), [classes, 1, 1]);
  return nodes;
}

const misfit = (label: string, expected: string, got: string): Problem =>
  new Problem("bad-request", `layer ${label}: expected ${expected}; got ${got}`);

function expectShape(label: string, got: Shape, expected: Shape): void {
  if (expected.some((size, i) => size !== got[i])) throw misfit(label, expected.join(" × "), got.join(" × "));
}

function outputShape(layer: Layer, [channels, height, width]: Shape, label: string): Shape {
  const shape: Shape = [channels, height, width];
  switch (layer.kind) {
    case "conv": {
      expectShape(label, shape, [layer.inputs, height, width]);
      const { inputs, outputs, groups } = layer;
      if (groups < 1 || inputs % groups !== 0 || outputs % groups !== 0)
        throw misfit(label, `groups that divide ${inputs} inputs and ${outputs} outputs`, `${groups}`);
      return [outputs, ...slide(layer, height, width, label)];
    }
    case "linear":
      expectShape(label, shape, [layer.inputs, 1, 1]);
      return [layer.outputs, 1, 1];
    case "batch-norm":
      expectShape(label, shape, [layer.channels, height, width]);
      return shape;
    case "max-pool":
    case "average-pool":
      if (layer.padding.some((padding, i) => 2 * padding > layer.kernel[i]!))
        throw misfit(label, "padding of at most half the kernel", layer.padding.join(" × "));
      return [channels, ...slide(layer, height, width, label)];
    case "global-average-pool":
      return [channels, 1, 1];
    case "option-a": {
      expectShape(label, shape, [layer.inputs, height, width]);
      if (layer.outputs < layer.inputs) throw misfit(label, `at least ${layer.inputs} outputs`, `${layer.outputs}`);
      return [layer.outputs, Math.ceil(height / layer.stride), Math.ceil(width / layer.stride)];
    }
    case "flatten":
      return [channels * height * width, 1, 1];
    case "relu":
    case "relu6":
    case "add":
      return shape;
    case "dropout":
      if (!(layer.rate >= 0 && layer.rate < 1)) throw misfit(label, "0 ≤ rate < 1", `${layer.rate}`);
      return shape;
  }
}

/** Positions of a window over a padded plane. */
function slide(
  { kernel, stride, padding }: { readonly kernel: Pair; readonly stride: Pair; readonly padding: Pair },
  height: number,
  width: number,
  label: string,
): [number, number] {
  const count = (size: number, axis: 0 | 1): number =>
    Math.floor((size + 2 * padding[axis] - kernel[axis]) / stride[axis]) + 1;
  const [rows, columns] = [count(height, 0), count(width, 1)];
  if (!(rows >= 1 && columns >= 1))
    throw misfit(label, `a plane that holds a window of ${kernel.join(" × ")}`, `${height} × ${width}`);
  return [rows, columns];
}

export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly size: number;
  /**
   * "weight": of a convolution or linear layer, the only kind that is ever pruned. "bias": of those. "scale" and "shift": γ and β
   * of a batch norm. "state": its running mean and variance, which no gradient reaches and no update changes.
   */
  readonly kind: "weight" | "bias" | "scale" | "shift" | "state";
  readonly prunable: boolean;
  /** Inputs that one output sums over; 1 for a batch norm. */
  readonly fanIn: number;
}

/** All parameters and states in the model's order: what `Weights` hold. */
export function parameters(architecture: Architecture): Parameter[] {
  return architecture.layers.flatMap((layer): Parameter[] => {
    if (layer.kind === "batch-norm") {
      const one = { shape: [layer.channels], size: layer.channels, prunable: false, fanIn: 1 };
      return [
        { ...one, name: `${layer.name}.weight`, kind: "scale" },
        { ...one, name: `${layer.name}.bias`, kind: "shift" },
        { ...one, name: `${layer.name}.running_mean`, kind: "state" },
        { ...one, name: `${layer.name}.running_var`, kind: "state" },
      ];
    }
    if (layer.kind !== "linear" && layer.kind !== "conv") return [];
    const { name, outputs, prunable } = layer;
    const shape =
      layer.kind === "conv" ? [outputs, layer.inputs / layer.groups, ...layer.kernel] : [outputs, layer.inputs];
    const size = shape.reduce((product, n) => product * n, 1);
    const fanIn = size / outputs;
    const weight: Parameter = { name: `${name}.weight`, shape, size, kind: "weight", prunable, fanIn };
    const bias: Parameter = {
      name: `${name}.bias`,
      shape: [outputs],
      size: outputs,
      kind: "bias",
      prunable: false,
      fanIn,
    };
    return layer.bias ? [weight, bias] : [weight];
  });
}

/** Those that have gradients and momentum. */
export const learned = (architecture: Architecture): Parameter[] =>
  parameters(architecture).filter(({ kind }) => kind !== "state");
