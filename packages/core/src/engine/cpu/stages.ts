/**
 * An architecture as the kernels see it: linear stages, each with its ReLU fused, and maybe a ReLU on the images.
 * Flattening costs nothing, as [channels, height, width] of one example is contiguous.
 */
import type { Architecture } from "../../layers.ts";
import { Problem } from "../../problem.ts";

export interface Stage {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly bias: boolean;
  /** Is the output gated at 0? */
  readonly relu: boolean;
}

export interface Stages {
  /** Values of one example: channels · height · width. */
  readonly features: number;
  readonly classes: number;
  readonly reluOnImages: boolean;
  readonly list: readonly Stage[];
}

/** Throws Problem "bad-request" where layers do not fit each other. */
export function stagesOf(architecture: Architecture): Stages {
  const [channels, height, width] = architecture.input;
  const features = channels * height * width;
  const list: Stage[] = [];
  let reluOnImages = false;
  let values = features;
  for (const layer of architecture.layers) {
    if (layer.kind === "flatten") continue;
    if (layer.kind === "relu") {
      const last = list.pop();
      if (last) list.push({ ...last, relu: true });
      else reluOnImages = true;
      continue;
    }
    if (layer.kind !== "linear") {
      throw new Problem("engine-unavailable", `cpu engine: no kernel for layer ${(layer as { kind: string }).kind}`);
    }
    if (layer.inputs !== values) {
      throw new Problem(
        "bad-request",
        `layer ${layer.name}: expected ${values} inputs, as the layer before gives; got ${layer.inputs}`,
      );
    }
    list.push({ name: layer.name, inputs: values, outputs: layer.outputs, bias: layer.bias, relu: false });
    values = layer.outputs;
  }
  if (list.length === 0 || values !== architecture.classes) {
    throw new Problem(
      "bad-request",
      `architecture: expected linear layers that end in ${architecture.classes} classes; got ${list.length} that end in ${values}`,
    );
  }
  return { features, classes: architecture.classes, reluOnImages, list };
}

/** Of one forward pass over one example. */
export const multiplyAdds = (stages: Stages): number =>
  stages.list.reduce((sum, { inputs, outputs }) => sum + inputs * outputs, 0);
