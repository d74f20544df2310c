/** What every data set does with its files and examples: checks bytes before they are decoded, names what was decoded. */
import { concatBytes } from "@noble/hashes/utils.js";
import { digestOfLarge } from "../canonical.ts";
import { Problem } from "../problem.ts";
import type { DataFile, Examples, ReadFile } from "./dataset.ts";

/** Reads a file and compares size and, where it is known, sha256. Throws Problem "bad-file"; what `read` throws goes through. */
export async function readChecked(file: DataFile, read: ReadFile): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await read(file);
  if (bytes.length !== file.bytes)
    throw new Problem("bad-file", `${file.name}: expected ${file.bytes} bytes; got ${bytes.length}`);
  if (file.sha256 === null) return bytes;
  const digest = await digestOfLarge(bytes);
  if (digest !== file.sha256)
    throw new Problem("bad-file", `${file.name}: expected sha256 ${file.sha256}; got ${digest}`);
  return bytes;
}

/** Examples in memory. */
type Loaded = Examples & { readonly images: Uint8Array };

/**
 * sha256 (hex) over the decoded examples: count as u32 big-endian, images, labels; training set first, then test set.
 * Labels are bytes, or 16 bits little-endian where they are 16 bits.
 */
export async function digestOfExamples(train: Loaded, test: Loaded): Promise<string> {
  return digestOfLarge(concatBytes(...[train, test].flatMap((set) => [u32(set.count), set.images, labelBytes(set)])));
}

export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

export function labelBytes({ labels }: Pick<Examples, "labels">): Uint8Array {
  if (labels instanceof Uint8Array) return labels;
  const view = new DataView(new ArrayBuffer(2 * labels.length));
  labels.forEach((label, i) => {
    view.setUint16(2 * i, label, true);
  });
  return new Uint8Array(view.buffer);
}
