import { expect, test } from "vitest";
import { digestOf } from "./canonical.ts";
import type { Architecture } from "./layers.ts";
import { Problem } from "./problem.ts";
import { seededRng } from "./rng.ts";
import {
  readMask,
  readTensorFile,
  readTicketFile,
  type TensorFile,
  writeTensorFile,
  writeTicketFile,
} from "./tensor-file.ts";

const net: Architecture = {
  input: [1, 1, 3],
  classes: 2,
  layers: [
    { kind: "flatten" },
    { kind: "linear", name: "a", inputs: 3, outputs: 5, bias: true, prunable: true },
    { kind: "relu" },
    { kind: "linear", name: "b", inputs: 5, outputs: 2, bias: false, prunable: false },
  ],
};
const kept = Uint8Array.from({ length: 15 }, (_, i) => (i % 4 === 1 ? 1 : 0));
const content = {
  mask: { "a.weight": kept },
  weights: {
    "a.weight": Float32Array.from({ length: 15 }, (_, i) => (kept[i] ? i / 7 : 0)),
    "a.bias": Float32Array.of(1, -0, 3, 1e-40, 5),
    "b.weight": new Float32Array(10).fill(0.1),
  },
};
const spec = "ab".repeat(32);
const bytes = writeTicketFile("ticket", spec, content, net);

test("what is written is read back, bit for bit, and always as the same bytes", () => {
  const file = readTicketFile(bytes, net);
  expect(file).toEqual({ kind: "ticket", specDigest: spec, ...content });
  expect(Object.is(file.weights["a.bias"]![1], -0)).toBe(true);
  expect(writeTicketFile(file.kind, file.specDigest, file, net)).toEqual(bytes);
  expect(digestOf(bytes)).toBe("df2bb915d1367da0edf4da7bdbbf954844980c98abac3ca38dfc87f200fef590");
});

test("the mask alone is what the whole file says it is", () => {
  expect(readMask(bytes)).toEqual(content.mask);
  expect(() => readMask(bytes.subarray(0, -4))).toThrow(Problem);
});

test("a snapshot carries bytes, empty tensors, NaN and any JSON", () => {
  const file: TensorFile = {
    kind: "snapshot",
    meta: { n: [1, null] },
    tensors: [
      { name: "state", shape: [5], encoding: "dense", values: Uint8Array.of(9, 8, 7, 6, 255) },
      { name: "none", shape: [0], encoding: "dense", values: new Float32Array() },
      { name: "x", shape: [1], encoding: "dense", values: Float32Array.of(Number.NaN) },
    ],
  };
  expect(readTensorFile(writeTensorFile(file))).toEqual(file);
});

test("pruned weights are left out, whatever they are", () => {
  const dirty = {
    ...content,
    weights: { ...content.weights, "a.weight": content.weights["a.weight"].map((w) => w || 9) },
  };
  expect(writeTicketFile("ticket", spec, dirty, net)).toEqual(bytes);
});

type Header = {
  kind: string;
  meta: unknown;
  tensors: Record<"name" | "dtype" | "encoding", string>[] & { shape: number[] }[];
};

/** The same file with another header (in which sizes may lie) or other data. */
function forged(change: (header: Header) => void, data?: (data: Uint8Array) => Uint8Array): Uint8Array {
  const length = new DataView(bytes.buffer).getUint32(8, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(12, 12 + length)));
  change(header);
  const text = new TextEncoder().encode(JSON.stringify(header));
  const rest = data ? data(bytes.slice(12 + length)) : bytes.subarray(12 + length);
  const out = new Uint8Array(12 + text.length + rest.length);
  out.set(bytes.subarray(0, 8));
  new DataView(out.buffer).setUint32(8, text.length, true);
  out.set(text, 12);
  out.set(rest, 12 + text.length);
  return out;
}

