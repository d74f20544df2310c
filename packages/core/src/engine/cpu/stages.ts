/**
 * An architecture as the kernels see it: a body of convolutions and what belongs to them (sites.ts), then a head of linear
 * stages, each with its ReLU fused. Flattening costs nothing, as [channels, height, width] of one example is contiguous.
 */
import { type Architecture, type Node, nodesOf } from "../../layers.ts";
import { type Body, bodyOf } from "./sites.ts";

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
  /** What comes before the linear layers, if anything does. */
  readonly body: Body | null;
  /** Without a body: a ReLU before the first linear layer. */
  readonly reluOnImages: boolean;
  readonly list: readonly Stage[];
}

/** Throws Problem "bad-request" where layers do not fit each other. */
export function stagesOf(architecture: Architecture): Stages {
  const nodes = nodesOf(architecture);
  const start = headStart(nodes);
  const list: Stage[] = [];
  let reluOnImages = false;
  for (const { layer } of nodes.slice(start)) {
    if (layer.kind === "relu") {
      const last = list.pop();
      if (last) list.push({ ...last, relu: true });
      else reluOnImages = true;
    } else if (layer.kind === "linear") {
      const { name, inputs, outputs, bias } = layer;
      list.push({ name, inputs, outputs, bias, relu: false });
    }
  }
  const { input, classes } = architecture;
  const body = start > 0 || list.length === 0 ? bodyOf(architecture, start) : null;
  return { features: input[0] * input[1] * input[2], classes, body, reluOnImages, list };
}

/**
 * Index of the first layer of the head: the longest chain of linear layers, ReLU and flatten at the end of the net. After a
 * body it begins with a linear layer, so that its ReLU is folded into the body.
 */
function headStart(nodes: readonly Node[]): number {
  const isRead = (index: number): number => nodes.filter(({ inputs }) => inputs.includes(index)).length;
  let start = nodes.length;
  for (; start > 0; start--) {
    const { layer, inputs } = nodes[start - 1]!;
    const inHead = layer.kind === "linear" || layer.kind === "relu" || layer.kind === "flatten";
    if (!inHead || inputs[0] !== start - 2 || isRead(start - 1) > 1 || (start === 1 && isRead(-1) > 1)) break;
  }
  if (start === 0 && nodes.some(({ layer }) => layer.kind === "linear")) return 0;
  while (start < nodes.length && nodes[start]!.layer.kind !== "linear") start++;
  return start;
}
