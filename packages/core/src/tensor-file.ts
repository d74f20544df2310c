/**
 * One binary format for four things: ticket (mask + the weights the final training starts from), trained (mask +
 * last-epoch weights), snapshot (a job in the middle), initial (weights from outside to start from). Little-endian
 * throughout; bounded and checked when read; the same content gives the same bytes, so that its sha256 names it.
 *
 *   8 bytes  magic "TKTMARK1"
 *   u32      header length in bytes
 *   header   canonical JSON: { kind, meta, tensors: [{ name, dtype: "f32" | "u8", shape, encoding: "dense" | "sparse" | "bits" }] }
 *   data     tensors in order, each padded with zeros to a multiple of 4 bytes:
 *            dense   all elements;
 *            bits    u8 tensors of 0 and 1, eight a byte, lowest bit first;
 *            sparse  f32 under the mask tensor "mask:" + name, bits, earlier in the same file: the kept elements only, in
 *                    order; the others are +0
 *
 * Ticket and trained files hold every parameter in the model's order, a masked one right after its mask.
 */
import { z } from "zod";
import { canonicalBytes, digestSchema, parseCanonical } from "./canonical.ts";
import { type Architecture, parameters } from "./layers.ts";
import { countKept, type Mask } from "./mask.ts";
import { Problem } from "./problem.ts";
import type { Weights } from "./weights.ts";

const TENSOR_KINDS = ["ticket", "trained", "snapshot", "initial"] as const;
type TensorKind = (typeof TENSOR_KINDS)[number];

/** What a ticket or trained file holds. */
export interface MaskedWeights {
  readonly mask: Mask;
  readonly weights: Weights;
}

const MAGIC = "TKTMARK1";
const MAX_HEADER_BYTES = 1 << 20;
const MAX_TENSORS = 10_000;

const descriptorSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z][\w.:/-]{0,199}$/, "expected a name"),
  dtype: z.enum(["f32", "u8"]),
  shape: z.array(z.number().int().min(0).max(0x7fffffff)).max(8),
  encoding: z.enum(["dense", "sparse", "bits"]),
});
type Descriptor = z.infer<typeof descriptorSchema>;
const headerSchema = z.strictObject({
  kind: z.enum(TENSOR_KINDS),
  meta: z.json(),
  tensors: z.array(descriptorSchema).max(MAX_TENSORS),
});

export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Float32Array = f32, Uint8Array = u8. */
  readonly values: Float32Array | Uint8Array;
  readonly encoding: "dense" | "sparse" | "bits";
}

export interface TensorFile {
  readonly kind: TensorKind;
  readonly meta: unknown;
  readonly tensors: readonly Tensor[];
}

const maskName = (name: string): string => `mask:${name}`;
const sizeOf = (shape: readonly number[]): number => shape.reduce((size, n) => size * n, 1);
const padded = (bytes: number): number => Math.ceil(bytes / 4) * 4;
const bad = (message: string, cause?: unknown): Problem =>
  new Problem("bad-file", `tensor file: ${message}`, { cause });

export function writeTensorFile({ kind, meta, tensors }: TensorFile): Uint8Array {
  const header = canonicalBytes({
    kind,
    meta,
    tensors: tensors.map(({ name, shape, values, encoding }) => {
      if (sizeOf(shape) !== values.length) throw new Error(`${name}: ${values.length} values for shape ${shape}`);
      return { name, dtype: values instanceof Float32Array ? "f32" : "u8", shape, encoding };
    }),
  });
  if (header.length > MAX_HEADER_BYTES || tensors.length > MAX_TENSORS)
    throw new Error("tensor file: header too large");
  const masks = new Map(tensors.map(({ name, values }) => [name, values as Uint8Array]));
  const placed = tensors.map((tensor) => {
    const mask = tensor.encoding === "sparse" ? masks.get(maskName(tensor.name))! : null;
    return { tensor, mask, length: encodedLength(tensor, mask) };
  });
  const bytes = new Uint8Array(12 + header.length + placed.reduce((sum, { length }) => sum + padded(length), 0));
  bytes.set(new TextEncoder().encode(MAGIC));
  new DataView(bytes.buffer).setUint32(8, header.length, true);
  bytes.set(header, 12);
  let offset = 12 + header.length;
  for (const { tensor, mask, length } of placed) {
    encode(tensor, mask, bytes.subarray(offset, offset + length));
    offset += padded(length);
  }
  return bytes;
}