test.each<[string, Uint8Array, RegExp]>([
  ["nothing", new Uint8Array(), /start with "TKTMARK1"/],
  ["another magic", bytes.map((b, i) => (i === 7 ? 50 : b)), /start with "TKTMARK1"/],
  ["a header longer than the file", bytes.map((b, i) => (i === 10 ? 1 : b)), /header: expected at most/],
  ["a header that is not canonical", forged((h) => (h.meta = { z: 1, a: 2 })), /canonical JSON/],
  ["an unknown kind", forged((h) => (h.kind = "winner")), /header: kind/],
  [
    "a shape that overflows",
    forged((h) => (h.tensors[2]!.shape = [2147483647, 2147483647, 9])),
    /a\.bias: expected .* bytes/,
  ],
  ["a huge mask", forged((h) => (h.tensors[0]!.shape = [2147483647, 1000])), /mask:a\.weight: expected .* bytes/],
  ["a negative size", forged((h) => (h.tensors[2]!.shape = [-5])), /header: tensors\.2\.shape\.0/],
  ["a mask of another shape", forged((h) => (h.tensors[0]!.shape = [3, 5])), /expected its mask, of the same shape/],
  ["sparse bytes", forged((h) => (h.tensors[1]!.dtype = "u8")), /encoding sparse does not go with u8/],
  ["one name twice", forged((h) => (h.tensors[3]!.name = "a.bias")), /got two/],
  [
    "bytes after the end",
    forged(
      () => {},
      (d) => Uint8Array.of(...d, 0, 0, 0, 0),
    ),
    /expected \d+ bytes; got/,
  ],
  [
    "padding that is not zero",
    forged(
      () => {},
      (d) => d.fill(1, 2, 3),
    ),
    /expected zeros up to a multiple of 4/,
  ],
  [
    "a 16th bit of 15",
    forged(
      () => {},
      (d) => d.fill(d[1]! | 128, 1, 2),
    ),
    /expected zeros after the last bit/,
  ],
  [
    "a weight that is not finite",
    forged(
      () => {},
      (d) => d.fill(255, 20, 24),
    ),
    /expected finite numbers/,
  ],
  ["a digest that is none", forged((h) => (h.meta = { specDigest: "x" })), /meta: expected/],
  ["a name that is none", forged((h) => (h.tensors[3]!.name = "__proto__")), /header: tensors\.3\.name/],
  [
    "a header that nests deeply",
    forged((h) => (h.meta = JSON.parse(`${"[".repeat(3_000)}${"]".repeat(3_000)}`))),
    /header: .*nests deeper/,
  ],
  ["a mask without weights", forged((h) => (h.tensors[0]!.name = "mask:c")), /expected its mask/],
])("refused: %s", (_, file, message) => {
  const reading = () => readTicketFile(file);
  expect(reading).toThrow(Problem);
  expect(reading).toThrow(message);
});

test("with an architecture, every name, shape and mask must be its own", () => {
  const wide = {
    ...net,
    layers: net.layers.map((l) => (l.kind === "linear" && l.name === "b" ? { ...l, outputs: 3 } : l)),
  };
  expect(() => readTicketFile(bytes, wide)).toThrow(
    "expected b.weight f32 [3, 5] dense; got b.weight f32 [2, 5] dense",
  );
  const short = writeTicketFile("ticket", spec, content, { ...net, layers: net.layers.slice(0, 2) });
  expect(() => readTicketFile(short, net)).toThrow("expected b.weight f32 [2, 5] dense; got no more");
  const unmasked = writeTicketFile("ticket", spec, { mask: {}, weights: content.weights }, net);
  expect(() => readTicketFile(unmasked, net)).toThrow("expected mask:a.weight");
});

test("whatever is cut off or flipped, reading ends quickly: with a file or a Problem", () => {
  for (let length = 0; length < bytes.length; length++)
    expect(() => readTicketFile(bytes.subarray(0, length), net), `${length} bytes`).toThrow(Problem);
  const rng = seededRng(1);
  let read = 0;
  for (let round = 0; round < 3_000; round++) {
    const broken = bytes.slice();
    for (let flips = 1 + rng.below(3); flips > 0; flips--) broken[rng.below(broken.length)]! ^= 1 << rng.below(8);
    try {
      readTicketFile(broken);
      read++;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
    }
  }
  expect(read).toBeGreaterThan(0); // flips in the numbers alone
});
