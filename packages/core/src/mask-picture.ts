/**
 * Masks as pictures: the first layer's kept weights by the pixel they look at, every other layer as its weight matrix. A
 * cell's tone is the share kept among the weights it stands for, in a few levels, so that a picture is a few SVG paths.
 */

export interface MaskPicture {
  readonly columns: number;
  readonly rows: number;
  /** Row-major, one a cell, 0 … 1. */
  readonly shares: readonly number[];
  /** The largest share: the darkest tone. */
  readonly highest: number;
}

/** Kept share by input pixel of a first linear layer [outputs, channels · height · width]; channels are added up. */
export function pixelPicture(mask: Uint8Array, shape: readonly [number, number, number]): MaskPicture {
  const [channels, height, width] = shape;
  const pixels = height * width;
  const inputs = channels * pixels;
  const outputs = mask.length / inputs;
  const kept = new Array<number>(pixels).fill(0);
  for (let i = 0; i < mask.length; i++) kept[(i % inputs) % pixels]! += mask[i]!;
  return picture(
    width,
    height,
    kept.map((n) => n / (outputs * channels)),
  );
}

/**
 * A weight matrix [outputs, inputs], outputs downwards, in at most `cells` cells a side, each a block of the matrix.
 * @param taps weights of each pair of output and input: a convolution's kernel, [outputs, inputs, taps]
 */
export function matrixPicture(mask: Uint8Array, outputs: number, inputs: number, cells = 60, taps = 1): MaskPicture {
  const columns = Math.min(cells, inputs);
  const rows = Math.min(cells, outputs);
  const kept = new Array<number>(columns * rows).fill(0);
  const size = new Array<number>(columns * rows).fill(0);
  for (let i = 0; i < outputs; i++) {
    const row = Math.floor((i * rows) / outputs);
    for (let j = 0; j < inputs; j++) {
      const cell = row * columns + Math.floor((j * columns) / inputs);
      for (let tap = 0; tap < taps; tap++) kept[cell]! += mask[(i * inputs + j) * taps + tap]!;
      size[cell]! += taps;
    }
  }
  return picture(
    columns,
    rows,
    kept.map((n, cell) => n / size[cell]!),
  );
}

const picture = (columns: number, rows: number, shares: number[]): MaskPicture => ({
  columns,
  rows,
  shares,
  highest: Math.max(...shares),
});

/** One path of unit squares a level, lowest left out (nothing kept): level l of `levels` stands for l/levels of the highest. */
export function levelPaths({ columns, shares, highest }: MaskPicture, levels: number): string[] {
  const paths = new Array<string>(levels).fill("");
  shares.forEach((share, cell) => {
    const level = highest === 0 ? 0 : Math.ceil((share / highest) * levels);
    if (level > 0) paths[level - 1] += `M${cell % columns},${Math.floor(cell / columns)}h1v1h-1z`;
  });
  return paths;
}