function encodedLength({ values, encoding }: Tensor, mask: Uint8Array | null): number {
  if (encoding === "bits") return Math.ceil(values.length / 8);
  return mask ? 4 * countKept(mask) : values.byteLength;
}

/** Into its place in the file: a large net's tensors are copied once. */
function encode({ values, encoding }: Tensor, mask: Uint8Array | null, into: Uint8Array): void {
  if (encoding === "bits") {
    for (let i = 0; i < values.length; i++) into[i >> 3]! |= values[i]! << (i & 7);
    return;
  }
  if (values instanceof Uint8Array) {
    into.set(values);
    return;
  }
  const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
  let next = 0;
  for (let i = 0; i < values.length; i++) {
    if (mask && mask[i] === 0) continue;
    view.setFloat32(next, values[i]!, true);
    next += 4;
  }
}

/**
 * Reads bytes from anywhere. Sizes are checked against the byte length before anything is allocated; memory stays below
 * 40 times the file's size. `expect` may refuse the header before the data is looked at. Throws Problem "bad-file".
 * @param wanted encoding of the tensors that are decoded; left out: all
 */
export function readTensorFile(
  bytes: Uint8Array,
  expect?: (header: z.infer<typeof headerSchema>) => void,
  wanted?: Tensor["encoding"],
): TensorFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || new TextDecoder().decode(bytes.subarray(0, 8)) !== MAGIC)
    throw bad(`expected it to start with "${MAGIC}"`);
  const headerLength = view.getUint32(8, true);
  if (headerLength > MAX_HEADER_BYTES || headerLength > bytes.length - 12)
    throw bad(`header: expected at most ${Math.min(MAX_HEADER_BYTES, bytes.length - 12)} bytes; got ${headerLength}`);
  const parsed = headerSchema.safeParse(parseCanonical(bytes.subarray(12, 12 + headerLength), "tensor file: header"));
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw bad(`header: ${issue.path.join(".")}: ${issue.message}`, parsed.error);
  }
  expect?.(parsed.data);

  const read = new Map<string, Tensor>();
  let offset = 12 + headerLength;
  for (const descriptor of parsed.data.tensors) {
    const { name, shape, encoding } = descriptor;
    if (read.has(name)) throw bad(`${name}: expected one tensor of this name; got two`);
    const size = sizeOf(shape);
    const mask = encoding === "sparse" ? maskOf(descriptor, read) : null;
    const length = byteLength(descriptor, size, mask);
    if (length > bytes.length - offset)
      throw bad(`${name}: expected ${length} bytes of data; got ${bytes.length - offset}`);
    const data = bytes.subarray(offset, offset + length);
    const padding = bytes.subarray(offset + length, (offset += padded(length)));
    if (padding.length !== padded(length) - length || padding.some((byte) => byte !== 0))
      throw bad(`${name}: expected zeros up to a multiple of 4 bytes`);
    if (wanted === undefined || wanted === encoding)
      read.set(name, { name, shape, encoding, values: decode(descriptor, size, data, mask) });
  }
  if (offset !== bytes.length) throw bad(`expected ${offset} bytes; got ${bytes.length}`);
  return { kind: parsed.data.kind, meta: parsed.data.meta, tensors: [...read.values()] };
}

function maskOf({ name, shape }: Descriptor, read: ReadonlyMap<string, Tensor>): Uint8Array {
  const mask = read.get(maskName(name));
  if (mask?.encoding !== "bits" || mask.shape.join() !== shape.join())
    throw bad(`${name}: expected its mask, of the same shape, earlier in the file`);
  return mask.values as Uint8Array;
}

function byteLength({ name, dtype, encoding }: Descriptor, size: number, mask: Uint8Array | null): number {
  if (encoding !== "dense" && (encoding === "bits") !== (dtype === "u8"))
    throw bad(`${name}: encoding ${encoding} does not go with ${dtype}`);
  if (encoding === "bits") return Math.ceil(size / 8);
  if (mask) return 4 * countKept(mask);
  return dtype === "f32" ? 4 * size : size;
}

