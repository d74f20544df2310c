/**
 * How good a net is on a set of images. Always in batches of the same size, so that a loss is the same sum, bit for
 * bit, whoever computes it: during training, on the server, in a browser.
 */

import { encodeNumber } from "../canonical.ts";
import type { Network } from "../engine/engine.ts";
import type { Score } from "../result.ts";
import type { MaskedWeights } from "../tensor-file.ts";
import type { Scored } from "./batches.ts";

/** Networks that evaluate are compiled for batches of at least this many images. */
export const EVALUATION_BATCH = 128;

/** The network as it stands. `pause` is awaited between batches, for callers whose event loop must turn. */
export async function evaluate(network: Network, { count, part }: Scored, pause?: () => Promise<void>): Promise<Score> {
  let loss = 0;
  let correct = 0;
  for (let from = 0; from < count; from += EVALUATION_BATCH) {
    const { images, labels } = part(from, Math.min(from + EVALUATION_BATCH, count));
    const score = await network.evaluate(images, labels);
    loss += score.loss;
    correct += score.correct;
    await pause?.();
  }
  return { correct, total: count, loss: encodeNumber(loss / count) };
}

/** Puts weights under their mask (null = dense) into the network, then evaluates it. */
export async function evaluateWeights(
  network: Network,
  { weights, mask }: { readonly weights: MaskedWeights["weights"]; readonly mask: MaskedWeights["mask"] | null },
  images: Scored,
  pause?: () => Promise<void>,
): Promise<Score> {
  network.setMask(null);
  await network.write("weights", weights);
  network.setMask(mask);
  return evaluate(network, images, pause);
}

export const accuracyOf = (score: Score): number => score.correct / score.total;
