/**
 * Data sets in the shape of MNIST: ten classes of 28 × 28 grey images, 60,000 for training and 10,000 for testing, in four
 * IDX files of the same names.
 */
import type { Archive, DataFile, Dataset } from "./dataset.ts";
import { digestOfExamples, readChecked } from "./files.ts";
import { decodeIdx, decodeLabels } from "./idx.ts";

const SIDE = 28;
const CLASSES = 10;
const TRAIN_COUNT = 60_000;
const TEST_COUNT = 10_000;
const IMAGES_HEADER = 16;
const LABELS_HEADER = 8;

type Place = Pick<DataFile, "sha256" | "source">;

export interface DigitLike extends Pick<Dataset, "id" | "name" | "source" | "summary" | "classNames"> {
  readonly mean: number;
  readonly std: number;
  readonly trainImages: Place;
  readonly trainLabels: Place;
  readonly testImages: Place;
  readonly testLabels: Place;
}

/** The place of a file that is offered compressed by itself. Published is the sha256 of the compressed file. */
export function gzipped(folders: readonly string[], name: string, bytes: number, sha256: string): Place {
  const file = `${name}.gz`;
  const archive: Archive = { name: file, urls: folders.map((folder) => folder + file), bytes, sha256, format: "gz" };
  return { sha256: null, source: { archive, member: null } };
}

export function digitLike(parts: DigitLike): Dataset {
  const { id, name, source, summary, mean, std, classNames } = parts;
  const images = (set: string, count: number, place: Place): DataFile => ({
    name: `${set}-images-idx3-ubyte`,
    bytes: IMAGES_HEADER + count * SIDE * SIDE,
    ...place,
  });
  const labels = (set: string, count: number, place: Place): DataFile => ({
    name: `${set}-labels-idx1-ubyte`,
    bytes: LABELS_HEADER + count,
    ...place,
  });
  const train = [
    images("train", TRAIN_COUNT, parts.trainImages),
    labels("train", TRAIN_COUNT, parts.trainLabels),
  ] as const;
  const test = [images("t10k", TEST_COUNT, parts.testImages), labels("t10k", TEST_COUNT, parts.testLabels)] as const;
  return {
    ...{ id, name, source, summary, classNames },
    shape: [1, SIDE, SIDE],
    classes: CLASSES,
    trainCount: TRAIN_COUNT,
    testCount: TEST_COUNT,
    validationCount: 5_000,
    mean: [mean],
    std: [std],
    files: [...train, ...test],
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
      const examples = async ([imageFile, labelFile]: readonly [DataFile, DataFile], count: number) => {
        const [imageBytes, labelBytes] = await Promise.all([
          readChecked(imageFile, read),
          readChecked(labelFile, read),
        ]);
        return {
          images: decodeIdx(imageBytes, [count, SIDE, SIDE], imageFile.name),
          labels: decodeLabels(labelBytes, count, CLASSES, labelFile.name),
          count,
        };
      };
      const [trained, tested] = await Promise.all([examples(train, TRAIN_COUNT), examples(test, TEST_COUNT)]);
      return { train: trained, test: tested, digest: await digestOfExamples(trained, tested) };
    },
  };
}
