/**
 * Which images an iteration sees, and as what numbers. Order is drawn anew for each epoch of each phase from a stream of
 * its own, so that the iteration's number alone says which images it gets: resuming needs no state.
 */
import type { Dataset, Examples } from "../datasets/dataset.ts";
import type { Labels } from "../engine/engine.ts";
import type { Rng } from "../rng.ts";
import { cutter } from "./augment.ts";
import { CUT, type Look, painter, type Stored, valuesOf } from "./pixels.mjs";
import type { Recipe } from "./recipe.ts";

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

/** Which images an iteration sees, what of them (`CUT` integers each, pixels.d.mts), and their labels; arrays of its own. */
export interface Chosen {
  readonly cuts: Int32Array;
  readonly labels: Labels;
}
export type Order = (iteration: number) => Chosen;

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

/** Makes batches ahead of training, beside its thread: the same ones, however many make them. */
export interface Loader {
  /** Iterations are to be asked for one after the other; from where does not matter. Throws Problem "data-unavailable". */
  ahead(order: Order, batchSize: number): Batches;
  /** Ends what is being made, too. */
  close(): Promise<void>;
}
export type OpenLoader = (look: Look, images: Examples["images"]) => Loader;

/** Shuffled batches of the images that `indices` names; the last batch of an epoch is short where it must be. */
export function shuffledBatches(
  dataset: Dataset,
  examples: Examples,
  indices: Uint32Array,
  rng: Rng,
  augmentation?: Recipe["augmentation"],
) {
  const assemble = assembler(dataset, examples, augmentation === undefined);
  const order = shuffledOrder(dataset, examples, indices, rng, augmentation);
  return (phase: number, batchSize: number) => {
    const chosen = order(phase, batchSize);
    return (iteration: number): Batch => assemble(chosen(iteration));
  };
}

/** The same, made by a loader. */
export function loadedBatches(loader: Loader, ...source: Parameters<typeof shuffledOrder>): BatchSource {
  const order = shuffledOrder(...source);
  return (phase, batchSize) => loader.ahead(order(phase, batchSize), batchSize);
}

