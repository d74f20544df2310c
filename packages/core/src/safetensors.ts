/**
 * Safetensors, the file format that PyTorch and others exchange weights in (huggingface/safetensors, README.md, "Format"):
 *
 *   u64     header length in bytes, little-endian
 *   header  JSON: { NAME: { dtype, shape, data_offsets: [begin, end] }, …, "__metadata__": { text: text } }, offsets from the
 *           end of the header; spaces at its end keep the data aligned
 *   data    row-major, little-endian, the tensors without gaps
 *
 * A net goes out as a PyTorch module of the same names takes it: pruned weights exactly 0, each batch norm's
 * num_batches_tracked beside its state (0: it does not count here), and the mask apart, as "mask/NAME" of 0 and 1. Weights come
 * in to be trained from (initial-weights.ts).
 */
import { z } from "zod";
import { datasetOf } from "./datasets/index.ts";
import { type Architecture, parameters } from "./layers.ts";
import { countKept } from "./mask.ts";
import { Problem } from "./problem.ts";
import type { Spec } from "./spec.ts";
import { readTensorFile, readTicketFile } from "./tensor-file.ts";
import type { Weights } from "./weights.ts";

const MAX_HEADER_BYTES = 1 << 20;
const MAX_TENSORS = 10_000;
/** Of what is read or written here; of other types only the names are known. */
const BYTES = { F32: 4, U8: 1, I64: 8 } as const;

const entrySchema = z.strictObject({
  dtype: z.string().max(20),
  shape: z.array(z.number().int().min(0).max(0x7fffffff)).max(8),
  data_offsets: z.tuple([z.number().int().min(0), z.number().int().min(0)]),
});
const headerSchema = z.record(z.string().min(1).max(300), z.unknown());

export interface SafeTensor {
  readonly name: string;
  readonly dtype: keyof typeof BYTES;
  readonly shape: readonly number[];
  /** As the file has them. */
  readonly bytes: Uint8Array;
}

const bad = (message: string, cause?: unknown): Problem =>
  new Problem("bad-file", `safetensors: ${message}`, { cause });
const sizeOf = (shape: readonly number[]): number => shape.reduce((size, n) => size * n, 1);

export function writeSafetensors(
  tensors: readonly SafeTensor[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  let end = 0;
  const entries = tensors.map(({ name, dtype, shape, bytes }) => {
    if (bytes.length !== sizeOf(shape) * BYTES[dtype]) throw new Error(`${name}: ${bytes.length} bytes for ${shape}`);
    return [name, { dtype, shape, data_offsets: [end, (end += bytes.length)] }] as const;
  });
  const json = new TextEncoder().encode(JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) }));
  const start = 8 + Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(start + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(start - 8), true);
  file.fill(0x20, 8, start);
  file.set(json, 8);
  let at = start;
  for (const { bytes } of tensors) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}

/**
 * Reads bytes from anywhere. Offsets must cover the data exactly, no tensor over another; a type that is not read here is
 * refused. Throws Problem "bad-file".
 */
export function readSafetensors(file: Uint8Array): SafeTensor[] {
  if (file.length < 8) throw bad(`expected at least 8 bytes; got ${file.length}`);
  const length = new DataView(file.buffer, file.byteOffset).getBigUint64(0, true);
  const most = Math.min(MAX_HEADER_BYTES, file.length - 8);
  if (length > most) throw bad(`header: expected at most ${most} bytes; got ${length}`);
  const data = file.subarray(8 + Number(length));
  const { __metadata__: _, ...entries } = parseHeader(file.subarray(8, 8 + Number(length)));
  if (Object.keys(entries).length > MAX_TENSORS) throw bad(`expected at most ${MAX_TENSORS} tensors`);

  const placed = Object.entries(entries).map(([name, value]) => {
    const entry = entrySchema.safeParse(value);
    if (!entry.success) {
      const { path, message } = entry.error.issues[0]!;
      throw bad(`${[name, ...path].join(".")}: ${message}`, entry.error);
    }
    return { name, ...entry.data };
  });
  let end = 0;
  for (const {
    name,
    data_offsets: [from, to],
  } of placed.toSorted((a, b) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1])) {
    if (from !== end || to < from || to > data.length)
      throw bad(`${name}: expected data from byte ${end} to at most ${data.length}; got ${from} to ${to}`);
    end = to;
  }
  if (end !== data.length) throw bad(`expected ${end} bytes of data; got ${data.length}`);
  return placed.map(({ name, dtype, shape, data_offsets: [from, to] }) => {
    if (!isRead(dtype)) throw bad(`${name}: expected F32; got ${dtype}: save it as 32-bit floats (tensor.float())`);
    const expected = sizeOf(shape) * BYTES[dtype];
    if (to - from !== expected)
      throw bad(`${name}: expected ${expected} bytes for ${dtype} [${shape.join(", ")}]; got ${to - from}`);
    return { name, dtype, shape, bytes: data.subarray(from, to) };
  });
}

