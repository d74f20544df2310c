/**
 * The training loop: SGD over one phase on a network that lives on a device. Every phase of every method and every
 * final training runs through it.
 *
 * The device is waited for only where a loss is needed: every 100 iterations, at evaluations, for a snapshot. So a loss that is
 * not finite is found up to 99 iterations late; what came after it is dropped, and the iteration named is the exact one.
 */
import type { Network } from "../engine/engine.ts";
import { type Architecture, learned } from "../layers.ts";
import { applyMask, type Mask } from "../mask.ts";
import type { Remask } from "../methods/method.ts";
import type { ResolvedPhase } from "../phase.ts";
import { BLOCK, maskDigest, type Trace } from "../trace.ts";
import { isFiniteWeights, type Weights } from "../weights.ts";
import type { Batches } from "./batches.ts";
import type { Recipe } from "./recipe.ts";

/** Where a phase stands: with weights, momentum and trace, all that it takes to go on to the same bits. */
export interface Position {
  /** Iterations of the phase done. */
  readonly iteration: number;
  /** Losses of the block that is not full yet. */
  readonly block: Float32Array;
  /** Sum and number of losses since the last evaluation. */
  readonly lossSum: number;
  readonly lossCount: number;
  /** The mask in force, where the phase changes it. */
  readonly mask?: Mask;
  /** What the phase's watch remembers. */
  readonly memory?: Uint8Array;
}

/** Where a phase starts from. The position is a resumed phase's; left out = iteration 0. */
export interface Start {
  readonly weights: Weights;
  /** A fresh optimiser's is 0 (`noMomentum`). */
  readonly momentum: Weights;
  readonly position?: Position;
}

export interface Observer {
  /** At the end of each epoch of the recipe and of the phase: iterations of the phase done, mean loss since the last call. */
  evaluated(iteration: number, meanLoss: number): Promise<void>;
  /** After each block of 100 iterations: its mean loss. */
  block?(iteration: number, meanLoss: number): void;
  /** After every iteration, evaluation included. "stop" ends the run. `position` waits for the device. */
  between?(iteration: number, position: () => Promise<Position>): undefined | "stop" | Promise<undefined | "stop">;
}

/** A loss that is not finite, or a weight after the last update: `iterations` is how many the phase did up to then. */
export class Diverged extends Error {
  readonly phase: ResolvedPhase;
  readonly iterations: number;
  constructor(phase: ResolvedPhase, iterations: number, what = "the loss is") {
    super(`${phase.name}, iteration ${iterations}: ${what} not finite`);
    this.phase = phase;
    this.iterations = iterations;
  }
}

/** The observer ended the run. */
export class Stopped extends Error {}

/**
 * Leaves the trained net in the network, under the phase's mask. Returns the mask it ended with: another one than the phase's
 * only where the phase changes it. Throws Diverged or Stopped.
 */
export async function train(
  network: Network,
  phase: ResolvedPhase,
  start: Start,
  recipe: Recipe,
  batches: Batches,
  trace: Trace,
  observer: Observer,
): Promise<Mask | null> {
  const { penalty, lossGradient, watch, remask } = phase;
  let mask = start.position?.mask ?? phase.mask;
  let digest = maskDigest(mask);
  let memory = start.position?.memory ?? watch?.start;
  const block = new Float32Array(BLOCK);
  let { iteration, lossSum, lossCount } = start.position ?? { iteration: 0, lossSum: 0, lossCount: 0 };
  let filled = start.position?.block.length ?? 0; // losses in the block
  block.set(start.position?.block ?? []);
  let inBlock = filled; // iterations in the block: those whose losses are still on the device, too
  let strength = Number.NaN;

  const drain = async (): Promise<void> => {
    const losses = await network.losses();
    for (const loss of losses) {
      block[filled++] = loss;
      if (!Number.isFinite(loss)) {
        trace.add(block.subarray(0, filled), digest);
        throw new Diverged(phase, iteration - inBlock + filled);
      }
      lossSum += loss;
      lossCount++;
    }
  };
  /** What the phase looks at on its way: what NaN ranks as differs between CPUs. */
  const finiteWeights = async (): Promise<Weights> => {
    await drain();
    const weights = await network.read("weights");
    if (!isFiniteWeights(weights)) {
      if (filled > 0) trace.add(block.subarray(0, filled), digest);
      throw new Diverged(phase, iteration, "the weights are");
    }
    return weights;
  };
  const position = async (): Promise<Position> => {
    await drain();
    return {
      ...{ iteration, block: block.slice(0, filled), lossSum, lossCount },
      ...(remask && mask && { mask }),
      ...(memory && { memory }),
    };
  };

  network.setMask(null);
  network.setPenalty(null);
  await network.write("weights", start.weights);
  await network.write("momentum", start.momentum);
  if (mask && (phase.maskFirst || iteration > 0)) network.setMask(mask);

  while (iteration < phase.iterations) {
    const wanted = penalty?.strength(iteration);
    if (penalty && wanted !== undefined && wanted !== strength) {
      strength = wanted;
      network.setPenalty({ on: penalty.on, strength });
    }
    const { images, labels, dropoutSeed } = await batches(phase.from + iteration);
    const learningRate = phase.learningRate(iteration);
    const { momentum, weightDecay, nesterov, labelSmoothing } = recipe;
    if (mask && remask && changesAt(remask, phase.from + iteration)) {
      const weights = await finiteWeights(); // a loss that is not finite belongs to the mask before
      const next = await remask.next({
        iteration: phase.from + iteration,
        mask,
        weights,
        gradients: async () => {
          network.setMask(null); // so that pruned weights have gradients
          return network.gradients(images, labels, labelSmoothing);
        },
      });
      mask = next.mask;
      digest = maskDigest(mask);
      network.setMask(mask);
      if (next.survivors) await network.write("weights", applyMask(weights, next.survivors));
    }
    const update = { learningRate, momentum, weightDecay, nesterov, labelSmoothing, lossGradient, dropoutSeed };
    await network.step(images, labels, update);
    if (iteration === 0 && mask && !phase.maskFirst) network.setMask(mask);
    iteration++;
    inBlock++;

    const epochEnds = (phase.from + iteration) % phase.epochIterations === 0;
    let isOver = false;
    if (watch && memory && epochEnds) {
      const seen = watch.next(memory, await finiteWeights());
      memory = seen.memory;
      isOver = seen.stop;
    }
    const last = isOver || iteration === phase.iterations;
    if (inBlock === BLOCK || last) {
      await drain();
      trace.add(block.subarray(0, filled), digest);
      observer.block?.(iteration, block.subarray(0, filled).reduce((sum, loss) => sum + loss, 0) / filled);
      filled = inBlock = 0;
    }
    if (last || epochEnds) {
      await drain();
      await observer.evaluated(iteration, lossSum / lossCount);
      lossSum = lossCount = 0;
    }
    if (isOver) break; // no snapshot here: it would go on
    if ((await observer.between?.(iteration, position)) === "stop") throw new Stopped(`${phase.name}: stopped`);
  }
  return mask;
}

const changesAt = ({ every, until }: Remask, iteration: number): boolean =>
  iteration > 0 && iteration % every === 0 && iteration <= until;

/** Of each learned parameter. */
export const noMomentum = (architecture: Architecture): Weights =>
  Object.fromEntries(learned(architecture).map(({ name, size }) => [name, new Float32Array(size)]));
