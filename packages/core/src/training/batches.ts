/**
 * Which images an iteration sees, and as what numbers. Order is drawn anew for each epoch of each phase from a stream of
 * its own, so that the iteration's number alone says which images it gets: resuming needs no state.
 */
import type { Dataset, Examples } from "../datasets/dataset.ts";
import type { Labels } from "../engine/engine.ts";
import type { Rng } from "../rng.ts";

export interface Batch {
  /** [batch, channels, height, width], normalised. */
  readonly images: Float32Array;
  /** [batch] */
  readonly labels: Labels;
  /** uint32 that decides what dropout drops; for nets that have dropout. */
  readonly dropoutSeed?: number;
}

/** The batch of an iteration of one phase, counted from the recipe's start. Its arrays hold until the next call. */
export type Batches = (iteration: number) => Batch | Promise<Batch>;

/** Makes the batches of the phase with this number (over the whole run, from 0). */
export type BatchSource = (phase: number, batchSize: number) => Batches;

/** Which training images are trained on, and which are held out. Ascending indices. */
export interface Split {
  readonly train: Uint32Array;
  readonly validation: Uint32Array;
}

/** Protocol "validation" holds out `validationCount` images, drawn from the stream `validation`; "paper" holds out none. */
export function splitTraining(dataset: Dataset, protocol: "validation" | "paper", rng: Rng): Split {
  const held = protocol === "validation" ? dataset.validationCount : 0;
  if (held === 0)
    return { train: Uint32Array.from({ length: dataset.trainCount }, (_, i) => i), validation: new Uint32Array() };
  const order = rng.stream("validation").permutation(dataset.trainCount);
  return { train: order.slice(held).sort(), validation: order.slice(0, held).sort() };
}

/** Shuffled batches of the images that `indices` names; the last batch of an epoch is short where it must be. */
export function shuffledBatches(dataset: Dataset, examples: Examples, indices: Uint32Array, rng: Rng) {
  const assemble = assembler(dataset, examples);
  return (phase: number, batchSize: number) => {
    const epochIterations = Math.ceil(indices.length / batchSize);
    const chosen = new Uint32Array(batchSize);
    let epoch = -1;
    let order: Uint32Array = new Uint32Array();
    return (iteration: number): Batch => {
      const wanted = Math.floor(iteration / epochIterations);
      if (wanted !== epoch) {
        epoch = wanted;
        order = rng.stream(`batches/${phase}/${epoch}`).permutation(indices.length);
      }
      const from = (iteration % epochIterations) * batchSize;
      const size = Math.min(batchSize, indices.length - from);
      for (let i = 0; i < size; i++) chosen[i] = indices[order[from + i]!]!;
      return assemble(chosen.subarray(0, size));
    };
  };
}

/** The same batches, each with a dropout seed drawn for its phase and iteration: it, too, needs no state to resume. */
export const withDropoutSeeds =
  (source: BatchSource, rng: Rng): BatchSource =>
  (phase, batchSize) => {
    const batches = source(phase, batchSize);
    return async (iteration) => ({
      ...(await batches(iteration)),
      dropoutSeed: rng.stream(`dropout/${phase}/${iteration}`).uint32(),
    });
  };

/** Examples as the network sees them, all at once, in arrays of their own. */
export function normalised(dataset: Dataset, examples: Examples, indices?: Uint32Array): Batch {
  const chosen = indices ?? Uint32Array.from({ length: examples.count }, (_, i) => i);
  if (chosen.length === 0) return { images: new Float32Array(), labels: new Uint8Array() };
  return assembler(dataset, examples)(chosen);
}

/** Turns bytes into numbers through a table, into buffers that grow to the largest batch and are used again. */
function assembler({ shape, mean, std }: Dataset, examples: Examples): (indices: Uint32Array) => Batch {
  const [channels, height, width] = shape;
  const plane = height * width;
  const size = channels * plane;
  const tables = Array.from({ length: channels }, (_, c) => bitsOf(normalisation(mean[c]!, std[c]!)));
  const stored = examples.images instanceof Uint8Array ? null : examples.images;
  const one = new Uint8Array(stored?.imageBytes ?? 0);
  const bytes = examples.images instanceof Uint8Array ? examples.images : one;
  let images = new Float32Array();
  let bits = bitsOf(images);
  const Labels = examples.labels instanceof Uint8Array ? Uint8Array : Uint16Array;
  let labels: Labels = new Labels();
  return (indices) => {
    if (indices.length > labels.length) {
      images = new Float32Array(indices.length * size);
      bits = bitsOf(images);
      labels = new Labels(indices.length);
    }
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i]!;
      labels[i] = examples.labels[index]!;
      if (stored) stored.read(index, one, 0);
      const from = stored ? 0 : index * size;
      for (let c = 0; c < channels; c++) {
        lookUp(tables[c]!, bytes, from + c * plane, plane, bits, i * size + c * plane);
      }
    }
    return { images: images.subarray(0, indices.length * size), labels: labels.subarray(0, indices.length) };
  };
}

const bitsOf = (values: Float32Array): Int32Array => new Int32Array(values.buffer);

/** Small nets wait for this loop: it moves bits, as integers, since floats would be widened and narrowed on the way. */
function lookUp(table: Int32Array, bytes: Uint8Array, from: number, count: number, to: Int32Array, at: number): void {
  for (let i = 0; i < count; i++) to[at + i] = table[bytes[from + i]!]!;
}

/** (x ÷ 255 − mean) ÷ std for the 256 values of a byte, each operation rounded to float32, as torchvision does it. */
export function normalisation(mean: number, std: number): Float32Array {
  const [m, s] = [Math.fround(mean), Math.fround(std)];
  return Float32Array.from({ length: 256 }, (_, x) => Math.fround(Math.fround(x / 255) - m) / s);
}
