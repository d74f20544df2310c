/**
 * How sparse a net is, by the definitions people compare with. Compression and theoretical speed-up: Blalock et al. 2020
 * (ShrinkBench, arXiv 2003.03033 §4.2). Effective sparsity: Vysogorets and Kempe 2021 (arXiv 2107.02306).
 */
import { multiplyAdds } from "./flops.ts";
import { type Architecture, type LinearLayer, type Parameter, parameters } from "./layers.ts";
import type { Mask } from "./mask.ts";
import type { Result } from "./result.ts";
import type { MaskedWeights } from "./tensor-file.ts";

const count = (kept: Uint8Array): number => kept.reduce((sum, k) => sum + k, 0);
const weightsOf = (architecture: Architecture): Parameter[] =>
  parameters(architecture).filter(({ kind }) => kind === "weight");

/** Weights and kept weights of each convolution and linear layer, in the model's order. */
export function layerCounts(architecture: Architecture, mask: Mask): Result["layers"] {
  return weightsOf(architecture).map(({ name, size }) => {
    const kept = mask[name];
    return { name, weights: size, kept: kept ? count(kept) : size };
  });
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
  for (const { name, size } of parameters(architecture)) {
    const layerMask = mask[name];
    all += size;
    nonZero += weights[name]!.reduce((sum, w, i) => sum + (w !== 0 && layerMask?.[i] !== 0 ? 1 : 0), 0);
  }
  return {
    real: (total - kept) / total,
    effective: effectiveSparsity(architecture, mask),
    compression: all / Math.max(1, nonZero),
    theoreticalSpeedup: multiplyAdds(architecture) / Math.max(1, multiplyAdds(architecture, mask)),
  };
}

/**
 * Share of the weights that lie on no path of kept weights from an input to an output. Biases carry no path: a unit that
 * no input reaches is a constant. Only for chains of linear layers, ReLU and flatten; that is every model there is.
 */
export function effectiveSparsity(architecture: Architecture, mask: Mask): number {
  const chain = architecture.layers.filter((layer) => layer.kind === "linear");
  const keptOf = ({ name, inputs, outputs }: LinearLayer) =>
    mask[`${name}.weight`] ?? new Uint8Array(inputs * outputs).fill(1);
  const connect = (layer: LinearLayer, from: Uint8Array, forward: boolean): Uint8Array => {
    const kept = keptOf(layer); // [outputs, inputs]
    const to = new Uint8Array(forward ? layer.outputs : layer.inputs);
    for (let o = 0, at = 0; o < layer.outputs; o++) {
      for (let i = 0; i < layer.inputs; i++, at++) {
        if (kept[at] && from[forward ? i : o]) to[forward ? o : i] = 1;
      }
    }
    return to;
  };

  const reached: Uint8Array[] = [new Uint8Array(chain[0]!.inputs).fill(1)]; // by layer: inputs that an input of the net reaches
  for (const layer of chain) reached.push(connect(layer, reached.at(-1)!, true));
  let leads: Uint8Array = new Uint8Array(chain.at(-1)!.outputs).fill(1); // outputs of the layer that lead to an output of the net
  let total = 0;
  let effective = 0;
  for (let l = chain.length - 1; l >= 0; l--) {
    const layer = chain[l]!;
    const kept = keptOf(layer);
    for (let o = 0, at = 0; o < layer.outputs; o++) {
      for (let i = 0; i < layer.inputs; i++, at++) effective += kept[at]! & leads[o]! & reached[l]![i]!;
    }
    total += kept.length;
    leads = connect(layer, leads, false);
  }
  return (total - effective) / total;
}
