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

/** Examples in memory, labels as bytes. */
type Loaded = Examples & { readonly images: Uint8Array; readonly labels: Uint8Array };

/** sha256 (hex) over the decoded examples: count as u32 big-endian, images, labels; training set first, then test set. */
export async function digestOfExamples(train: Loaded, test: Loaded): Promise<string> {
  const parts = [train, test].flatMap(({ images, labels, count }) => {
    const head = new DataView(new ArrayBuffer(4));
    head.setUint32(0, count);
    return [new Uint8Array(head.buffer), images, labels];
  });
  return digestOfLarge(concatBytes(...parts));
}
