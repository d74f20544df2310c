import type { Shape } from "../layers.ts";

/**
 * Integers that say what of an image a net sees: the image's index; top and left of the part in it, and the part's height and
 * width, in stored pixels; 1 if it is mirrored. A part of the net's height and width may begin outside of the image, where
 * everything is 0; any other lies inside, and is resized.
 */
export const CUT: number;

/** How many an image of this shape has. */
export const valuesOf: (shape: Shape) => number;

/** From stored images to what a net sees. */
export interface Look {
  /** [channels, height, width] of a stored image, one byte a value. */
  readonly stored: Shape;
  /** [channels, height, width] of what the net sees. */
  readonly shape: Shape;
  /** [channels, 256]: the bits of the float32 that a byte becomes. */
  readonly tables: Int32Array;
}

export interface Stored {
  readonly bytes: Uint8Array;
  /** Where in `bytes` the image lies, which may be read only now. */
  seek(image: number): number;
}

/** Fills `to`, bits of float32 [cuts, …shape], with what each of the cuts shows. */
export function painter(look: Look, stored: Stored): (cuts: Int32Array, to: Int32Array) => void;
