/**
 * A mask says of each prunable weight: 1 kept, 0 pruned. Keyed by parameter name (`fc1.weight`), as `Weights` are.
 * A parameter without a mask is kept whole. Which weights a method prunes is decided here: how many (quotas), and which
 * of them (picking). Rules: DLTH, `meta_pruner.py:85-119`.
 */
import { power } from "./power.ts";
import { Problem } from "./problem.ts";
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
  const share = roundShare(sparsity, round, rounds);
  return Object.entries(sizes).map(([layer, size]) => ({ layers: [layer], size, prune: pruneCount(share, size) }));
}

/** Sparsity after round c of N: 1 − (1 − s)^(c/N), and after the last round s itself. */
export const roundShare = (sparsity: number, round: number, rounds: number): number =>
  round === rounds ? sparsity : 1 - power(1 - sparsity, round / rounds);

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
    const parts = quota.layers.map((layer) => weights[layer]!);
    const size = parts.reduce((total, part) => total + part.length, 0);
    if (size !== quota.size) throw new Error(`quota of ${quota.layers}: expected ${quota.size} weights; got ${size}`);
    const values = joined(new Float32Array(size), parts);
    const before = earlier?.mask;
    const old =
      before &&
      joined(
        new Uint8Array(size),
        quota.layers.map((layer) => before[layer]!),
      );
    const stream = rng.stream(quota.layers.join("+"));
    const kept = new Uint8Array(size).fill(1);
    if (quota.prune > 0)
      for (const index of pruned(quota.prune, values, rule, stream, old, earlier?.by)) kept[index] = 0;
    let offset = 0;
    for (const layer of quota.layers) mask[layer] = kept.slice(offset, (offset += weights[layer]!.length));
  }
  return mask;
}

/** Indices to prune: the old ones, then as many of the rest as are missing. */
function pruned(
  count: number,
  values: Float32Array,
  rule: PickRule,
  rng: Rng,
  old: Uint8Array | undefined,
  by: Earlier["by"] | undefined,
): Uint32Array {
  const size = values.length;
  const all = new Uint32Array(size);
  for (let i = 0; i < size; i++) all[i] = i;
  const order = rule === "smallest" || (old && by === "magnitude") ? byMagnitude(all, values, "rising") : all;

  const oldCount = old ? size - countKept(old) : 0;
  if (count < oldCount) throw new Error(`a quota prunes ${count}, fewer than the ${oldCount} before`);
  const chosen = new Uint32Array(oldCount);
  const rest = new Uint32Array(size - oldCount);
  for (let rank = 0, c = 0, r = 0; rank < size; rank++) {
    const index = order[rank]!;
    if (by === "index" ? old![index] === 0 : rank < oldCount) chosen[c++] = index;
    else rest[r++] = index;
  }

  const missing = count - oldCount;
  const drawn =
    rule === "random"
      ? shuffled(rest, missing, rng)
      : rule === "largest"
        ? byMagnitude(by === "magnitude" ? rest.sort() : rest, values, "falling")
        : rest;
  return joined(new Uint32Array(count), [chosen, drawn.subarray(0, missing)]);
}

/** The first `count` of the indices in a random order. */
function shuffled(indices: Uint32Array, count: number, rng: Rng): Uint32Array {
  const drawn = rng.permutation(indices.length).subarray(0, count);
  for (let i = 0; i < count; i++) drawn[i] = indices[drawn[i]!]!;
  return drawn;
}

/**
 * Indices in the order of |w|, ties to the lowest index. A float32 without its sign orders as its bits do, so this is a
 * stable counting sort of integers, in two digits: a comparator takes seconds over the rounds of a large layer.
 * @param indices ascending
 */
function byMagnitude(indices: Uint32Array, values: Float32Array, direction: "rising" | "falling"): Uint32Array {
  const flip = direction === "rising" ? 0 : 0x7fff_ffff;
  const keys = new Uint32Array(values.buffer, values.byteOffset, values.length).slice();
  for (let i = 0; i < keys.length; i++) keys[i] = (keys[i]! & 0x7fff_ffff) ^ flip;
  if (keys.every((key) => key === keys[0])) return indices; // a plan's
  let from = indices;
  for (const shift of [0, 16]) {
    const next = new Uint32Array(0x1_0000); // by digit: where the next index with it goes
    for (const index of from) next[(keys[index]! >>> shift) & 0xffff]!++;
    let start = 0;
    for (let digit = 0; digit < next.length; digit++) {
      const end = start + next[digit]!;
      next[digit] = start;
      start = end;
    }
    const sorted = new Uint32Array(from.length);
    for (const index of from) sorted[next[(keys[index]! >>> shift) & 0xffff]!++] = index;
    from = sorted;
  }
  return from;
}

/** Importance of each weight, high = keep; by parameter name. */
export type Scores = Readonly<Record<string, Float32Array | Float64Array>>;

