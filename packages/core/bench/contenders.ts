/** Our side: the cpu engine in each build with each number of threads, and the networks that are timed. */
import { availableParallelism } from "node:os";
import { openCpuEngine } from "../src/engine/cpu/node/open.ts";
import type { Engine, Network, Update } from "../src/engine/engine.ts";
import { type Architecture, parameters } from "../src/layers.ts";
import { type Mask, pick, uniformQuotas } from "../src/mask.ts";
import { models } from "../src/models/index.ts";
import { Problem } from "../src/problem.ts";
import { seededRng } from "../src/rng.ts";
import type { Weights } from "../src/weights.ts";
import { CLASSES, type Net, SCORED } from "./nets.ts";
import type { Player } from "./turns.ts";

export const BUILDS = ["native", "wasm"] as const;

export interface Contender {
  readonly build: (typeof BUILDS)[number];
  readonly threads: number;
  readonly engine: Engine;
}

export interface Compiled extends Contender {
  readonly network: Network;
}

export const UPDATE: Update = {
  learningRate: 0.01,
  momentum: 0.9,
  weightDecay: 1e-4,
  nesterov: false,
  labelSmoothing: 0,
  lossGradient: "kept",
};

const nameOf = ({ build, threads }: Pick<Contender, "build" | "threads">): string =>
  `${build}, ${threads} ${threads === 1 ? "thread" : "threads"}`;

/** Says of each combination that this machine cannot offer why it is left out. */
export async function openContenders(
  builds: readonly Contender["build"][],
  threadCounts: readonly number[],
  cacheDir: string,
): Promise<Contender[]> {
  const contenders: Contender[] = [];
  for (const build of builds) {
    for (const threads of threadCounts) {
      if (threads > availableParallelism()) {
        console.log(`${nameOf({ build, threads })}: left out (there are ${availableParallelism()} cores)`);
        continue;
      }
      const { engine, reason } = await openCpuEngine({ cacheDir, threads, native: build === "native" });
      if (reason.startsWith(build)) contenders.push({ build, threads, engine });
      else console.log(`${nameOf({ build, threads })}: left out (${reason})`);
    }
  }
  return contenders;
}

/** What all contenders get: the net, weights to begin with, random images and labels. */
export interface Examples {
  readonly architecture: Architecture;
  readonly weights: Weights;
  readonly images: Float32Array;
  readonly labels: Uint8Array;
}

/** Throws Problem where there is no such model. */
export function examplesOf(net: Net): Examples {
  const model = models.get(net.id);
  const architecture = model.architecture(net.input, CLASSES);
  const count = Math.max(net.batch, net.evaluated);
  return { architecture, weights: model.initialise(architecture, seededRng(1)), ...randomExamples(net.input, count) };
}

/** Images uniform in −1 … 1. */
export function randomExamples(input: Net["input"], count: number): Pick<Examples, "images" | "labels"> {
  const rng = seededRng(2);
  const size = input[0] * input[1] * input[2];
  return {
    images: Float32Array.from({ length: count * size }, () => rng.uniform() * 2 - 1),
    labels: Uint8Array.from({ length: count }, () => rng.below(CLASSES)),
  };
}

/** Random, the same share of each prunable weight. */
export function randomMask(architecture: Architecture, weights: Weights, sparsity: number): Mask | null {
  if (sparsity === 0) return null;
  const body = parameters(architecture).filter(({ prunable }) => prunable);
  const quotas = uniformQuotas(Object.fromEntries(body.map(({ name, size }) => [name, size])), sparsity);
  return pick(quotas, weights, "random", seededRng(3));
}

/** Null, and says why, if it cannot compute the net. */
export async function compile(
  contender: Contender,
  architecture: Architecture,
  batch: number,
): Promise<Compiled | null> {
  try {
    return { ...contender, network: await contender.engine.compile(architecture, batch) };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    console.log(`${nameOf(contender)}: left out (${error.message})`);
    return null;
  }
}

/** The net with these weights, dense or under a mask. */
export async function begin({ network }: Compiled, weights: Weights, mask: Mask | null): Promise<void> {
  network.setMask(null);
  await network.write("weights", weights);
  network.setMask(mask);
}

/** Milliseconds of a training iteration. */
export function iteration({ network }: Compiled, { architecture, images, labels }: Examples, net: Net): Player {
  const [channels, height, width] = architecture.input;
  const batch = images.subarray(0, net.batch * channels * height * width);
  const batchLabels = labels.subarray(0, net.batch);
  return async (count) => {
    for (let i = 0; i < net.warmup; i++) await network.step(batch, batchLabels, UPDATE);
    const start = performance.now();
    for (let i = 0; i < count; i++) await network.step(batch, batchLabels, UPDATE);
    const ms = (performance.now() - start) / count;
    await network.losses();
    return ms;
  };
}

/** Milliseconds to evaluate SCORED images, from a pass over net.evaluated. */
export function evaluation({ network }: Compiled, { architecture, images, labels }: Examples, net: Net): Player {
  const [channels, height, width] = architecture.input;
  const part = images.subarray(0, net.evaluated * channels * height * width);
  return async () => {
    const start = performance.now();
    await network.evaluate(part, labels.subarray(0, net.evaluated));
    return ((performance.now() - start) * SCORED) / net.evaluated;
  };
}
