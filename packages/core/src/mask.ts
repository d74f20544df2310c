/**
 * A mask says of each prunable weight: 1 kept, 0 pruned. Keyed by parameter name (`fc1.weight`), as `Weights` are.
 * A parameter without a mask is kept whole. Which weights a method prunes is decided here: how many (quotas), and which
 * of them (picking). Rules: DLTH, `meta_pruner.py:85-119`.
 */
import { power } from "./power.ts";
import type { Rng } from "./rng.ts";
import type { Weights } from "./weights.ts";

export type Mask = Readonly<Record<string, Uint8Array>>;

/** Of the weights of `layers` together, `prune` are pruned. A scope (uniform, erk, global) is a list of quotas. */
export interface Quota {
  readonly layers: readonly string[];
  readonly size: number;
  readonly prune: number;
}

/** Which weights of a quota are pruned: drawn at random, or by |w|, ties to the lowest index. */
export type PickRule = "random" | "smallest" | "largest";

/**
 * Cuts of the rounds before, which stay cut. "index": the same weights. "magnitude", as the authors do it: as many
 * weights as were cut before, but the smallest ones now; the same weights only if extrusion made them the smallest.
 */
export interface Earlier {
  readonly mask: Mask;
  readonly by: "index" | "magnitude";
}

/**
 * Scope "uniform": the same share in each layer; never all of a layer. Round c of N prunes 1 − (1 − s)^(c/N), so that
 * each round takes the same share of what is left; round N prunes s itself, free of rounding.
 * @param sizes weights of each prunable layer
 * @param sparsity 0 ≤ s < 1
 * @param round from 1
 */
export function uniformQuotas(
  sizes: Readonly<Record<string, number>>,
  sparsity: number,
  round = 1,
  rounds = 1,
): readonly Quota[] {
  const share = round === rounds ? sparsity : 1 - power(1 - sparsity, round / rounds);
  return Object.entries(sizes).map(([layer, size]) => ({ layers: [layer], size, prune: pruneCount(share, size) }));
}

/** min(ceil(s·n), n − 1), of the float64 product as the authors' code has it; 0 for s = 0. */
export const pruneCount = (share: number, size: number): number => Math.min(Math.ceil(share * size), size - 1);

/**
 * Chooses which weights are pruned: a mask that fills every quota exactly.
 * @param weights of every layer named in the quotas; |w| decides for "smallest" and "largest"
 * @param rng drawn from by rule "random" alone, one stream a quota, named after its layers
 */
export function pick(quotas: readonly Quota[], weights: Weights, rule: PickRule, rng: Rng, earlier?: Earlier): Mask {
  const mask: Record<string, Uint8Array> = {};
  for (const quota of quotas) {
    const values = concatenate(quota.layers.map((layer) => weights[layer]!));
    if (values.length !== quota.size) throw new Error(`quota of ${quota.layers}: ${quota.size} ≠ ${values.length}`);
    const old = earlier && concatenateBytes(quota.layers.map((layer) => earlier.mask[layer]!));
    const kept = new Uint8Array(quota.size).fill(1);
    for (const index of pruned(quota, values, rule, rng, old, earlier?.by)) kept[index] = 0;
    let offset = 0;
    for (const layer of quota.layers) mask[layer] = kept.slice(offset, (offset += weights[layer]!.length));
  }
  return mask;
}

/** Indices that a quota prunes: the old ones, then as many of the rest as are missing. */
function pruned(
  quota: Quota,
  values: Float32Array,
  rule: PickRule,
  rng: Rng,
  old: Uint8Array | undefined,
  by: Earlier["by"] | undefined,
): number[] {
  if (quota.prune === 0) return []; // draws nothing either
  const all = Array.from(values.keys());
  const byMagnitude = by === "magnitude" || rule === "smallest" ? ascending(all, values) : all;
  const oldCount = old ? old.reduce((count, kept) => count + 1 - kept, 0) : 0;
  const isOld = new Uint8Array(quota.size);
  if (by === "index") for (const index of all) isOld[index] = 1 - old![index]!;
  else for (const index of byMagnitude.slice(0, oldCount)) isOld[index] = 1;
  const missing = quota.prune - oldCount;
  if (missing < 0)
    throw new Error(`quota of ${quota.layers}: prunes ${quota.prune}, fewer than the ${oldCount} before`);

  const rest = byMagnitude.filter((index) => !isOld[index]);
  const chosen = {
    random: () =>
      Array.from(rng.stream(quota.layers.join("+")).permutation(rest.length).subarray(0, missing), (i) => rest[i]!),
    smallest: () => rest.slice(0, missing),
    largest: () => descending(rest, values).slice(0, missing),
  }[rule]();
  return [...all.filter((index) => isOld[index]), ...chosen];
}

const ascending = (indices: readonly number[], values: Float32Array): number[] =>
  [...indices].sort((a, b) => Math.abs(values[a]!) - Math.abs(values[b]!) || a - b);

const descending = (indices: readonly number[], values: Float32Array): number[] =>
  [...indices].sort((a, b) => Math.abs(values[b]!) - Math.abs(values[a]!) || a - b);

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

const concatenateBytes = (parts: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]));

/** The mask of a dense ticket: ones. */
export const denseMask = (weights: Weights, prunable: readonly string[]): Mask =>
  Object.fromEntries(prunable.map((name) => [name, new Uint8Array(weights[name]!.length).fill(1)]));

/** 1 where the mask prunes: the weights that leave. */
export const leaving = (mask: Mask): Mask =>
  Object.fromEntries(Object.entries(mask).map(([name, kept]) => [name, kept.map((k) => 1 - k)]));

/** Kept weights over all layers of the mask. */
export const keptCount = (mask: Mask): number =>
  Object.values(mask).reduce((total, kept) => total + kept.reduce((count, k) => count + k, 0), 0);

/** Pruned share of the weights of the mask's layers; 0 without a mask. */
export function sparsityOf(mask: Mask | null): number {
  if (!mask) return 0;
  const size = Object.values(mask).reduce((total, kept) => total + kept.length, 0);
  return size === 0 ? 0 : (size - keptCount(mask)) / size;
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
