import { expect, test } from "vitest";
import { parameters } from "./layers.ts";
import { models } from "./models/index.ts";
import { resnetA } from "./models/resnet.ts";
import { Problem } from "./problem.ts";
import { seededRng } from "./rng.ts";
import {
  exportSafetensors,
  importSafetensors,
  readSafetensors,
  type SafeTensor,
  writeSafetensors,
} from "./safetensors.ts";
import { parseSpec, specDigest } from "./spec.ts";
import { writeTicketFile } from "./tensor-file.ts";

const spec = parseSpec({ dataset: "toy", model: "resnet-8", method: "random", sparsity: 0.5 });
const net = resnetA([1, 8, 8], 4, [2, 4], [1, 1]);
const weights = models.get("resnet-8").initialise(net, seededRng(1));
const prunable = parameters(net).filter((parameter) => parameter.prunable);
const maskOf = (kept: (i: number) => number) =>
  Object.fromEntries(prunable.map(({ name, size }) => [name, Uint8Array.from({ length: size }, (_, i) => kept(i))]));
const mask = maskOf((i) => (i % 3 === 0 ? 1 : 0));
const fileOf = (masked: typeof mask) => writeTicketFile("trained", specDigest(spec), { mask: masked, weights }, net);

const problemOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(Problem);
    expect((error as Problem).code).toBe("bad-file");
    return (error as Problem).message;
  }
  throw new Error("no problem");
};
/** A file of any header. */
function raw(header: unknown, data = new Uint8Array()): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  file.set(data, 8 + json.length);
  return file;
}
const headerOf = (file: Uint8Array) => {
  const length = Number(new DataView(file.buffer).getBigUint64(0, true));
  return JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)));
};
const f32 = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);

