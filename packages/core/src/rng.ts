/**
 * The project's own generator, seeded by (seed, name): a new draw in one place moves no other. Bit-equal on every
 * JavaScript engine: integers, and floats made of 24 bits.
 */
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
