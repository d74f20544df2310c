/**
 * Where algorithms, or their cost, differ: the choice, as a pure function of shapes and counts. Never of a timing on
 * somebody's machine: choices are part of what makes two runs equal in every bit. Measured with bench/main.ts.
 */

/** A weight is stored and computed by its kept entries if at most this share of it is kept. */
const SPARSE_SHARE = 0.35;

/** Most kept entries of a weight of this size for which the sparse kernels are taken. */
export const sparseLimit = (size: number): number => Math.floor(size * SPARSE_SHARE);

/** The same for convolutions, whose lists are walked over longer runs. */
const CONV_SPARSE_SHARE = 0.45;
export const convSparseLimit = (size: number): number => Math.floor(size * CONV_SPARSE_SHARE);

/** Below this many multiply-adds of a forward pass for each thread, meeting at barriers costs more than the thread does. */
const WORK_A_THREAD = 1 << 18;

/** Threads worth their barriers, of those asked for, for one forward pass of so many multiply-adds. Changes no bits. */
export function threadsFor(multiplyAdds: number, threads: number): number {
  return Math.max(1, Math.min(threads, Math.floor(multiplyAdds / WORK_A_THREAD)));
}
