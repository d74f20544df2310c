/**
 * A mask says of each prunable weight: 1 kept, 0 pruned. Keyed by parameter name (`fc1.weight`), as `Weights` are.
 * A parameter without a mask is kept whole.
 */
import type { Weights } from "./weights.ts";

export type Mask = Readonly<Record<string, Uint8Array>>;

/** Of the weights of `layers` together, `prune` are pruned. A scope (uniform, erk, global) is a list of quotas. */
export interface Quota {
  readonly layers: readonly string[];
  readonly size: number;
  readonly prune: number;
}

/** A copy of the weights with every pruned weight at +0. */
export function applyMask(weights: Weights, mask: Mask): Weights {
  return Object.fromEntries(
    Object.entries(weights).map(([name, values]) => {
      const kept = mask[name];
      return [name, kept ? values.map((value, i) => (kept[i] ? value : 0)) : values.slice()];
    }),
  );
}