/** Which images the batches of a phase have. Each epoch has an order, and a key for what is seen of the images. */
export function shuffledOrder(
  dataset: Dataset,
  examples: Examples,
  indices: Uint32Array,
  rng: Rng,
  augmentation?: Recipe["augmentation"],
) {
  const choose = chooser(dataset, examples, augmentation);
  return (phase: number, batchSize: number): Order => {
    const epochIterations = Math.ceil(indices.length / batchSize);
    let epoch = -1;
    let order: Uint32Array = new Uint32Array();
    let key = 0;
    return (iteration) => {
      const wanted = Math.floor(iteration / epochIterations);
      if (wanted !== epoch) {
        epoch = wanted;
        order = rng.stream(`batches/${phase}/${epoch}`).permutation(indices.length);
        key = augmentation ? rng.stream(`augmentation/${phase}/${epoch}`).uint32() : 0;
      }
      const from = (iteration % epochIterations) * batchSize;
      const places = order.subarray(from, Math.min(from + batchSize, indices.length));
      return choose(
        places.map((place) => indices[place]!),
        key,
      );
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

/** These examples as the network sees them in evaluations, in arrays of their own. */
export const normalised = (dataset: Dataset, examples: Examples, indices: Uint32Array): Batch =>
  maker(dataset, examples)(indices);

function maker(dataset: Dataset, examples: Examples): (indices: Uint32Array) => Batch {
  const assemble = assembler(dataset, examples, false);
  const choose = chooser(dataset, examples);
  return (indices) => assemble(choose(indices, 0));
}

/** What is seen of these images under an epoch's key. */
function chooser(dataset: Dataset, { labels }: Examples, augmentation?: Recipe["augmentation"]) {
  const cut = cutter(dataset.stored ?? dataset.shape, dataset.shape, augmentation);
  return (indices: Uint32Array, key: number): Chosen => {
    const cuts = new Int32Array(indices.length * CUT);
    const chosen = labels instanceof Uint8Array ? new Uint8Array(indices.length) : new Uint16Array(indices.length);
    indices.forEach((index, i) => {
      cut(key, index, cuts, i * CUT);
      chosen[i] = labels[index]!;
    });
    return { cuts, labels: chosen };
  };
}

/** Images that a net is evaluated on. */
export interface Scored {
  readonly count: number;
  /** The images from `from` up to, not including, `to`. Its arrays hold until the next call. */
  part(from: number, to: number): Batch;
}

/** As numbers all at once where there is room for them, else part by part. */
export function scored(dataset: Dataset, examples: Examples, indices?: Uint32Array): Scored {
  const size = valuesOf(dataset.shape);
  const chosen = indices ?? Uint32Array.from({ length: examples.count }, (_, i) => i);
  const count = chosen.length;
  if (count * size * 4 > KEPT_BYTES) {
    const make = maker(dataset, examples);
    return { count, part: (from, to) => make(chosen.subarray(from, to)) };
  }
  const { images, labels } = normalised(dataset, examples, chosen);
  return {
    count,
    part: (from, to) => ({ images: images.subarray(from * size, to * size), labels: labels.subarray(from, to) }),
  };
}

/** Bytes of a set's numbers that are kept once they are made: MNIST's, whose nets would wait for them. */
const KEPT_BYTES = 268_435_456;

/** Makes batches in a buffer that grows to the largest one and is used again. `keeps`: an image always looks the same. */
function assembler(dataset: Dataset, examples: Examples, keeps: boolean): (chosen: Chosen) => Batch {
  const size = valuesOf(dataset.shape);
  const paint = painter(lookOf(dataset), storedOf(examples));
  const make = keeps && examples.count * size * 4 <= KEPT_BYTES ? keeper(paint, examples.count, size) : paint;
  let images = new Float32Array();
  return ({ cuts, labels }) => {
    const values = labels.length * size;
    if (values > images.length) images = new Float32Array(values);
    const batch = images.subarray(0, values);
    make(cuts, new Int32Array(batch.buffer, 0, values));
    return { images: batch, labels };
  };
}

/** Paints each image once, and copies it from then on. */
function keeper(paint: ReturnType<typeof painter>, count: number, size: number): typeof paint {
  const kept = new Int32Array(count * size);
  const isKept = new Uint8Array(count);
  return (cuts, to) => {
    for (let i = 0; i * CUT < cuts.length; i++) {
      const image = cuts[i * CUT]!;
      const own = kept.subarray(image * size, (image + 1) * size);
      if (isKept[image] === 0) paint(cuts.subarray(i * CUT, (i + 1) * CUT), own);
      isKept[image] = 1;
      to.set(own, i * size);
    }
  };
}

function storedOf({ images, count }: Examples): Stored {
  if (images instanceof Uint8Array) return { bytes: images, seek: (image) => image * (images.length / count) };
  const bytes = new Uint8Array(images.imageBytes);
  return {
    bytes,
    seek(image) {
      images.read(image, bytes, 0);
      return 0;
    },
  };
}

/** From a data set's stored images to what nets see of them. */
export function lookOf({ shape, stored, mean, std }: Dataset): Look {
  const tables = new Float32Array(256 * shape[0]);
  for (let c = 0; c < shape[0]; c++) tables.set(normalisation(mean[c]!, std[c]!), 256 * c);
  return { stored: stored ?? shape, shape, tables: new Int32Array(tables.buffer) };
}

/** (x ÷ 255 − mean) ÷ std for the 256 values of a byte, each operation rounded to float32, as torchvision does it. */
export function normalisation(mean: number, std: number): Float32Array {
  const [m, s] = [Math.fround(mean), Math.fround(std)];
  return Float32Array.from({ length: 256 }, (_, x) => Math.fround(Math.fround(x / 255) - m) / s);
}
