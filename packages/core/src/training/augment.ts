/**
 * What of a training image an epoch shows, by the recipe's `augmentation`. It follows from (seed, phase, epoch, image) alone, so
 * neither the batch an image is in nor who makes that batch can change it. An epoch has one stream of its own, which gives a key;
 * an image's draws are hashes of the key, the image's index and the draw's number ("lowbias32", engine/dropout.ts).
 *
 * - crop-flip: torchvision's RandomCrop(size, padding=4), then RandomHorizontalFlip, as on CIFAR (He et al. 2016,
 *   arXiv 1512.03385, §4.2). Padding is black: 0 before normalisation.
 * - random-resized-crop: torchvision's RandomResizedCrop(size), then RandomHorizontalFlip: 8 … 100 % of the area, sides 3 : 4 …
 *   4 : 3, uniform in the logarithm (Szegedy et al. 2015, arXiv 1409.4842, §6). Its area is the stored image's.
 */
import { mix } from "../engine/dropout.ts";
import type { Shape } from "../layers.ts";
import { power } from "../power.ts";
import type { Recipe } from "./recipe.ts";

/** Writes the cut of an image (pixels.d.mts) at `at`; `key` is the epoch's. */
export type Cutter = (key: number, image: number, to: Int32Array, at: number) => void;

/** Black pixels around an image that crop-flip cuts from. */
export const PADDING = 4;
/** Of random-resized-crop: least share of the area, and longest side over shortest. */
export const LEAST_AREA = 0.08;
export const MOST_RATIO = 4 / 3;
/** Shapes that it draws before it takes the largest square; as torchvision. */
const TRIES = 10;

const TWO_32 = 4_294_967_296;
const GOLDEN = 0x9e3779b9;

/** The image's draw with this number: uniform in 0 … 2³²−1. */
export const drawOf = (key: number, image: number, draw: number): number =>
  mix(mix((image + key) >>> 0) ^ Math.imul(draw + 1, GOLDEN));

export function cutter(stored: Shape, shape: Shape, augmentation: Recipe["augmentation"]): Cutter {
  const [, rows, columns] = stored;
  const [, height, width] = shape;
  if (augmentation === "random-resized-crop") return resizedCrop(rows, columns);
  if (augmentation === "crop-flip")
    return (key, image, to, at) => {
      const top = below(drawOf(key, image, 0), rows + 2 * PADDING - height + 1) - PADDING;
      const left = below(drawOf(key, image, 1), columns + 2 * PADDING - width + 1) - PADDING;
      write(to, at, image, top, left, height, width, isMirrored(key, image));
    };
  const [top, left] = [Math.floor((rows - height) / 2), Math.floor((columns - width) / 2)];
  return (_key, image, to, at) => write(to, at, image, top, left, height, width, 0);
}

function resizedCrop(rows: number, columns: number): Cutter {
  return (key, image, to, at) => {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const draw = (n: number): number => drawOf(key, image, 4 * attempt + n);
      const area = rows * columns * (LEAST_AREA + (1 - LEAST_AREA) * (draw(0) / TWO_32));
      const ratio = power(MOST_RATIO, 2 * (draw(1) / TWO_32) - 1);
      const width = Math.floor(Math.sqrt(area * ratio) + 0.5);
      const height = Math.floor(Math.sqrt(area / ratio) + 0.5);
      if (width < 1 || width > columns || height < 1 || height > rows) continue;
      const [top, left] = [below(draw(2), rows - height + 1), below(draw(3), columns - width + 1)];
      return write(to, at, image, top, left, height, width, isMirrored(key, image));
    }
    const height = Math.min(rows, Math.floor(columns * MOST_RATIO + 0.5));
    const width = Math.min(columns, Math.floor(rows * MOST_RATIO + 0.5));
    const [top, left] = [Math.floor((rows - height) / 2), Math.floor((columns - width) / 2)];
    write(to, at, image, top, left, height, width, isMirrored(key, image));
  };
}

/** A number that no other draw of the image has. */
const isMirrored = (key: number, image: number): number => drawOf(key, image, 4 * TRIES) & 1;

/** 0 … n−1; for the few values wanted here, one is likelier than another by n/2³² at most. */
const below = (draw: number, n: number): number => Math.floor((draw / TWO_32) * n);

function write(to: Int32Array, at: number, ...[image, top, left, height, width, mirrored]: number[]): void {
  to[at] = image!;
  to[at + 1] = top!;
  to[at + 2] = left!;
  to[at + 3] = height!;
  to[at + 4] = width!;
  to[at + 5] = mirrored!;
}
