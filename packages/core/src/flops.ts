/** Multiply-adds of one example through a net: what a weight does once at each position of its layer's output. */
import { type Architecture, nodesOf } from "./layers.ts";
import { countKept, type Mask } from "./mask.ts";

/**
 * Multiply-adds of the whole net, or of its kept weights alone. Zeros of a padding count; biases, batch norms, pools and
 * activations count nothing (ShrinkBench).
 */
export function multiplyAdds(architecture: Architecture, mask?: Mask): number {
  let total = 0;
  for (const { layer, shape } of nodesOf(architecture)) {
    if (layer.kind !== "conv" && layer.kind !== "linear") continue;
    const [outputs, height, width] = shape;
    const taps = layer.kind === "conv" ? (layer.kernel[0] * layer.kernel[1]) / layer.groups : 1;
    const kept = mask?.[`${layer.name}.weight`];
    total += height * width * (kept ? countKept(kept) : outputs * layer.inputs * taps);
  }
  return total;
}
