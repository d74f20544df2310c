/** Where things go on a chart: the density axis of sparsity, ticks that do not touch, names that do not overlap. */
import { logarithm } from "./power.ts";

const LN10 = logarithm(10);

/** Position of a sparsity on a logarithmic density axis: 0 for dense, 1 for 90 %, 2 for 99 %. */
export const densityPosition = (sparsity: number): number => -logarithm(1 - sparsity) / LN10;

const SPARSITY_TICKS = [0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999];

/**
 * Sparsities to label: those measured first, then round ones between them, each at least `gap` away from every other.
 * `place` gives the position in the same unit as `gap`.
 */
export function sparsityTicks(measured: readonly number[], place: (sparsity: number) => number, gap: number): number[] {
  const low = Math.min(...measured);
  const high = Math.max(...measured);
  const chosen: number[] = [];
  for (const tick of [...new Set([low, high, ...measured, ...SPARSITY_TICKS])]) {
    if (tick < low || tick > high) continue;
    if (chosen.every((other) => Math.abs(place(other) - place(tick)) >= gap)) chosen.push(tick);
  }
  return chosen.sort((a, b) => a - b);
}

/**
 * Moves positions apart until neighbours are at least `gap` from each other, each as little as that allows (blocks that
 * touch are moved together, to the mean of what they want), inside low … high where there is room. Keeps the order
 * of the input.
 */
export function spread(wanted: readonly number[], gap: number, low: number, high: number): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a]! - wanted[b]! || a - b);
  type Block = { members: number[]; start: number };
  const fit = (members: number[]): Block => {
    const start = members.reduce((sum, member, i) => sum + wanted[member]! - i * gap, 0) / members.length;
    return { members, start: Math.max(low, Math.min(start, high - (members.length - 1) * gap)) };
  };
  const blocks: Block[] = [];
  for (const member of order) {
    let block = fit([member]);
    for (let last = blocks.at(-1); last && last.start + last.members.length * gap > block.start; last = blocks.at(-1)) {
      blocks.pop();
      block = fit([...last.members, ...block.members]);
    }
    blocks.push(block);
  }
  const placed: number[] = new Array(wanted.length);
  for (const { members, start } of blocks)
    members.forEach((member, i) => {
      placed[member] = start + i * gap;
    });
  return placed;
}

/** A range around all values, widened by `pad` of its width (or by `least` where they are all alike). */
export function rangeOf(values: readonly number[], pad = 0.06, least = 0.005): [number, number] {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const margin = Math.max((high - low) * pad, least);
  return [low - margin, high + margin];
}
