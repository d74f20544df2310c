/**
 * How sparse a net is, by the definitions people compare with. Compression and theoretical speed-up: Blalock et al. 2020
 * (ShrinkBench, arXiv 2003.03033 §4.2). Effective sparsity: Vysogorets and Kempe 2021 (arXiv 2107.02306).
 */
import { multiplyAdds } from "./flops.ts";
import { type Architecture, learned, type Node, nodesOf, type Parameter, parameters } from "./layers.ts";
import { countKept, type Mask } from "./mask.ts";
import type { Result } from "./result.ts";
import type { MaskedWeights } from "./tensor-file.ts";

const weightsOf = (architecture: Architecture): Parameter[] =>
  parameters(architecture).filter(({ kind }) => kind === "weight");

/** Weights and kept weights of each convolution and linear layer, in the model's order. */
export function layerCounts(architecture: Architecture, mask: Mask): Result["layers"] {
  return weightsOf(architecture).map(({ name, size }) => {
    const kept = mask[name];
    return { name, weights: size, kept: kept ? countKept(kept) : size };
  });
}

/** Layers in a row whose weights have one shape, together: a net of a hundred layers is read by its stages. */
export interface LayerGroup {
  /** Names of the first and the last, the same where there is one. */
  readonly first: string;
  readonly last: string;
  readonly layers: number;
  /** Of each one's weight: [outputs, inputs ÷ groups, kernel height, kernel width] or [outputs, inputs]. */
  readonly shape: readonly number[];
  readonly weights: number;
  readonly kept: number;
}

export function layerGroups(architecture: Architecture, layers: Result["layers"]): LayerGroup[] {
  const byName = new Map(weightsOf(architecture).map((parameter) => [parameter.name, parameter]));
  const groups: LayerGroup[] = [];
  let before = "";
  for (const { name, weights, kept } of layers) {
    const { shape, prunable } = byName.get(name)!;
    const alike = `${shape} ${prunable}`;
    const group = alike === before ? groups.pop()! : { first: name, layers: 0, weights: 0, kept: 0 };
    groups.push({
      first: group.first,
      last: name,
      layers: group.layers + 1,
      shape,
      weights: group.weights + weights,
      kept: group.kept + kept,
    });
    before = alike;
  }
  return groups;
}

/** All measures of a trained net; a masked weight counts as zero, and so does a kept one that is exactly 0. */
export function measureSparsity(
  architecture: Architecture,
  { mask, weights }: MaskedWeights,
): NonNullable<Result["sparsity"]> {
  const layers = layerCounts(architecture, mask);
  const total = layers.reduce((sum, layer) => sum + layer.weights, 0);
  const kept = layers.reduce((sum, layer) => sum + layer.kept, 0);
  let all = 0;
  let nonZero = 0;
  for (const { name, size } of learned(architecture)) {
    const layerMask = mask[name];
    const values = weights[name]!;
    all += size;
    for (let i = 0; i < size; i++) if (values[i] !== 0 && layerMask?.[i] !== 0) nonZero++;
  }
  return {
    real: (total - kept) / total,
    effective: effectiveSparsity(architecture, mask),
    compression: all / Math.max(1, nonZero),
    theoreticalSpeedup: multiplyAdds(architecture) / Math.max(1, multiplyAdds(architecture, mask)),
  };
}

/**
 * Share of the weights that lie on no path of kept weights from an input to an output. A unit is a channel (after `flatten`,
 * a feature); it is alive if any path reaches it. Biases and batch norms' shifts carry none: a unit that no input reaches is a
 * constant. Nor does it matter where on the plane a path runs.
 */
export function effectiveSparsity(architecture: Architecture, mask: Mask): number {
  const nodes = nodesOf(architecture);
  const images = new Uint8Array(architecture.input[0]).fill(1);
  const units = (): Uint8Array[] => nodes.map(({ shape }) => new Uint8Array(shape[0]));

  const reached = units(); // by node: units that an image reaches
  for (const [i, node] of nodes.entries()) {
    for (const input of node.inputs) {
      const from = input < 0 ? images : reached[input]!;
      connect(node, mask, (a, b) => {
        reached[i]![b]! |= from[a]!;
      });
    }
  }

  const leads = units(); // by node: units that lead to an output of the net
  leads.at(-1)?.fill(1);
  let effective = 0;
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]!;
    for (const input of node.inputs) {
      if (input < 0) continue;
      connect(node, mask, (a, b) => {
        leads[input]![a]! |= leads[i]![b]!;
      });
    }
    if (node.layer.kind !== "conv" && node.layer.kind !== "linear") continue;
    const from = node.inputs[0]! < 0 ? images : reached[node.inputs[0]!]!;
    connect(node, mask, (a, b, weights) => {
      if (from[a]! & leads[i]![b]!) effective += weights;
    });
  }
  const total = weightsOf(architecture).reduce((sum, { size }) => sum + size, 0);
  return (total - effective) / total;
}

/** Calls `edge` for each pair of units, of an input and of the output, that the node connects, and by how many kept weights. */
function connect(
  { layer, inputShape, shape }: Node,
  mask: Mask,
  edge: (from: number, to: number, weights: number) => void,
) {
  if (layer.kind === "conv" || layer.kind === "linear") {
    const kept = mask[`${layer.name}.weight`];
    const { groups, kernel } = layer.kind === "conv" ? layer : { groups: 1, kernel: [1, 1] };
    const taps = kernel[0]! * kernel[1]!;
    const inputs = layer.inputs / groups;
    for (let o = 0, at = 0; o < layer.outputs; o++) {
      const first = Math.floor((o * groups) / layer.outputs) * inputs; // of the output's group
      for (let i = 0; i < inputs; i++, at += taps) {
        let weights = kept ? 0 : taps;
        if (kept) for (let tap = 0; tap < taps; tap++) weights += kept[at + tap]!;
        if (weights > 0) edge(first + i, o, weights);
      }
    }
  } else if (layer.kind === "flatten") {
    const plane = inputShape[1] * inputShape[2];
    for (let o = 0; o < shape[0]; o++) edge(Math.floor(o / plane), o, 1);
  } else {
    const before = Math.floor((shape[0] - inputShape[0]) / 2); // of option A's channels of zeros; otherwise 0
    for (let i = 0; i < inputShape[0]; i++) edge(i, before + i, 1);
  }
}
