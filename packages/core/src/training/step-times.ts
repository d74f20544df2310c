/**
 * How long a step of the ticket takes with its mask and without: the speed-up that sparsity really gives on this engine, beside
 * the theoretical one. Both on the same batch in turns, so that what else the computer does slows both. No bit of a run
 * depends on it.
 */
import type { Network } from "../engine/engine.ts";
import type { Ticket } from "../methods/method.ts";
import type { Result } from "../result.ts";
import type { Batch } from "./batches.ts";
import type { Recipe } from "./recipe.ts";

const TURNS = 3;
const WARM_UP = 1;
const STEPS = 4;

/** @param now monotonic milliseconds. Leaves weights and momentum that the next phase overwrites, and no loss. */
export async function measureStepTimes(
  network: Network,
  { mask, weights }: Pick<Ticket, "mask" | "weights">,
  { images, labels }: Batch,
  { momentum, weightDecay, nesterov, labelSmoothing }: Recipe,
  now: () => number,
  pause?: () => Promise<void>,
): Promise<NonNullable<Result["stepTimes"]>> {
  const update = { momentum, weightDecay, nesterov, labelSmoothing, learningRate: 0, lossGradient: "kept" } as const;
  const times = { dense: [] as number[], masked: [] as number[] };
  network.setPenalty(null);
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [name, worn] of [["dense", null] as const, ["masked", mask] as const]) {
      network.setMask(null);
      await network.write("weights", weights);
      network.setMask(worn);
      for (let step = -WARM_UP; step < STEPS; step++) {
        const since = now();
        await network.step(images, labels, update);
        await network.losses(); // waits for the device
        if (step >= 0) times[name].push(now() - since);
        await pause?.();
      }
    }
  }
  return { dense: quartiles(times.dense)!, masked: quartiles(times.masked)! };
}

/** Interpolated between neighbours; null without a value. */
export function quartiles(values: readonly number[]): Result["iterationTime"] {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => {
    const position = share * (sorted.length - 1);
    const low = Math.floor(position);
    const high = Math.min(low + 1, sorted.length - 1);
    return sorted[low]! + (position - low) * (sorted[high]! - sorted[low]!);
  };
  return { q25: at(0.25), median: at(0.5), q75: at(0.75) };
}
