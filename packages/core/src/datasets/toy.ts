/**
 * For tests: four random 8 × 8 patterns, each example one of them under noise. Made from a fixed seed, so it needs no
 * file; a small net learns it within an epoch, but not to the last image.
 */
import { seededRng } from "../rng.ts";
import type { Dataset } from "./dataset.ts";
import { digestOfExamples } from "./files.ts";

const TRAIN_COUNT = 600;
const TEST_COUNT = 200;
const CLASSES = 4;
const PIXELS = 64;
/** Share of a pixel that is noise; the rest is the pattern's. */
const NOISE = 0.75;

export const toy: Dataset = {
  id: "toy",
  name: "Toy patterns",
  source: { title: "made by packages/core/src/datasets/toy.ts", url: "https://en.wikipedia.org/wiki/Toy_problem" },
  summary: "For tests: four noisy 8 × 8 patterns, 600 training and 200 test images.",
  shape: [1, 8, 8],
  classes: CLASSES,
  trainCount: TRAIN_COUNT,
  testCount: TEST_COUNT,
  validationCount: 100,
  mean: [0.5],
  std: [0.25],
  classNames: ["a", "b", "c", "d"],
  files: [],
  recipe: {
    epochs: 3,
    batchSize: 20,
    learningRate: [
      { epoch: 0, value: 0.05 },
      { epoch: 2, value: 0.01 },
    ],
    momentum: 0.9,
    weightDecay: 1e-4,
    nesterov: false,
    labelSmoothing: 0,
  },
  async load() {
    const train = draw("train", TRAIN_COUNT);
    const test = draw("test", TEST_COUNT);
    return { train, test, digest: await digestOfExamples(train, test) };
  },
};

function draw(set: string, count: number) {
  const root = seededRng(0).stream("toy");
  const patterns = root.stream("patterns");
  const pattern = Float32Array.from({ length: CLASSES * PIXELS }, () => patterns.uniform());
  const rng = root.stream(set);
  const labels = Uint8Array.from({ length: count }, () => rng.below(CLASSES));
  const images = Uint8Array.from({ length: count * PIXELS }, (_, i) => {
    const clean = pattern[labels[Math.floor(i / PIXELS)]! * PIXELS + (i % PIXELS)]!;
    return Math.floor(256 * ((1 - NOISE) * clean + NOISE * rng.uniform()));
  });
  return { images, labels, count };
}
