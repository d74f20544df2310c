/** What every data set does with its files and examples: checks bytes before they are decoded, names what was decoded. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { digestOf } from "../canonical.ts";
import { Problem } from "../problem.ts";
import type { DataFile, Examples, ReadFile } from "./dataset.ts";

/** Reads a file and compares size and sha256. Throws Problem "bad-file"; what `read` throws goes through. */
export async function readChecked(file: DataFile, read: ReadFile): Promise<Uint8Array> {
  const bytes = await read(file);
  if (bytes.length !== file.bytes)
    throw new Problem("bad-file", `${file.name}: expected ${file.bytes} bytes; got ${bytes.length}`);
  const digest = digestOf(bytes);
  if (digest !== file.sha256)
    throw new Problem("bad-file", `${file.name}: expected sha256 ${file.sha256}; got ${digest}`);
  return bytes;
}

/** sha256 (hex) over the decoded examples: count as u32 big-endian, images, labels; training set first, then test set. */
export function digestOfExamples(train: Examples, test: Examples): string {
  const hash = sha256.create();
  for (const { images, labels, count } of [train, test]) {
    const head = new DataView(new ArrayBuffer(4));
    head.setUint32(0, count);
    hash.update(new Uint8Array(head.buffer)).update(images).update(labels);
  }
  return bytesToHex(hash.digest());
}
