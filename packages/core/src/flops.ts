/** Multiply-adds of one example through a net: what a layer does once for each of its weights. */
import type { Architecture } from "./layers.ts";
import type { Mask } from "./mask.ts";

/** Multiply-adds of the whole net, or of its kept weights alone. Biases and activations count nothing (ShrinkBench). */
export function multiplyAdds(architecture: Architecture, mask?: Mask): number {
  let total = 0;
  for (const layer of architecture.layers) {
    if (layer.kind !== "linear") continue;
    const kept = mask?.[`${layer.name}.weight`];
    total += kept ? kept.reduce((count, k) => count + k, 0) : layer.inputs * layer.outputs;
  }
  return total;
}
