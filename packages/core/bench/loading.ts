/**
 * What training waits for its data: an iteration with batches made between iterations, and made ahead on one and two threads,
 * beside the same iteration on one batch that is there. Data are random, and no time depends on them.
 */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Dataset, Examples } from "../src/datasets/dataset.ts";
import { mnist } from "../src/datasets/mnist.ts";
import type { Shape } from "../src/layers.ts";
import { models } from "../src/models/index.ts";
import { seededRng } from "../src/rng.ts";
import { type Batches, loadedBatches, lookOf, shuffledBatches } from "../src/training/batches.ts";
import { openLoader } from "../src/training/node/loader.ts";
import { valuesOf } from "../src/training/pixels.mjs";
import type { Recipe } from "../src/training/recipe.ts";
import { type Contender, compile, UPDATE } from "./contenders.ts";
import { CLASSES } from "./nets.ts";
import { type Quartiles, quartiles } from "./turns.ts";

interface Case {
  readonly net: string;
  readonly batch: number;
  readonly shape: Shape;
  readonly stored?: Shape;
  readonly count: number;
  readonly inFile: boolean;
  readonly augmentation?: Recipe["augmentation"];
  /** Iterations of a turn. */
  readonly iterations: number;
}

const CASES: readonly Case[] = [
  { net: "lenet-300-100", batch: 60, shape: [1, 28, 28], count: 60_000, inFile: false, iterations: 1_000 },
  {
    ...{ net: "resnet-20", batch: 128, shape: [3, 32, 32], count: 50_000, inFile: false },
    ...{ augmentation: "crop-flip", iterations: 20 },
  },
  {
    ...{ net: "resnet-18-imagenet", batch: 16, shape: [3, 224, 224], stored: [3, 256, 256], count: 512, inFile: true },
    ...{ augmentation: "random-resized-crop", iterations: 8 },
  },
];

/** Threads that make batches; 0 = they are made between iterations. */
const THREADS = [0, 1, 2];

/** Milliseconds that each iteration waited for data, and each turn's mean of a whole iteration. */
interface Times {
  readonly waited: number[];
  readonly whole: number[];
}

function randomExamples({ shape, stored, count, inFile }: Case, folder: string): Examples {
  const rng = seededRng(4);
  const imageBytes = valuesOf(stored ?? shape);
  const labels = Uint8Array.from({ length: count }, () => rng.below(CLASSES));
  const image = () => Uint8Array.from({ length: imageBytes }, () => rng.uint32() & 255);
  if (!inFile) {
    const [one, images] = [image(), new Uint8Array(count * imageBytes)];
    for (let i = 0; i < count; i++) images.set(one, i * imageBytes);
    return { images, labels, count };
  }
  const path = join(folder, "images");
  const file = openSync(path, "w+");
  const one = image();
  for (let i = 0; i < count; i++) writeSync(file, one);
  const read = (index: number, to: Uint8Array, at: number) =>
    void readSync(file, to, at, imageBytes, index * imageBytes);
  process.once("exit", () => closeSync(file));
  return { images: { path, imageBytes, read }, labels, count };
}

/** Batches that may lie ready when a turn begins, and are not counted. */
const READY = 4;

async function turn(
  step: (batch: Awaited<ReturnType<Batches>>) => Promise<void>,
  batches: () => ReturnType<Batches>,
  count: number,
) {
  const waited: number[] = [];
  let began = 0;
  for (let i = -READY; i < count; i++) {
    if (i === 0) began = performance.now();
    const asked = performance.now();
    const batch = await batches();
    if (i >= 0) waited.push(performance.now() - asked);
    await step(batch);
  }
  return { waited, whole: (performance.now() - began) / count };
}

async function measure(one: Case, contender: Contender, folder: string, rounds: number): Promise<Times[]> {
  const dataset: Dataset = {
    ...{ ...mnist, shape: one.shape, stored: one.stored },
    ...{ mean: one.shape[0] === 1 ? [0.5] : [0.5, 0.5, 0.5], std: one.shape[0] === 1 ? [0.25] : [0.25, 0.25, 0.25] },
  };
  const model = models.get(one.net);
  const architecture = model.architecture(one.shape, CLASSES);
  const compiled = await compile(contender, architecture, one.batch);
  if (!compiled) return [];
  const { network } = compiled;
  await network.write("weights", model.initialise(architecture, seededRng(1)));
  const examples = randomExamples(one, folder);
  const indices = Uint32Array.from({ length: one.count }, (_, i) => i);
  const source = [dataset, examples, indices, seededRng(5), one.augmentation] as const;
  const there = shuffledBatches(...source)(0, one.batch)(0);
  const loaders = THREADS.map((threads) =>
    threads === 0 ? null : openLoader(threads)(lookOf(dataset), examples.images),
  );
  const sources = loaders.map((loader) => (loader ? loadedBatches(loader, ...source) : shuffledBatches(...source)));
  const makers = [() => there, ...sources.map((of) => onwards(of(0, one.batch)))];
  const times = makers.map((): Times => ({ waited: [], whole: [] }));
  for (let round = -1; round < rounds; round++) {
    for (const [i, maker] of makers.entries()) {
      const { waited, whole } = await turn(
        async ({ images, labels }) => network.step(images, labels, UPDATE),
        maker,
        one.iterations,
      );
      await network.losses();
      if (round < 0) continue; // what is only done once
      times[i]!.waited.push(...waited);
      times[i]!.whole.push(whole);
    }
  }
  for (const loader of loaders) await loader?.close();
  await network.dispose();
  return times;
}

/** One after the other, over all turns. */
function onwards(batches: Batches): () => ReturnType<Batches> {
  let next = 0;
  return () => batches(next++);
}

const show = (values: Quartiles): string => {
  const digits = values[1] < 10 ? 3 : 1;
  const [low, median, high] = values.map((value) => value.toFixed(digits));
  return `${median} (${low}–${high})`;
};

export async function printLoading(contender: Contender, folder: string, quick: boolean): Promise<void> {
  console.log(`\n### Waiting for data (${contender.build}, ${contender.threads} threads)\n`);
  console.log("| net | batch | augmentation | batches | ms waited | ms an iteration |\n|---|---|---|---|---|---|");
  for (const one of CASES) {
    const times = await measure(one, contender, folder, quick ? 2 : 5);
    const names = [
      "there already",
      ...THREADS.map((threads) => (threads === 0 ? "in between" : `ahead, on ${threads}`)),
    ];
    times.forEach(({ waited, whole }, i) => {
      const cells = [names[i], show(quartiles(waited)), show(quartiles(whole))];
      console.log(`| ${[one.net, one.batch, one.augmentation ?? "", ...cells].join(" | ")} |`);
    });
  }
}
