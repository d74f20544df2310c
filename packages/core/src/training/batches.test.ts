import { expect, test } from "vitest";
import type { Dataset, Examples } from "../datasets/dataset.ts";
import { toy } from "../datasets/toy.ts";
import { seededRng } from "../rng.ts";
import { type Batch, normalisation, normalised, scored, shuffledBatches, splitTraining } from "./batches.ts";

/** Two channels of 1×2 pixels; the first pixel of an image is its number. */
const examples: Examples = {
  count: 7,
  images: Uint8Array.from({ length: 28 }, (_, i) => (i % 4 === 0 ? i / 4 : 100 + (i % 4))),
  labels: Uint8Array.from({ length: 7 }, (_, i) => i),
};
const dataset: Dataset = { ...toy, shape: [2, 1, 2], mean: [0, 0.5], std: [1 / 255, 0.25] };
const all = Uint32Array.from({ length: 7 }, (_, i) => i);

test("an epoch shows each image once, the next in another order, the last batch short", () => {
  const batches = shuffledBatches(dataset, examples, all, seededRng(1))(0, 3);
  const epoch = (from: number) => [0, 1, 2].map((i) => [...batches(from + i).labels]);
  const first = epoch(0);
  expect(first.map((labels) => labels.length)).toEqual([3, 3, 1]);
  expect(first.flat().toSorted()).toEqual([...all]);
  const second = epoch(3);
  expect(second.flat().toSorted()).toEqual([...all]);
  expect(second).not.toEqual(first);
});

test("the iteration's number alone says which images it gets; phases differ", () => {
  const source = shuffledBatches(dataset, examples, all, seededRng(1));
  const straight = source(2, 2);
  const labels = Array.from({ length: 10 }, (_, i) => [...straight(i).labels]);
  const resumed = source(2, 2);
  expect([...resumed(9).labels]).toEqual(labels[9]);
  expect([...resumed(4).labels]).toEqual(labels[4]);
  const other = source(3, 2);
  expect(Array.from({ length: 10 }, (_, i) => [...other(i).labels])).not.toEqual(labels);
});

test("images belong to their labels and are normalised by channel, as float32 does it", () => {
  const batch = shuffledBatches(dataset, examples, all, seededRng(5))(0, 7)(0);
  const second = normalisation(0.5, 0.25);
  batch.labels.forEach((label, i) => {
    const image = batch.images.subarray(i * 4, i * 4 + 4);
    expect(image[0]).toBeCloseTo(label, 4);
    expect([...image.subarray(2)]).toEqual([second[102], second[103]]);
  });
  const f = Math.fround;
  expect(normalisation(0.1307, 0.3081)[200]).toBe(f(f(f(200 / 255) - f(0.1307)) / f(0.3081)));
  expect(normalised(dataset, examples, all).labels).toEqual(examples.labels);
  expect(normalised(dataset, examples, Uint32Array.of(6, 2)).images[4]).toBeCloseTo(2, 4);
});

test("the held-out images are never trained on, and depend on the seed alone", () => {
  const { train, validation } = splitTraining(toy, "validation", seededRng(3));
  expect(validation.length).toBe(toy.validationCount);
  expect([...train, ...validation].toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: toy.trainCount }, (_, i) => i),
  );
  expect(splitTraining(toy, "validation", seededRng(3)).validation).toEqual(validation);
  expect(splitTraining(toy, "validation", seededRng(4)).validation).not.toEqual(validation);
  expect(splitTraining(toy, "paper", seededRng(3)).train.length).toBe(toy.trainCount);
});

test("images are scored in the middle of what is stored, the same all at once and, where there are too many, part by part", () => {
  const stored: Dataset = { ...dataset, shape: [1, 32, 32], stored: [1, 36, 34], mean: [0], std: [1] };
  const imageBytes = 36 * 34;
  const seen: number[] = [];
  const many = (count: number): Examples => ({
    count,
    labels: Uint8Array.from({ length: count }, (_, i) => i % 10),
    images: {
      ...{ path: "", imageBytes },
      read(index, to) {
        seen.push(index);
        for (let i = 0; i < imageBytes; i++) to[i] = index + 7 * Math.floor(i / 34) + i;
      },
    },
  });
  const [few, large] = [scored(stored, many(300)), scored(stored, many(70_000))];
  expect([few.count, large.count]).toEqual([300, 70_000]);
  expect(seen.length).toBe(300); // the rest would fill 287 MB
  const bounds = [0, 128, 256, 300];
  const parts = [few, large].map(({ part }) => bounds.slice(1).map((to, i) => copy(part(bounds[i]!, to))));
  bounds.slice(1).forEach((_, i) => {
    expect(Buffer.compare(bytesOf(parts[0]![i]!), bytesOf(parts[1]![i]!))).toBe(0);
  });
  expect(parts[1]![1]!.labels).toEqual(Uint8Array.from({ length: 128 }, (_, i) => (128 + i) % 10));
  const first = 2 * 34 + 1; // row 2, column 1
  expect(parts[0]![0]!.images[0]).toBe(Math.fround((7 * 2 + first) / 255));
  expect(parts[0]![0]!.images[33]).toBe(Math.fround((7 * 3 + first + 35) / 255));
  const some = scored(stored, many(70_000), Uint32Array.of(9, 260, 7));
  expect([...some.part(1, 2).images]).toEqual([...parts[0]![2]!.images.subarray(4 * 1024, 5 * 1024)]);
});
const copy = ({ images, labels }: Batch) => ({ images: images.slice(), labels: labels.slice() });

const bytesOf = ({ images }: Batch) => new Uint8Array(images.buffer);

test("an image has the same numbers when it comes again", () => {
  const batches = shuffledBatches(dataset, examples, all, seededRng(1))(0, 3);
  for (let i = 0; i < 12; i++) {
    const { images, labels } = batches(i);
    expect(images).toEqual(normalised(dataset, examples, Uint32Array.from(labels)).images); // its label is its index
  }
});
