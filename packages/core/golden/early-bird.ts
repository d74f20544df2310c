/**
 * Kind `early-bird`: the authors' channel masks, epoch by epoch, through the product's own memory of masks. They rank the
 * scales of batch norm; the method ranks weights: what is the same is picking, distances, and when a ticket emerges.
 */
import { z } from "zod";
import { pick } from "../src/mask.ts";
import { emergence } from "../src/methods/early-bird.ts";
import type { Comparison } from "./compare.ts";
import { floats } from "./format.ts";
import { replayingRng } from "./replay.ts";

const schema = z.object({
  rows: z
    .array(
      z.object({
        percent: z.number(),
        epochs: z
          .array(
            z.object({
              /** Of each batch norm. */
              gamma: z.array(floats),
              mask: z.array(z.number()),
              distances: z.array(z.number()),
              emerged: z.boolean(),
            }),
          )
          .min(1),
      }),
    )
    .min(1),
});

/** The authors' constants. */
const WINDOW = 5;
const THRESHOLD = 0.1;

export async function earlyBird(file: unknown, compare: Comparison): Promise<void> {
  for (const { percent, epochs } of schema.parse(file).rows) {
    let memory: Uint8Array = new Uint8Array();
    for (const [i, { gamma, mask, distances, emerged }] of epochs.entries()) {
      const what = `at ${percent}, epoch ${i + 1}`;
      const layers = gamma.map((_, layer) => `bn${layer}`);
      const scales = Object.fromEntries(gamma.map(({ values }, layer) => [`bn${layer}`, values as Float32Array]));
      const size = mask.length;
      const prune = Math.floor(size * percent) + 1; // theirs keeps what is above the n-th from 0: one more goes
      const got = pick([{ layers, size, prune }], scales, "smallest", replayingRng({}));
      compare.equal(
        `${what}: mask`,
        Object.values(got).flatMap((kept) => [...kept]),
        mask,
      );
      const seen = emergence(memory, got, WINDOW, THRESHOLD);
      compare.close(`${what}: distances`, seen.distances, distances, 1e-12);
      compare.equal(`${what}: emerged`, seen.emerged, emerged);
      memory = seen.memory;
    }
  }
}
