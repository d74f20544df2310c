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

/** What is downloaded whole, checked, and then unpacked. */
export interface Archive {
  /** Of the file, e.g. "cifar-10-binary.tar.gz". */
  readonly name: string;
  /** Tried in this order. */
  readonly urls: readonly string[];
  /** Null where no source tells it. */
  readonly bytes: number | null;
  readonly sha256: string;
  readonly format: "gz" | "tar.gz" | "zip";
}

/** One file that a data set is made of, and where it comes from. */
export interface DataFile {
  /** e.g. "train-images-idx3-ubyte". */
  readonly name: string;
  /** Unpacked. */
  readonly bytes: number;
  /** Null where only the archive's is published: the archive is checked before it is unpacked. */
  readonly sha256: string | null;
  readonly source: /** npm package and path that carries the file. */
    | { readonly package: { readonly name: string; readonly path: string } }
    /** Member of an archive: its path there, null for "gz", which holds one file. */
    | { readonly archive: Archive; readonly member: string | null };
}

/** Image files in folders, for a data set that is made of them. */
export interface ImageSource {
  /** What carries the folders; null where people bring their own, as nobody may hand it on. */
  readonly archive: Archive | null;
  /** Folder within the archive that all paths below start from; "" for the archive itself and for folders of people's own. */
  readonly root: string;
}

/** The folders of an `ImageSource`. Paths are relative, with "/": "train/n01440764". */
export interface ReadFolder {
  /** Names of the files and folders in a folder, ascending by code units. Throws Problem "data-unavailable" for a missing one. */
  list(path: string): Promise<readonly string[]>;
  /** Throws Problem "data-unavailable" for a missing file, "too-large" beyond `maxBytes`. */
  read(path: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Bytes of a file. Throws Problem "data-unavailable" for a missing one. */
  size(path: string): Promise<number>;
}

/** Images that are kept in a file. */
export interface StoredImages {
  readonly images: ImageFile;
  /** sha256 (hex) over their bytes. */
  readonly digest: string;
}

/**
 * Keeps decoded images, so that they are decoded once: one file a key. `sizes` are the bytes of the file that each image is
 * decoded from: where one differs, what was kept is of other files and is not used.
 */
export interface Store {
  /** What was kept under this key, or null. Throws Problem "bad-file" unless its bytes are those that were written. */
  open(key: string, imageBytes: number, sizes: readonly number[]): Promise<StoredImages | null>;
  /**
   * Keeps the images that `write` appends, from image `first` on: those before are there from a try that ended early, by a
   * fault or by being stopped.
   */
  create(
    key: string,
    imageBytes: number,
    sizes: readonly number[],
    write: (append: (image: Uint8Array) => Promise<void>, first: number) => Promise<void>,
  ): Promise<StoredImages>;
}

/** Opens the folders of a data set. Throws Problem "data-unavailable". The caller of core decides where they lie. */
export type OpenImages = (
  dataset: string,
  source: ImageSource,
) => Promise<{ readonly folder: ReadFolder; readonly store: Store }>;

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
  /** Of the images that nets see. */
  readonly shape: Shape;
  /** Of the images that `load` gives, where they are larger: nets see a part of them, the middle when they are tested. */
  readonly stored?: Shape;
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
  /** Where its images are files of their own. */
  readonly images?: ImageSource;
  /** The recipe that a spec gets where it names none. */
  readonly recipe: Recipe;
  /** For a data set of class folders: the same with the classes that a spec names. Without them it has none. */
  withClasses?(classes: readonly ClassFolder[]): Dataset;
  /** Reads, checks (size, sha256) and decodes. Throws Problem "bad-file" or "data-unavailable". `open`: for `images`. */
  load(read: ReadFile, open?: OpenImages): Promise<Data>;
}

/** Images that are trained on: all of them, or those that the validation split leaves. */
export const trainingCount = (dataset: Dataset, protocol: "validation" | "paper"): number =>
  protocol === "paper" ? dataset.trainCount : dataset.trainCount - dataset.validationCount;
