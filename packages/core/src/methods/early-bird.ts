/**
 * Early-bird tickets: which weights are the smallest settles long before training ends. After each epoch of dense
 * training the mask is drawn anew; when it has hardly moved for some epochs, it is the ticket.
 *
 *   after each epoch t:   m_t ← keep the largest |W_t| at sparsity s
 *   stop at the first t at which each of m_{t−4} … m_{t−1} differs from m_t in at most ε · 2·min(s, 1 − s) of its entries
 *   ticket = (m_t, W_t)
 *
 * You et al., ICLR 2020, https://arxiv.org/abs/1909.11957; authors' code GATECH-EIC/Early-Bird-Tickets `main.py`, class `EarlyBird`.
 * As there: ε = 0.1, five masks, the distance is a share of all entries, and weights are those trained so far.
 * Departures: two masks of sparsity s differ in at most 2·min(s, 1 − s) of their entries, and our ε is a share of that; theirs,
 * of all entries, is the same at 50 % and would take any two masks from 95 % on. Theirs prunes channels by the scales of batch norm, ours weights by magnitude under the spec's scope, as all
 * methods here. Theirs looks before each epoch, so that its first mask is of the untrained net and its earliest ticket comes
 * after 4 epochs; here every mask is of a trained net, and the earliest comes after 5. They go on with the rest of the schedule, here the whole recipe follows, as for every ticket. Where no mask emerges,
 * the ticket is that of the last epoch.
 */
import { z } from "zod";
import { type Mask, pick } from "../mask.ts";
import type { Weights } from "../weights.ts";
import type { Method } from "./method.ts";
import { trainingSettings } from "./settings.ts";

const settings = z.strictObject({
  window: z.number().int().min(2).max(20).default(5).describe("masks that must agree: the newest and those before it"),
  threshold: z
    .number()
    .min(0)
    .max(1)
    .default(0.1)
    .describe("how far a mask may be from the newest, as a share of how far two masks of that sparsity can be"),
  weights: z
    .enum(["trained", "initial"])
    .default("trained")
    .describe("what the ticket starts from: the weights trained so far, or rewound to the initial ones"),
  ...trainingSettings("of the dense training at most"),
});

/** What is remembered of an epoch: the masks before, as bits, oldest first, at most `window` − 1 of them. */
export interface Emergence {
  readonly memory: Uint8Array;
  /** Share of entries in which each mask before differs from the newest, oldest first; 1 until there are enough of them. */
  readonly distances: readonly number[];
  readonly emerged: boolean;
}

/** @param mask the newest */
export function emergence(memory: Uint8Array, mask: Mask, window: number, threshold: number): Emergence {
  const entries = Object.values(mask).reduce((sum, kept) => sum + kept.length, 0);
  const bits = packed(mask, entries);
  const before = Array.from({ length: memory.length / bits.length }, (_, i) =>
    memory.subarray(i * bits.length, (i + 1) * bits.length),
  );
  const distances =
    before.length === window - 1
      ? before.map((old) => differing(old, bits) / entries)
      : Array<number>(window - 1).fill(1);
  const held = [...before, bits].slice(1 - window);
  const next = new Uint8Array(held.length * bits.length);
  for (const [i, each] of held.entries()) next.set(each, i * bits.length);
  return {
    memory: next,
    distances,
    emerged: before.length === window - 1 && distances.every((distance) => distance <= threshold),
  };
}

/** All layers one after the other, eight entries a byte. */
function packed(mask: Mask, entries: number): Uint8Array {
  const bits = new Uint8Array(Math.ceil(entries / 8));
  let at = 0;
  for (const kept of Object.values(mask)) {
    for (let i = 0; i < kept.length; i++, at++) bits[at >> 3]! |= kept[i]! << (at & 7);
  }
  return bits;
}

function differing(a: Uint8Array, b: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < a.length; i++) for (let x = a[i]! ^ b[i]!; x > 0; x &= x - 1) count++;
  return count;
}

export const earlyBird: Method<z.infer<typeof settings>> = {
  id: "early-bird",
  name: "Early-Bird",
  paper: {
    title: "Drawing Early-Bird Tickets: Towards More Efficient Training of Deep Networks (You et al., ICLR 2020)",
    url: "https://arxiv.org/abs/1909.11957",
  },
  summary: "Trains the dense network until its mask by magnitude hardly changes, and prunes it there.",
  settings,
  sparse: true,
  seedFixes: ({ weights }) => (weights === "initial" ? ["weights"] : []),
  async findTicket(net, sparsity, { window, threshold, weights: start, epochs, learningRate, batchSize }) {
    const quotas = net.quotas(sparsity);
    const furthest = 2 * Math.min(sparsity, 1 - sparsity);
    const maskOf = (weights: Weights) => pick(quotas, weights, "smallest", net.rng);
    const trained = await net.train(net.initial, {
      name: "dense training",
      epochs,
      learningRate,
      batchSize,
      watch: {
        start: new Uint8Array(),
        earliest: window, // masks: one an epoch
        next(memory, weights) {
          const seen = emergence(memory, maskOf(weights), window, threshold * furthest);
          return { memory: seen.memory, stop: seen.emerged };
        },
      },
    });
    return { mask: maskOf(trained), weights: start === "trained" ? trained : net.initial };
  },
};