test("a file is, byte for byte, what the format says", () => {
  const file = writeSafetensors([{ name: "a", dtype: "F32", shape: [2], bytes: f32(1, -2) }], { b: "c" });
  const json = '{"__metadata__":{"b":"c"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
  const length = Math.ceil(json.length / 8) * 8;
  expect([...file.subarray(0, 8)]).toEqual([length, 0, 0, 0, 0, 0, 0, 0]);
  expect(new TextDecoder().decode(file.subarray(8, 8 + length))).toBe(json.padEnd(length));
  expect([...file.subarray(8 + length)]).toEqual([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
  expect(readSafetensors(file).map(({ bytes, ...rest }) => ({ ...rest, bytes: [...bytes] }))).toEqual([
    { name: "a", dtype: "F32", shape: [2], bytes: [...f32(1, -2)] },
  ]);
});

test("a net goes out under PyTorch's names, pruned weights as zeros, masks apart, each tensor at a multiple of its size", () => {
  const file = exportSafetensors(fileOf(mask), { spec, score: { correct: 150, total: 200 } });
  const { __metadata__: metadata, ...entries } = headerOf(file);
  expect(metadata).toMatchObject({
    ...{ format: "pt", what: "trained", specDigest: specDigest(spec), model: "resnet-8", dataset: "toy" },
    ...{ mean: "[0.5]", std: "[0.25]", correct: "150", total: "200" },
  });
  const all = prunable.reduce((sum, { size }) => sum + size, 0);
  const kept = prunable.reduce((sum, { size }) => sum + Math.ceil(size / 3), 0);
  expect(Number(metadata.sparsity)).toBeCloseTo(1 - kept / all, 12);

  const byName = new Map(readSafetensors(file).map((tensor) => [tensor.name, tensor]));
  for (const { name, shape } of parameters(net)) {
    const { dtype, shape: got, bytes } = byName.get(name)!;
    expect([dtype, got]).toEqual(["F32", shape]);
    const values = new Float32Array(bytes.slice().buffer);
    const expected = weights[name]!.map((weight, i) => (mask[name]?.[i] === 0 ? 0 : weight));
    expect(Buffer.from(values.buffer).equals(Buffer.from(expected.buffer)), name).toBe(true); // +0, not −0
  }
  for (const { name } of prunable) expect([...byName.get(`mask/${name}`)!.bytes]).toEqual([...mask[name]!]);
  expect(byName.get("layer1.0.bn1.num_batches_tracked")).toMatchObject({ dtype: "I64", shape: [] });
  const norms = net.layers.filter(({ kind }) => kind === "batch-norm").length;
  expect(byName.size).toBe(parameters(net).length + norms + prunable.length);

  const sizes = { F32: 4, I64: 8, U8: 1 };
  const start = file.length - Math.max(...Object.values(entries).map((entry) => (entry as Placed).data_offsets[1]));
  expect(start % 8).toBe(0);
  for (const { dtype, data_offsets } of Object.values(entries) as Placed[])
    expect(data_offsets[0] % sizes[dtype]).toBe(0);
});
type Placed = { dtype: "F32" | "I64" | "U8"; data_offsets: [number, number] };

test("a net of which nothing is pruned has no masks, and comes back in as it was", () => {
  const file = exportSafetensors(fileOf(maskOf(() => 1)));
  expect(Object.keys(headerOf(file)).filter((name) => name.startsWith("mask/"))).toEqual([]);
  expect(importSafetensors(file, net)).toEqual(weights);
});

test("what is not exactly the model's tensors is refused, by name", () => {
  const tensors = readSafetensors(exportSafetensors(fileOf(maskOf(() => 1))));
  const changed = (name: string, change: Partial<SafeTensor> | null) =>
    problemOf(() =>
      importSafetensors(
        writeSafetensors(
          tensors.flatMap((one) => (one.name !== name ? [one] : change ? [{ ...one, ...change }] : [])),
          {},
        ),
        net,
      ),
    );
  expect(changed("linear.bias", null)).toMatch(/linear\.bias: expected F32 \[4\]; got no such tensor$/);
  expect(changed("linear.bias", { name: "fc.bias" })).toMatch(/linear\.bias: .* no such tensor/);
  expect(changed("linear.bias", { shape: [2, 2] })).toMatch(/linear\.bias: expected F32 \[4\]; got F32 \[2, 2\]$/);
  expect(changed("linear.bias", { dtype: "I64", shape: [2] })).toMatch(/expected F32 \[4\]; got I64 \[2\]$/);
  expect(changed("linear.bias", { bytes: f32(0, Number.NaN, 0, 0) })).toMatch(/linear\.bias: expected finite numbers$/);
  expect(changed("bn1.num_batches_tracked", { name: "extra" })).toMatch(/extra: expected only the model's own tensors/);
  const masked = exportSafetensors(fileOf(mask));
  expect(problemOf(() => importSafetensors(masked, net))).toMatch(/mask\/layer1\.0\.conv1\.weight: expected only/);
});

test("half and double precision are refused with a way out", () => {
  for (const [dtype, bytes] of [
    ["F16", 2],
    ["BF16", 2],
    ["F64", 8],
  ] as const) {
    const file = raw({ w: { dtype, shape: [1], data_offsets: [0, bytes] } }, new Uint8Array(bytes));
    expect(problemOf(() => readSafetensors(file))).toBe(
      `safetensors: w: expected F32; got ${dtype}: save it as 32-bit floats (tensor.float())`,
    );
  }
});

test.each<[what: string, file: Uint8Array, message: RegExp]>([
  ["no length", new Uint8Array(7), /at least 8 bytes/],
  ["a header longer than the file", raw("{}").subarray(0, 9), /header: expected at most 1 bytes; got 2$/],
  ["a huge header", new Uint8Array(16).fill(255), /header: expected at most 8 bytes/],
  ["no JSON", raw("{]"), /header: expected JSON/],
  ["no UTF-8", raw('{"a": "?"}').map((byte) => (byte === 63 ? 255 : byte)), /header: expected JSON/],
  ["no object", raw("[]"), /expected an object of tensors/],
  ["no offsets", raw({ a: { dtype: "F32", shape: [] } }), /a\.data_offsets/],
  ["a negative size", raw({ a: { dtype: "F32", shape: [-1], data_offsets: [0, 0] } }), /a\.shape\.0/],
  [
    "data past the end",
    raw({ a: { dtype: "F32", shape: [2], data_offsets: [0, 8] } }, f32(1)),
    /a: expected data from/,
  ],
  [
    "data left over",
    raw({ a: { dtype: "F32", shape: [1], data_offsets: [0, 4] } }, f32(1, 2)),
    /expected 4 bytes of data/,
  ],
  ["a gap", raw({ a: { dtype: "F32", shape: [1], data_offsets: [4, 8] } }, f32(1, 2)), /a: expected data from byte 0/],
  ["turned offsets", raw({ a: { dtype: "F32", shape: [1], data_offsets: [4, 0] } }, f32(1)), /a: expected data from/],
  [
    "another shape",
    raw({ a: { dtype: "F32", shape: [3], data_offsets: [0, 8] } }, f32(1, 2)),
    /a: expected 12 bytes for/,
  ],
  [
    "one tensor over another",
    raw(
      {
        a: { dtype: "F32", shape: [2], data_offsets: [0, 8] },
        b: { dtype: "F32", shape: [2], data_offsets: [4, 12] },
      },
      f32(1, 2, 3),
    ),
    /b: expected data from byte 8/,
  ],
  [
    "a size beyond all numbers",
    raw({ a: { dtype: "F32", shape: Array(8).fill(0x7fffffff), data_offsets: [0, 4] } }, f32(1)),
    /a: expected .* bytes for/,
  ],
])("refused: %s", (_, file, message) => {
  expect(problemOf(() => readSafetensors(file))).toMatch(message);
});
