import { expect, test } from "vitest";
import { digestOf } from "../canonical.ts";
import type { Shape } from "../layers.ts";
import { painter } from "./pixels.mjs";

/** Bytes that repeat nowhere near: (i · 0x9e3779b1 mod 2³²) ÷ 2²⁴. */
const noise = (count: number) => Uint8Array.from({ length: count }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24);
const size = ([channels, height, width]: Shape) => channels * height * width;
/** Every channel has a table of its own, which tells bytes apart: channel · 1000 + byte. */
const tablesOf = (channels: number) =>
  Int32Array.from({ length: 256 * channels }, (_, i) => 1_000 * Math.floor(i / 256) + (i % 256));

function paint(stored: Shape, shape: Shape, bytes: Uint8Array, cuts: readonly number[][]): Int32Array {
  const to = new Int32Array(cuts.length * size(shape)).fill(-1);
  const seek = (image: number) => image * size(stored);
  painter({ stored, shape, tables: tablesOf(stored[0]) }, { bytes, seek })(Int32Array.from(cuts.flat()), to);
  return to;
}

test("parts of images, mirrored or not, with 0 around them: pixel for pixel", () => {
  const stored: Shape = [2, 5, 7];
  const [channels, height, width] = [2, 4, 6];
  const bytes = noise(3 * size(stored));
  const cuts: number[][] = [];
  for (let top = -5; top <= 6; top++)
    for (let left = -7; left <= 8; left++)
      for (const mirrored of [0, 1]) cuts.push([(top + left + 12) % 3, top, left, height, width, mirrored]);
  const got = paint(stored, [channels, height, width], bytes, cuts);
  const expected = cuts.flatMap(([image, top, left, , , mirrored]) =>
    Array.from({ length: channels * height * width }, (_, i) => {
      const [c, y, x] = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
      const [row, column] = [top! + y, left! + (mirrored ? width - 1 - x : x)];
      const isInside = row >= 0 && row < 5 && column >= 0 && column < 7;
      return 1_000 * c + (isInside ? bytes[image! * size(stored) + (c * 5 + row) * 7 + column]! : 0);
    }),
  );
  expect([...got]).toEqual(expected);
});

test("a whole image is copied, its mirror image turned round", () => {
  const shape: Shape = [2, 3, 5]; // 15 a channel: not a multiple of 4
  const bytes = noise(2 * size(shape));
  const [plain, mirrored] = [0, 1].map((mirror) => paint(shape, shape, bytes, [[1, 0, 0, 3, 5, mirror]]));
  expect([...plain!]).toEqual([...bytes.subarray(30)].map((byte, i) => byte + 1_000 * Math.floor(i / 15)));
  for (let row = 0; row < 6; row++)
    expect([...mirrored!.subarray(row * 5, row * 5 + 5)]).toEqual([...plain!.subarray(row * 5, row * 5 + 5)].reverse());
});

/** sha256 of what Pillow 12.3.0 makes of the same bytes: crop, then resize(…, BILINEAR). */
const pillow: [stored: number[], part: number[], shape: number[], sha256: string][] = [
  [[5, 6], [0, 0, 5, 6], [3, 4], "c5795ff3a2c3484503b492b0019ffe17891deebdd4dcfd132e1029fccb5eb513"],
  [[8, 9], [1, 2, 3, 4], [8, 7], "b7d92ce6f4cdad6ddc990c552d12d048a1d2a69778cfb6616a747c50df9dbc98"],
  [[256, 256], [17, 5, 180, 211], [224, 224], "280eb570d2fe83fbba1335203f3a4796c29ce5ef60284986c171d5f969f73d6d"],
  [[256, 256], [0, 0, 256, 256], [224, 224], "f02bfba50114317f32055a89cb2b92821e2297f1530837c28f4b40a65e3ffd99"],
  [[256, 256], [40, 100, 1, 72], [224, 224], "831f647fa2310653e5e6f391840135adbdf8719652647b7b5b325df311da2d68"],
  [[500, 60], [3, 0, 490, 60], [24, 24], "958fefd12f65f436ca62b7dd67da1eac41f532331ac0fc1125d9a74d0ea9308d"],
];
test.each(pillow)("of %j, the part %j at %j: Pillow's bits", ([rows, columns], part, [height, width], sha256) => {
  const bytes = noise(rows! * columns!);
  const got = paint([1, rows!, columns!], [1, height!, width!], bytes, [[0, ...part, 0]]);
  expect(digestOf(Uint8Array.from(got))).toBe(sha256);
  const mirrored = paint([1, rows!, columns!], [1, height!, width!], bytes, [[0, ...part, 1]]);
  expect([...mirrored.subarray(0, width)]).toEqual([...got.subarray(0, width)].reverse());
});

test("resized channels do not mix, and what is all 255 stays so", () => {
  const stored: Shape = [3, 16, 16];
  const bytes = noise(size(stored));
  const part = [2, 3, 11, 9];
  const all = paint(stored, [3, 8, 8], bytes, [[0, ...part, 0]]);
  for (let c = 0; c < 3; c++) {
    const one = paint([1, 16, 16], [1, 8, 8], bytes.subarray(256 * c, 256 * (c + 1)), [[0, ...part, 0]]);
    expect([...all.subarray(64 * c, 64 * (c + 1))]).toEqual([...one].map((value) => value + 1_000 * c));
  }
  const parts = [
    [16, 16],
    [15, 3],
    [1, 1],
    [7, 16],
  ];
  for (const [height, width] of parts) {
    const white = paint([1, 16, 16], [1, 9, 9], new Uint8Array(256).fill(255), [[0, 0, 0, height!, width!, 0]]);
    expect(new Set(white)).toEqual(new Set([255]));
  }
});