/** A score for each prunable weight. */
export function scoresOf(
  { prunable, initial }: { readonly prunable: readonly string[]; readonly initial: Weights },
  score: (name: string, index: number) => number,
): Scores {
  return Object.fromEntries(
    prunable.map((name) => {
      const scores = new Float64Array(initial[name]!.length);
      for (let i = 0; i < scores.length; i++) scores[i] = score(name, i);
      return [name, scores];
    }),
  );
}

/**
 * Prunes the lowest scores: exactly `prune` in each quota, ties to the lowest index, the quota's layers one after the other.
 * Throws Problem "bad-spec" where a score is not a finite number.
 * @param earlier cuts of the rounds before, which stay cut
 */
export function pickByScore(quotas: readonly Quota[], scores: Scores, earlier?: Mask): Mask {
  const mask: Record<string, Uint8Array> = {};
  for (const { layers, size, prune } of quotas) {
    for (const layer of layers)
      mask[layer] = earlier?.[layer]?.slice() ?? new Uint8Array(scores[layer]!.length).fill(1);
    const total = layers.reduce((sum, layer) => sum + mask[layer]!.length, 0);
    if (total !== size) throw new Error(`quota of ${layers}: expected ${size} weights; got ${total}`);
    const left = new Float64Array(layers.reduce((sum, layer) => sum + countKept(mask[layer]!), 0));
    const missing = prune - (size - left.length);
    if (missing < 0) throw new Error(`a quota prunes ${prune}, fewer than the ${size - left.length} before`);
    let at = 0;
    for (const layer of layers) at = collect(layer, scores[layer]!, mask[layer]!, left, at);
    if (missing === 0) continue;
    const highest = nthLowest(left, missing - 1); // of those to prune
    let ties = 0; // of them, those that score as much
    for (let i = 0; i < missing; i++) if (left[i] === highest) ties++;
    for (const layer of layers) ties = pruneUpTo(highest, ties, scores[layer]!, mask[layer]!);
  }
  return mask;
}

/** Adds the scores of kept weights to `left`, from `at` on; returns where they end. */
function collect(layer: string, scores: Scores[string], kept: Uint8Array, left: Float64Array, at: number): number {
  let to = at;
  for (let i = 0; i < kept.length; i++) {
    if (kept[i] === 0) continue;
    if (!Number.isFinite(scores[i]))
      throw new Problem("bad-spec", `scores of ${layer}: expected finite numbers; got ${scores[i]} at ${i}`);
    left[to++] = scores[i]!;
  }
  return to;
}

/**
 * The value that sorting would put at `n`, from 0; afterwards no value before it is higher, and none behind it lower. Hoare's
 * selection: a fraction of a second where sorting takes seconds.
 */
function nthLowest(values: Float64Array, n: number): number {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = values[(low + high) >>> 1]!;
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (values[j]! > pivot) j--;
      if (i > j) break;
      const value = values[i]!;
      values[i++] = values[j]!;
      values[j--] = value;
    }
    if (n <= j) high = j;
    else if (n >= i) low = i;
    else break;
  }
  return values[n]!;
}

/** Prunes what scores below `highest`, and the first `ties` of those that score as much; returns how many of them are left. */
function pruneUpTo(highest: number, ties: number, scores: Scores[string], kept: Uint8Array): number {
  let rest = ties;
  for (let i = 0; i < kept.length; i++) {
    if (kept[i] === 0 || scores[i]! > highest) continue;
    if (scores[i]! < highest || rest-- > 0) kept[i] = 0;
  }
  return Math.max(0, rest);
}

/** Fills `whole` with the parts, one after the other. */
function joined<T extends Float32Array | Uint32Array | Uint8Array>(whole: T, parts: readonly T[]): T {
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** The mask of a dense ticket: ones. */
export const denseMask = (weights: Weights, prunable: readonly string[]): Mask =>
  Object.fromEntries(prunable.map((name) => [name, new Uint8Array(weights[name]!.length).fill(1)]));

/** 1 where the mask prunes: the weights that leave. */
export const leaving = (mask: Mask): Mask =>
  Object.fromEntries(Object.entries(mask).map(([name, kept]) => [name, inverted(kept)]));

function inverted(kept: Uint8Array): Uint8Array {
  const inverse = new Uint8Array(kept.length);
  for (let i = 0; i < kept.length; i++) inverse[i] = 1 - kept[i]!;
  return inverse;
}

/** Kept weights of one layer. A loop, since a callback for each weight is what would take most of a plan's time. */
export function countKept(kept: Uint8Array): number {
  let total = 0;
  for (let i = 0; i < kept.length; i++) total += kept[i]!;
  return total;
}

/** Kept weights over all layers of the mask. */
export const keptCount = (mask: Mask): number =>
  Object.values(mask).reduce((total, kept) => total + countKept(kept), 0);

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
      const copy = values.slice();
      if (kept) for (let i = 0; i < copy.length; i++) if (kept[i] === 0) copy[i] = 0;
      return [name, copy];
    }),
  );
}
