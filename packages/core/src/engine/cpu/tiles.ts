/**
 * How a convolution is cut into tiles, and where its taps lie in them (struct conv of kernels/body.h says what the figures
 * mean). A pure function of shapes: cuts decide the order of sums.
 */
import type { Shape } from "../../layers.ts";
import { usesWinograd } from "./choose.ts";
import type { ConvStep } from "./sites.ts";

/** Of a tile's scratch memory. Measured: 1 MiB costs a sixth more (rows made ready twice), 4 MiB gains nothing for sure. */
const TILE_BYTES = 1 << 21;
const LEAST_ROWS = 4;
/** Floats of a pixel: columns of a block. */
export const PIXEL = 16;

export interface Tiles {
  readonly rows: number;
  readonly bands: number;
  readonly xRows: number;
  readonly xWidth: number;
  readonly dRows: number;
  readonly dWidth: number;
  readonly dAbove: number;
  readonly dLeft: number;
}

/** Taps of the output rows of one parity: positions that a gradient's row or column comes from, and of which kernel row. */
interface Reach {
  readonly kernel: number;
  readonly offset: number;
}

/** Kernel positions that reach an input at `parity` (mod stride), and how far from input ÷ stride the output is. */
export function reachOf(parity: number, kernel: number, stride: number, padding: number): Reach[] {
  return Array.from({ length: kernel }, (_, i) => ({ kernel: i, offset: (parity + padding - i) / stride })).filter(
    ({ offset }) => Number.isInteger(offset),
  );
}

const spread = (kernel: number, stride: number, padding: number): { low: number; high: number } => {
  const offsets = Array.from({ length: stride }, (_, parity) => reachOf(parity, kernel, stride, padding))
    .flat()
    .map(({ offset }) => offset);
  return { low: Math.min(0, ...offsets), high: Math.max(0, ...offsets) };
};

export function tilesOf({ conv, reads, writes }: ConvStep): Tiles {
  const { kernel, stride, padding, inputs, outputs } = conv;
  const [, height, width] = reads.shape;
  const [, outHeight, outWidth] = writes.shape;
  const down = spread(kernel[0], stride[0], padding[0]);
  const across = spread(kernel[1], stride[1], padding[1]);
  const all = Math.max(Math.ceil(height / stride[0]), outHeight);
  const xWidth = Math.max((outWidth - 1) * stride[1] + kernel[1], padding[1] + width);
  const dWidth = Math.max(Math.ceil(width / stride[1]), outWidth) + across.high - across.low;
  const xRows = (rows: number): number => (rows - 1) * stride[0] + kernel[0];
  const dRows = (rows: number): number => rows + down.high - down.low;
  const bytes = (rows: number): number =>
    4 * PIXEL * (inputs * (xRows(rows) * xWidth + rows * stride[0] * width) + outputs * dRows(rows) * dWidth);
  let rows = all;
  while (rows > LEAST_ROWS && bytes(rows) > TILE_BYTES) rows--;
  const bands = Math.ceil(all / rows);
  rows = Math.ceil(all / bands);
  return {
    ...{ rows, bands, xRows: xRows(rows), xWidth, dRows: dRows(rows), dWidth },
    ...{ dAbove: -down.low, dLeft: -across.low },
  };
}

/** Bytes of scratch memory that a thread needs for a tile, beside the spare rows (struct scratch of kernels/conv.h). */
export function scratchBytes({ conv, reads }: ConvStep, tiles: Tiles): number {
  const { inputs, outputs, stride, groups, kernel } = conv;
  const taps = (inputs / groups) * kernel[0] * kernel[1];
  const floats =
    inputs * tiles.xRows * tiles.xWidth * PIXEL +
    outputs * tiles.dRows * tiles.dWidth * PIXEL +
    inputs * tiles.rows * stride[0] * reads.shape[2] * PIXEL +
    Math.max(MOST_OUTPUTS * Math.max(taps, 16) * PIXEL, usesWinograd(conv) ? winogradScratch(inputs, outputs) : 0);
  return 4 * floats;
}

/** As kernels/winograd.h and kernels/winograd-gradient.h have it: patches at a time, forward and of a gradient. */
export const PATCHES = 4;
export const GROUP = 16;
const winogradScratch = (inputs: number, outputs: number): number =>
  Math.max(
    16 * ((inputs + outputs) * 16 * PATCHES + 32),
    4 * ((inputs + outputs) * 16 * GROUP + 32),
    16 * (inputs + 16), // of a reduction
  );
/** Transformed weights, or their gradients: 16 points. */
export const winogradFloats = ({ inputs, outputs }: ConvStep["conv"]): number => 16 * (inputs * outputs + 16);
/** Outputs whose weight gradients are summed at a time: AREA_OUTPUTS at most. */
export const MOST_OUTPUTS = 4;

/** Bands of a plane for passes that are no convolution. */
export function bandsOf([channels, height, width]: Shape): { readonly rows: number; readonly bands: number } {
  const most = Math.max(1, Math.floor(TILE_BYTES / 4 / (channels * width * PIXEL * 4)));
  const bands = Math.ceil(height / Math.min(height, most));
  return { rows: Math.ceil(height / bands), bands };
}

/** A tap: offset in the prepared tile, in floats. */
export interface ForwardTap {
  /** Index among the weights of one output. */
  readonly weight: number;
  readonly x: number;
}

/** Taps of one output over the channels of its group, in the order of its weights. */
export function forwardTaps({ conv }: ConvStep, { xRows, xWidth }: Tiles): ForwardTap[] {
  const [kh, kw] = conv.kernel;
  const taps: ForwardTap[] = [];
  for (let c = 0; c < conv.inputs / conv.groups; c++)
    for (let i = 0; i < kh; i++)
      for (let j = 0; j < kw; j++)
        taps.push({ weight: (c * kh + i) * kw + j, x: ((c * xRows + i) * xWidth + j) * PIXEL });
  return taps;
}

/** Taps of the input gradient for inputs of one parity of row and column. */
export interface BackClass {
  readonly row: number;
  readonly column: number;
  /** Of one input channel over the outputs of its group. `output`: within the group; `kernel`: index in the kernel. */
  readonly taps: readonly { readonly output: number; readonly kernel: number; readonly x: number }[];
}

export function backClasses({ conv }: ConvStep, { dRows, dWidth, dAbove, dLeft }: Tiles): BackClass[] {
  const { kernel, stride, padding } = conv;
  const classes: BackClass[] = [];
  for (let row = 0; row < stride[0]; row++) {
    for (let column = 0; column < stride[1]; column++) {
      const taps: BackClass["taps"][number][] = [];
      for (let k = 0; k < conv.outputs / conv.groups; k++)
        for (const down of reachOf(row, kernel[0], stride[0], padding[0]))
          for (const across of reachOf(column, kernel[1], stride[1], padding[1]))
            taps.push({
              output: k,
              kernel: down.kernel * kernel[1] + across.kernel,
              x: ((k * dRows + dAbove + down.offset) * dWidth + dLeft + across.offset) * PIXEL,
            });
      classes.push({ row, column, taps });
    }
  }
  return classes;
}
