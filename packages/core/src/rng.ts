/**
 * The project's own generator, seeded by (seed, name): a new draw in one place moves no other. Bit-equal on every
 * JavaScript engine: integers, and floats made of 24 bits. Each stream is a xoshiro128** (Blackman and Vigna,
 * https://prng.di.unimi.it/xoshiro128starstar.c) whose state is the sha256 of the seed and the path of names.
 */
import { sha256 } from "@noble/hashes/sha2.js";

export interface Rng {
  /** A generator of its own for `name`; the same (seed, path of names) gives the same numbers. Draws nothing here. */
  stream(name: string): Rng;
  /** Uniform in 0 … 2³²−1. */
  uint32(): number;
  /** Uniform in [0, 1), a multiple of 2⁻²⁴. */
  uniform(): number;
  /** Uniform integer in 0 … n−1, without modulo bias. */
  below(n: number): number;
  /** A uniformly random order of 0 … n−1. */
  permutation(n: number): Uint32Array;
}

const TWO_32 = 4_294_967_296;

/** The root generator of a seed, an integer in 0 … 2³²−1. */
export function seededRng(seed: number): Rng {
  if (!Number.isInteger(seed) || seed < 0 || seed >= TWO_32)
    throw new RangeError(`seed: expected an integer in 0 … 2³²−1; got ${seed}`);
  return generator(seed, []);
}

function generator(seed: number, path: readonly string[]): Rng {
  // JSON of an array: no two paths have one text
  const key = sha256(new TextEncoder().encode(JSON.stringify(["ticketmark-rng-1", seed, ...path])));
  const view = new DataView(key.buffer, key.byteOffset);
  let s0 = view.getUint32(0, true);
  let s1 = view.getUint32(4, true);
  let s2 = view.getUint32(8, true);
  let s3 = view.getUint32(12, true);

  const uint32 = (): number => {
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    const t = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = rotateLeft(s3, 11);
    return result;
  };

  const below = (n: number): number => {
    if (!Number.isInteger(n) || n < 1 || n > TWO_32) throw new RangeError(`below: expected 1 … 2³²; got ${n}`);
    const limit = TWO_32 - (TWO_32 % n); // a multiple of n: what lies above it would favour small results
    let x = uint32();
    while (x >= limit) x = uint32();
    return x % n;
  };

  return {
    stream: (name) => generator(seed, [...path, name]),
    uint32,
    uniform: () => (uint32() >>> 8) / 16_777_216,
    below,
    permutation(n) {
      const order = new Uint32Array(n).map((_, i) => i);
      for (let i = n - 1; i > 0; i--) {
        const j = below(i + 1);
        const swapped = order[i]!;
        order[i] = order[j]!;
        order[j] = swapped;
      }
      return order;
    },
  };
}

const rotateLeft = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));
