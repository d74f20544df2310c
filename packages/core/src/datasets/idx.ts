/**
 * The IDX format of the MNIST files: two zero bytes, type (8 = unsigned byte), number of dimensions, each dimension as a
 * big-endian u32, then the bytes, last dimension fastest. http://yann.lecun.com/exdb/mnist/
 */
import { Problem } from "../problem.ts";

/**
 * The elements of an IDX file of unsigned bytes, as a view of `bytes`. Throws Problem "bad-file" unless it has exactly
 * the dimensions expected.
 */
export function decodeIdx(bytes: Uint8Array, dimensions: readonly number[], file: string): Uint8Array {
  const header = 4 + 4 * dimensions.length;
  const size = dimensions.reduce((product, dimension) => product * dimension, 1);
  if (bytes.length < header) fault(file, `a header of ${header} bytes`, `${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = 0x0800 + dimensions.length;
  if (view.getUint32(0) !== magic) fault(file, `magic number 0x${hex(magic)}`, `0x${hex(view.getUint32(0))}`);
  const found = dimensions.map((_, i) => view.getUint32(4 + 4 * i));
  if (found.some((dimension, i) => dimension !== dimensions[i]))
    fault(file, `dimensions ${dimensions.join(" × ")}`, found.join(" × "));
  if (bytes.length !== header + size) fault(file, `${header + size} bytes`, `${bytes.length}`);
  return bytes.subarray(header);
}

/** Labels of `classes` classes. Throws Problem "bad-file" at the first that is out of range. */
export function decodeLabels(bytes: Uint8Array, count: number, classes: number, file: string): Uint8Array {
  const labels = decodeIdx(bytes, [count], file);
  const bad = labels.findIndex((label) => label >= classes);
  if (bad >= 0) fault(file, `labels 0 … ${classes - 1}`, `${labels[bad]} at label ${bad}`);
  return labels;
}

const hex = (x: number): string => x.toString(16).padStart(8, "0");

function fault(file: string, expected: string, got: string): never {
  throw new Problem("bad-file", `${file}: expected ${expected}; got ${got}`);
}
