/**
 * How near the convolution kernels come to what the processor can do, through the engine's contract alone: two nets that
 * differ by DEPTH equal convolutions in a row are timed, and the difference is theirs. Of a convolution,
 *   forward          is what `evaluate` takes;
 *   input gradient   what a step with the loss gradient blocked takes more: it needs no gradient of a convolution's
 *                    weight, but all those of activations, as the first convolution has a bias;
 *   weight gradient  what a step that learns takes more than that one.
 * The update is in the second; it is small: there are thousands of weights, and millions of activations. Of all rounds the
 * fastest counts, as in roofline.c: differences of noisy times are noisier still.
 */
import type { Network, Update } from "../src/engine/engine.ts";
import { type Architecture, type Layer, parameters } from "../src/layers.ts";
import type { Mask } from "../src/mask.ts";
import { seededRng } from "../src/rng.ts";
import type { Weights } from "../src/weights.ts";
import { begin, type Contender, compile, randomExamples, randomMask, UPDATE } from "./contenders.ts";
import { CLASSES } from "./nets.ts";
import type { Roofline } from "./roofline.ts";
import { type Limits, type Player, takeTurns } from "./turns.ts";

/** Of ResNet-20's three stages: channels, and height = width. */
const SHAPES = [
  [16, 32],
  [32, 16],
  [64, 8],
] as const;
const BATCH = 128;
const DEPTH = 4;
const STILL: Update = { ...UPDATE, learningRate: 0, momentum: 0, weightDecay: 0 };

export interface KernelTimes {
  readonly channels: number;
  readonly size: number;
  readonly sparsity: number;
  readonly build: Contender["build"];
  readonly threads: number;
  /** GFLOPS of the kept multiply-adds of forward, input gradient, weight gradient; null where it is lost in noise. */
  readonly gflops: readonly (number | null)[];
}

/** A convolution with a bias, `depth` prunable ones without, and a classifier. */
function chain(channels: number, size: number, depth: number): Architecture {
  const conv = (i: number): Layer => ({
    kind: "conv",
    name: `conv${i}`,
    inputs: channels,
    outputs: channels,
    kernel: [3, 3],
    stride: [1, 1],
    padding: [1, 1],
    groups: 1,
    bias: i === 0,
    prunable: i > 0,
  });
  return {
    input: [channels, size, size],
    classes: CLASSES,
    layers: [
      ...Array.from({ length: depth + 1 }, (_, i) => conv(i)),
      { kind: "global-average-pool" },
      { kind: "linear", name: "linear", inputs: channels, outputs: CLASSES, bias: true, prunable: false },
    ],
  };
}

/** Uniform, so that activations stay of one size from layer to layer. */
function initialise(architecture: Architecture): Weights {
  const rng = seededRng(1);
  return Object.fromEntries(
    parameters(architecture).map(({ name, size, fanIn }) => {
      const bound = Math.sqrt(3 / fanIn);
      return [name, Float32Array.from({ length: size }, () => (2 * rng.uniform() - 1) * bound)];
    }),
  );
}

/** All shapes and sparsities on each contender that can compute them. */
export async function kernelTimes(
  contenders: readonly Contender[],
  sparsities: readonly number[],
  limits: Limits,
): Promise<KernelTimes[]> {
  const times: KernelTimes[] = [];
  for (const contender of contenders) {
    for (const [channels, size] of SHAPES) {
      const [short, long] = [chain(channels, size, 0), chain(channels, size, DEPTH)];
      const before = await compile(contender, short, BATCH);
      const after = before && (await compile(contender, long, BATCH));
      if (!after) break;
      const weights = initialise(long);
      await begin(before, initialise(short), null);
      for (const sparsity of sparsities) {
        const mask = randomMask(long, weights, sparsity);
        await begin(after, weights, mask);
        const flops = 2 * keptIn(long, mask) * size * size * BATCH;
        const gflops = await measure([before.network, after.network], long.input, flops, limits);
        times.push({ channels, size, sparsity, build: contender.build, threads: contender.threads, gflops });
      }
      await before.network.dispose();
      await after.network.dispose();
    }
  }
  return times;
}

/** Weights of the prunable convolutions that the mask keeps. */
const keptIn = (architecture: Architecture, mask: Mask | null): number =>
  parameters(architecture)
    .filter(({ prunable }) => prunable)
    .reduce((sum, { name, size }) => sum + (mask?.[name]?.reduce((kept, k) => kept + k, 0) ?? size), 0);

async function measure(
  networks: readonly [Network, Network],
  input: Architecture["input"],
  flops: number,
  limits: Limits,
): Promise<(number | null)[]> {
  const { images, labels } = randomExamples(input, BATCH);
  const timed =
    (work: () => Promise<unknown>): Player =>
    async (count) => {
      const start = performance.now();
      for (let i = 0; i < count; i++) await work();
      return (performance.now() - start) / count;
    };
  const players = networks.flatMap((network) => [
    timed(() => network.evaluate(images, labels)),
    timed(() => network.step(images, labels, { ...STILL, lossGradient: "blocked" })),
    timed(() => network.step(images, labels, STILL)),
  ]);
  const fastest = (await takeTurns(players, limits)).map((ms) => Math.min(...ms));
  const extra = [0, 1, 2].map((what) => fastest[3 + what]! - fastest[what]!);
  return extra.map((ms, what) => {
    const own = ms - (extra[what - 1] ?? 0);
    return own > 0 ? flops / own / 1e6 : null;
  });
}

export function printKernels(times: readonly KernelTimes[], roofline: ReadonlyMap<number, Roofline>): void {
  console.log(
    `\n3×3 convolutions of ResNet-20, batch ${BATCH}: GFLOPS of the kept multiply-adds, and how much that is of`,
  );
  console.log("the multiply-adds in registers of as many threads.\n");
  console.log("| channels, plane | sparsity | build | threads | forward | input gradient | weight gradient |");
  console.log("|---|---|---|---|---|---|---|");
  for (const { channels, size, sparsity, build, threads, gflops } of times) {
    const peak = roofline.get(threads)?.peak;
    const cells = gflops.map((rate) =>
      rate === null ? "in noise" : `${rate.toFixed(1)}${peak ? ` (${((100 * rate) / peak).toFixed(0)} %)` : ""}`,
    );
    console.log(`| ${channels}, ${size}×${size} | ${sparsity} | ${build} | ${threads} | ${cells.join(" | ")} |`);
  }
}