const isRead = (dtype: string): dtype is keyof typeof BYTES => Object.hasOwn(BYTES, dtype);

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw bad(`header: expected JSON: ${(cause as Error).message}`, cause);
  }
  const header = headerSchema.safeParse(value);
  if (!header.success) throw bad("header: expected an object of tensors by name", header.error);
  return header.data;
}

const STATE = /\.running_var$/;
const COUNTER = ".num_batches_tracked";

/** What is known of a net besides its file: the run that it is of, and how many test images it gets right. */
export interface Provenance {
  readonly spec: Spec;
  readonly score: { readonly correct: number; readonly total: number };
}

/** A ticket or trained file as safetensors. Throws Problem "bad-file". */
export function exportSafetensors(file: Uint8Array, of?: Provenance): Uint8Array<ArrayBuffer> {
  const { kind, specDigest, mask } = readTicketFile(file);
  const { tensors } = readTensorFile(file);
  const masks = Object.values(mask);
  const [kept, all] = [
    masks.reduce((sum, one) => sum + countKept(one), 0),
    masks.reduce((sum, m) => sum + m.length, 0),
  ];
  const pruned = kept < all;
  // The widest first, so that each lies at a multiple of its size.
  const counters = tensors.flatMap(({ name }): SafeTensor[] =>
    STATE.test(name)
      ? [{ name: name.replace(STATE, COUNTER), dtype: "I64", shape: [], bytes: new Uint8Array(BYTES.I64) }]
      : [],
  );
  const weights = tensors.flatMap(({ name, shape, values }): SafeTensor[] =>
    values instanceof Float32Array ? [{ name, dtype: "F32", shape, bytes: littleEndian(values) }] : [],
  );
  const marks = tensors.flatMap(({ name, shape, values }): SafeTensor[] =>
    pruned && values instanceof Uint8Array
      ? [{ name: name.replace("mask:", "mask/"), dtype: "U8", shape, bytes: values }]
      : [],
  );
  return writeSafetensors([...counters, ...weights, ...marks], {
    format: "pt",
    note: 'a net of Ticketmark: names are PyTorch\'s; where "mask/NAME" is 0, NAME is pruned and exactly 0',
    what: kind,
    specDigest,
    sparsity: String(1 - kept / all),
    ...(of && described(of)),
  });
}

/** How to test it: images scaled to 0 … 1, minus mean, divided by std. */
function described({ spec, score }: Provenance): Record<string, string> {
  const { mean, std } = datasetOf(spec);
  const { correct, total } = score;
  return {
    ...{ model: spec.model, dataset: spec.dataset, mean: JSON.stringify(mean), std: JSON.stringify(std) },
    ...{ correct: String(correct), total: String(total) },
  };
}

function littleEndian(values: Float32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.byteLength));
  for (let i = 0; i < values.length; i++) view.setFloat32(4 * i, values[i]!, true);
  return new Uint8Array(view.buffer);
}

/**
 * Weights of a safetensors file for a net: exactly its parameters, in F32, each of its shape; counters of batch norms are left
 * aside. Throws Problem "bad-file", also for numbers that are not finite.
 */
export function importSafetensors(file: Uint8Array, architecture: Architecture): Weights {
  const expected = parameters(architecture);
  const byName = new Map(readSafetensors(file).map((tensor) => [tensor.name, tensor]));
  const weights = expected.map(({ name, shape }): [string, Float32Array] => {
    const tensor = byName.get(name);
    byName.delete(name);
    if (STATE.test(name)) byName.delete(name.replace(STATE, COUNTER));
    const show = (dtype: string, sizes: readonly number[]): string => `${dtype} [${sizes.join(", ")}]`;
    const [got, wanted] = [tensor ? show(tensor.dtype, tensor.shape) : "no such tensor", show("F32", shape)];
    if (got !== wanted) throw bad(`${name}: expected ${wanted}; got ${got}`);
    const values = floats(tensor!.bytes);
    if (!values.every(Number.isFinite)) throw bad(`${name}: expected finite numbers`);
    return [name, values];
  });
  const [other] = byName.keys();
  if (other !== undefined) throw bad(`${other}: expected only the model's own tensors: ${expected[0]!.name} and so on`);
  return Object.fromEntries(weights);
}

function floats(bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}
