/**
 * A model is a list of layer descriptors: shapes and flags, no tensors. Engines compile it, `flops.ts` counts it,
 * `parameters` names what it learns. Layers run in order, each on the output of the one before it.
 */
export interface LinearLayer {
  readonly kind: "linear";
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly bias: boolean;
  /** May methods prune its weight? In the DLTH rule the classifier is not prunable. */
  readonly prunable: boolean;
}

export interface ReluLayer {
  readonly kind: "relu";
}

/** [channels, height, width] → [channels · height · width]; costs nothing. */
export interface FlattenLayer {
  readonly kind: "flatten";
}

export type Layer = LinearLayer | ReluLayer | FlattenLayer;

/** Shape of one example: channels, height, width. */
export type Shape = readonly [channels: number, height: number, width: number];

export interface Architecture {
  readonly input: Shape;
  readonly classes: number;
  readonly layers: readonly Layer[];
}

export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly size: number;
  /** "weight" = weight of a convolution or linear layer; the others are never pruned. */
  readonly kind: "weight" | "bias";
  readonly prunable: boolean;
  readonly fanIn: number;
}

/** All parameters in the model's order. */
export function parameters(architecture: Architecture): Parameter[] {
  return architecture.layers.flatMap((layer): Parameter[] => {
    if (layer.kind !== "linear") return [];
    const { name, inputs, outputs, prunable } = layer;
    const size = inputs * outputs;
    const weight: Parameter = {
      name: `${name}.weight`,
      shape: [outputs, inputs],
      size,
      kind: "weight",
      prunable,
      fanIn: inputs,
    };
    const bias: Parameter = {
      name: `${name}.bias`,
      shape: [outputs],
      size: outputs,
      kind: "bias",
      prunable: false,
      fanIn: inputs,
    };
    return layer.bias ? [weight, bias] : [weight];
  });
}
