/**
 * Decodes JPEGs to the same pixels everywhere: jpeg-js, plain JavaScript on + − × ÷ and integers. Baseline and progressive;
 * grey, RGB, YCbCr, CMYK. Beside libjpeg, which PyTorch's loaders use, its inverse transform rounds differently (by a level or
 * two) and it repeats subsampled colours instead of interpolating them.
 */
import type jpegJs from "jpeg-js";
import { Problem } from "../problem.ts";

/** Enters the key under which decoded images are kept: another decoder, other pixels. */
export const DECODER = "jpeg-js 0.4.4";

/** Before anything is allocated. The largest image of ImageNet has 61 million pixels. */
const MAX_MEGAPIXELS = 64;
const MAX_MEGABYTES = 1_536;

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** [height, width, 3], red, green, blue. */
  readonly data: Uint8Array;
}

export type DecodeJpeg = (bytes: Uint8Array, name: string) => Picture;

/** Loaded when images are: what only lists data sets needs no decoder. */
export async function jpegDecoder(): Promise<DecodeJpeg> {
  const { default: jpeg } = await import("jpeg-js");
  return (bytes, name) => decode(jpeg, bytes, name);
}

/** Throws Problem "bad-file" for what is cut off, is no JPEG, or says it is too large. */
function decode(jpeg: typeof jpegJs, bytes: Uint8Array, name: string): Picture {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8)
    throw new Problem("bad-file", `${name}: expected a JPEG image, which starts with ff d8; got ${kindOf(bytes)}`);
  try {
    return jpeg.decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxResolutionInMP: MAX_MEGAPIXELS,
      maxMemoryUsageInMB: MAX_MEGABYTES,
    });
  } catch (cause) {
    // whatever it throws, the bytes are the reason
    throw new Problem("bad-file", `${name}: expected a whole JPEG image; ${(cause as Error).message}`, { cause });
  }
}

function kindOf(bytes: Uint8Array): string {
  if (bytes[0] === 0x89 && bytes[1] === 0x50) return "a PNG by another name: convert this one file to JPEG";
  return bytes.length === 0 ? "an empty file" : `${hex(bytes[0])} ${hex(bytes[1])}`;
}

const hex = (byte: number | undefined): string => (byte ?? 0).toString(16).padStart(2, "0");