function decode({ name, dtype, encoding }: Descriptor, size: number, data: Uint8Array, mask: Uint8Array | null) {
  if (encoding === "bits") {
    const values = new Uint8Array(size);
    for (let i = 0; i < size; i++) values[i] = (data[i >> 3]! >> (i & 7)) & 1;
    if (size % 8 !== 0 && data[data.length - 1]! >> (size % 8) !== 0)
      throw bad(`${name}: expected zeros after the last bit`);
    return values;
  }
  if (dtype === "u8") return data.slice();
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const values = new Float32Array(size);
  let next = 0;
  for (let i = 0; i < size; i++) {
    if (mask && mask[i] === 0) continue;
    values[i] = view.getFloat32(next, true);
    next += 4;
  }
  return values;
}

/** A ticket or trained file: every parameter of the architecture; pruned weights are left out, whatever they are. */
export function writeTicketFile(
  kind: "ticket" | "trained",
  specDigest: string,
  { mask, weights }: MaskedWeights,
  architecture: Architecture,
): Uint8Array {
  const tensors = parameters(architecture).flatMap(({ name, shape }): Tensor[] => {
    const values = weights[name]!;
    const kept = mask[name];
    if (!kept) return [{ name, shape, values, encoding: "dense" }];
    return [
      { name: maskName(name), shape, values: kept, encoding: "bits" },
      { name, shape, values, encoding: "sparse" },
    ];
  });
  return writeTensorFile({ kind, meta: { specDigest }, tensors });
}

export interface TicketFile extends MaskedWeights {
  readonly kind: "ticket" | "trained";
  readonly specDigest: string;
}

const ticketMetaSchema = z.strictObject({ specDigest: digestSchema });

/**
 * Reads a ticket or trained file; with an architecture, names and shapes must be its own, and exactly its prunable
 * weights masked. Throws Problem "bad-file", also for numbers that are not finite.
 */
export function readTicketFile(bytes: Uint8Array, architecture?: Architecture): TicketFile {
  const file = readTensorFile(bytes, ({ kind, tensors }) => {
    if (kind !== "ticket" && kind !== "trained") throw bad(`expected a ticket or a trained net; got kind ${kind}`);
    if (architecture) checkTensors(tensors, architecture);
  });
  const meta = ticketMetaSchema.safeParse(file.meta);
  if (!meta.success) throw bad(`meta: expected { specDigest }; got ${JSON.stringify(file.meta).slice(0, 100)}`);
  const mask: Record<string, Uint8Array> = {};
  const weights: Record<string, Float32Array> = {};
  for (const { name, values } of file.tensors) {
    if (values instanceof Uint8Array) {
      if (!name.startsWith(maskName(""))) throw bad(`${name}: expected weights or a mask`);
      mask[name.slice(maskName("").length)] = values;
    } else {
      if (!values.every(Number.isFinite)) throw bad(`${name}: expected finite numbers`);
      weights[name] = values;
    }
  }
  const alone = Object.keys(mask).find((name) => !Object.hasOwn(weights, name));
  if (alone !== undefined) throw bad(`${maskName(alone)}: expected the weights it belongs to`);
  return { kind: file.kind as TicketFile["kind"], specDigest: meta.data.specDigest, mask, weights };
}

/** The mask of a ticket or trained file alone: a fraction of the memory that its weights take. Throws Problem "bad-file". */
export const readMask = (bytes: Uint8Array): Mask =>
  Object.fromEntries(
    readTensorFile(bytes, undefined, "bits").tensors.map(({ name, values }) => [
      name.slice(maskName("").length),
      values as Uint8Array,
    ]),
  );

function checkTensors(tensors: readonly Descriptor[], architecture: Architecture): void {
  const show = ({ name, dtype, shape, encoding }: Omit<Descriptor, "shape"> & { shape: readonly number[] }) =>
    `${name} ${dtype} [${shape.join(", ")}] ${encoding}`;
  const expected = parameters(architecture).flatMap(({ name, shape, prunable }) => [
    ...(prunable ? [show({ name: maskName(name), dtype: "u8", shape, encoding: "bits" })] : []),
    show({ name, dtype: "f32", shape, encoding: prunable ? "sparse" : "dense" }),
  ]);
  const got = tensors.map(show);
  for (let i = 0; i < Math.max(expected.length, got.length); i++) {
    if (expected[i] !== got[i]) throw bad(`expected ${expected[i] ?? "no more tensors"}; got ${got[i] ?? "no more"}`);
  }
}
