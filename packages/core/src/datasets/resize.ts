/**
 * Makes pictures of any size the same square: the shorter side becomes `side`, then the middle is cut out, as torchvision's
 * Resize and CenterCrop do with Pillow images. The resampling is Pillow's bilinear one with antialiasing (Resample.c), to the
 * bit: triangle weights in float64, rounded to 22 bits behind the point, sums in integers, each pass rounded to bytes.
 */
import type { Picture } from "./jpeg.ts";

const PRECISION_BITS = 22;
const ONE = 1 << PRECISION_BITS;
const HALF = 1 << (PRECISION_BITS - 1);

/** For each output position: where its input starts, and the weights from there on. */
interface Taps {
  readonly start: Int32Array;
  readonly count: Int32Array;
  /** [positions, most] */
  readonly weights: Int32Array;
  readonly most: number;
}

/** Output positions `from` … `from + positions − 1` of `outSize`, which the whole input is stretched over. */
function tapsOf(inSize: number, outSize: number, from: number, positions: number): Taps {
  const scale = inSize / outSize;
  const support = Math.max(scale, 1); // of the triangle, in input pixels
  const shrink = 1 / support;
  const most = Math.ceil(support) * 2 + 1;
  const start = new Int32Array(positions);
  const count = new Int32Array(positions);
  const weights = new Int32Array(positions * most);
  for (let i = 0; i < positions; i++) {
    const center = (from + i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const n = Math.min(inSize, Math.trunc(center + support + 0.5)) - first;
    const raw = Array.from({ length: n }, (_, x) => triangle((x + first - center + 0.5) * shrink));
    const sum = raw.reduce((total, weight) => total + weight, 0);
    raw.forEach((weight, x) => {
      weights[i * most + x] = Math.trunc(0.5 + (weight / sum) * ONE);
    });
    start[i] = first;
    count[i] = n;
  }
  return { start, count, weights, most };
}

const triangle = (x: number): number => Math.max(0, 1 - Math.abs(x));

/** Half of a margin, halves to the even one, as Python's round(). */
const half = (margin: number): number => (margin % 4 === 3 ? (margin + 1) / 2 : Math.floor(margin / 2));

/** [3, side, side] */
export function squareOf({ width, height, data }: Picture, side: number): Uint8Array {
  const shorter = Math.min(width, height);
  const [outWidth, outHeight] = [Math.floor((side * width) / shorter), Math.floor((side * height) / shorter)];
  const across = tapsOf(width, outWidth, half(outWidth - side), side);
  const down = tapsOf(height, outHeight, half(outHeight - side), side);

  const firstRow = down.start[0]!;
  const rows = down.start[side - 1]! + down.count[side - 1]! - firstRow;
  const narrow = new Uint8Array(rows * side * 3); // [rows, side, 3]
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < side; x++) {
      const input = ((firstRow + y) * width + across.start[x]!) * 3;
      for (let c = 0; c < 3; c++) {
        let sum = HALF;
        for (let k = 0; k < across.count[x]!; k++)
          sum += data[input + 3 * k + c]! * across.weights[x * across.most + k]!;
        narrow[(y * side + x) * 3 + c] = Math.min(255, sum >> PRECISION_BITS);
      }
    }
  }
  const out = new Uint8Array(3 * side * side);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const input = ((down.start[y]! - firstRow) * side + x) * 3;
      for (let c = 0; c < 3; c++) {
        let sum = HALF;
        for (let k = 0; k < down.count[y]!; k++)
          sum += narrow[input + 3 * side * k + c]! * down.weights[y * down.most + k]!;
        out[(c * side + y) * side + x] = Math.min(255, sum >> PRECISION_BITS);
      }
    }
  }
  return out;
}

/** [height, width, 3] as [3, height, width]. */
export function planesOf({ width, height, data }: Picture): Uint8Array {
  const plane = width * height;
  const planes = new Uint8Array(3 * plane);
  for (let i = 0; i < plane; i++) for (let c = 0; c < 3; c++) planes[c * plane + i] = data[3 * i + c]!;
  return planes;
}
