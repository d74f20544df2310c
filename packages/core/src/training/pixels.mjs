// From stored bytes to what a net sees: cuts a part out of each image, resizes it, mirrors it, and turns bytes into numbers. All of
// it on integers, so that every machine gives the same bits. Plain JavaScript, since the threads that do this ahead of training
// start without a TypeScript loader; types and units in pixels.d.mts.

export const CUT = 6;
export const valuesOf = ([channels, height, width]) => channels * height * width;

/** Bits behind the point of a tap's weight. A sum of taps is at most 255 · 2²² and a little: no overflow of 32 bits. */
const PRECISION = 22;
const HALF = 1 << (PRECISION - 1);

export function painter({ stored, shape, tables }, { bytes, seek }) {
  const [channels, rows, columns] = stored;
  const [, height, width] = shape;
  const plane = height * width;
  const table = Array.from({ length: channels }, (_, c) => tables.subarray(256 * c, 256 * (c + 1)));
  const wide = new Uint8Array(rows * width); // of one channel: resized in x, not yet in y
  const small = new Uint8Array(plane); // of one channel: resized
  const [across, down] = [tapsFor(columns, width), tapsFor(rows, height)];
  const isWhole = rows === height && columns === width;

  const resized = (from, part, to) => {
    findTaps(part.width, width, across);
    findTaps(part.height, height, down);
    for (let c = 0; c < channels; c++) {
      resizeX(bytes, from + (c * rows + part.top) * columns + part.left, columns, part.height, across, width, wide);
      resizeY(wide, width, down, height, small);
      for (let y = 0; y < height; y++) {
        lookUp(table[c], small, y * width, width, to, c * plane + y * width, part.mirrored);
      }
    }
  };
  const cropped = (from, { top, left, mirrored }, to) => {
    const [first, last] = [clamp(-left, 0, width), clamp(columns - left, 0, width)]; // columns of the cut that the image has
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) {
        const at = c * plane + y * width;
        const row = top + y;
        const isInside = row >= 0 && row < rows && first < last;
        if (!isInside || last - first < width) to.fill(table[c][0], at, at + width);
        if (!isInside) continue;
        const begin = from + (c * rows + row) * columns + left + first;
        lookUp(table[c], bytes, begin, last - first, to, at + (mirrored ? width - last : first), mirrored);
      }
    }
  };

  return (cuts, to) => {
    const count = cuts.length / CUT;
    for (let i = 0; i < count; i++) {
      const [image, top, left, partHeight, partWidth, mirror] = cuts.subarray(i * CUT, (i + 1) * CUT);
      const part = { top, left, height: partHeight, width: partWidth, mirrored: mirror === 1 };
      const from = seek(image);
      const out = to.subarray(i * channels * plane, (i + 1) * channels * plane);
      if (partHeight !== height || partWidth !== width) resized(from, part, out);
      else if (!isWhole || top !== 0 || left !== 0 || part.mirrored) cropped(from, part, out);
      else for (let c = 0; c < channels; c++) lookUp(table[c], bytes, from + c * plane, plane, out, c * plane, false);
    }
  };
}

const clamp = (x, low, high) => Math.max(low, Math.min(high, x));

/** Small nets wait for these loops: they move bits, as integers, since floats would be widened and narrowed on the way. */
function lookUp(table, bytes, from, count, to, at, mirrored) {
  if (mirrored) {
    const last = at + count - 1;
    for (let i = 0; i < count; i++) to[last - i] = table[bytes[from + i]];
    return;
  }
  let i = 0;
  for (; i + 3 < count; i += 4) {
    const [p, q] = [from + i, at + i];
    to[q] = table[bytes[p]];
    to[q + 1] = table[bytes[p + 1]];
    to[q + 2] = table[bytes[p + 2]];
    to[q + 3] = table[bytes[p + 3]];
  }
  for (; i < count; i++) to[at + i] = table[bytes[from + i]];
}

/** Room for the taps of `size` outputs of at most `most` inputs. */
function tapsFor(most, size) {
  const each = Math.ceil(Math.max(1, most / size)) * 2 + 1;
  return { each, first: new Int32Array(size), count: new Int32Array(size), weights: new Int32Array(size * each) };
}

/**
 * Bilinear, widened where it shrinks so that no input is passed over, as Pillow resizes what torchvision trains on:
 * https://github.com/python-pillow/Pillow/blob/01f132fb/src/libImaging/Resample.c, to the bit.
 */
function findTaps(inputs, outputs, { each, first, count, weights }) {
  const scale = inputs / outputs;
  const support = Math.max(1, scale);
  const ofTap = new Float64Array(each);
  for (let x = 0; x < outputs; x++) {
    const centre = (x + 0.5) * scale;
    const begin = Math.max(0, Math.trunc(centre - support + 0.5));
    const taps = Math.min(inputs, Math.trunc(centre + support + 0.5)) - begin;
    let sum = 0;
    for (let t = 0; t < taps; t++) {
      const distance = Math.abs((t + begin - centre + 0.5) * (1 / support));
      ofTap[t] = distance < 1 ? 1 - distance : 0;
      sum += ofTap[t];
    }
    for (let t = 0; t < taps; t++) weights[x * each + t] = Math.trunc(0.5 + (ofTap[t] / sum) * (1 << PRECISION));
    first[x] = begin;
    count[x] = taps;
  }
}

function resizeX(bytes, from, stride, rows, { each, first, count, weights }, width, to) {
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < width; x++) {
      const [p, k, taps] = [from + y * stride + first[x], x * each, count[x]];
      let sum = HALF;
      for (let t = 0; t < taps; t++) sum = (sum + Math.imul(bytes[p + t], weights[k + t])) | 0;
      to[y * width + x] = sum >> PRECISION;
    }
  }
}

function resizeY(bytes, width, { each, first, count, weights }, height, to) {
  for (let y = 0; y < height; y++) {
    const [p, k, taps] = [first[y] * width, y * each, count[y]];
    for (let x = 0; x < width; x++) {
      let sum = HALF;
      for (let t = 0; t < taps; t++) sum = (sum + Math.imul(bytes[p + t * width + x], weights[k + t])) | 0;
      to[y * width + x] = sum >> PRECISION;
    }
  }
}
