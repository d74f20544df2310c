/**
 * Where algorithms, or their cost, differ: the choice, as a pure function of shapes and counts. Never of a timing on
 * somebody's machine: choices are part of what makes two runs equal in every bit. Measured with bench/main.ts.
 */
import type { ConvStep } from "./sites.ts";

/** A weight is stored and computed by its kept entries if at most this share of it is kept. */
const SPARSE_SHARE = 0.35;

/** Most kept entries of a weight of this size for which the sparse kernels are taken. */
export const sparseLimit = (size: number): number => Math.floor(size * SPARSE_SHARE);

/** Fewer channels than this, and Winograd's transforms cost more than the multiplications they save. */
const WINOGRAD_CHANNELS = 16;

/** Is a convolution whose weights are stored whole computed by Winograd's F(2×2, 3×3)? Its bits differ from a direct one's. */
export function usesWinograd({ kernel, stride, groups, inputs, outputs }: ConvStep["conv"]): boolean {
  const is3x3 = kernel[0] === 3 && kernel[1] === 3 && stride[0] === 1 && stride[1] === 1 && groups === 1;
  return is3x3 && Math.min(inputs, outputs) >= WINOGRAD_CHANNELS;
}

/**
 * Most kept entries of a convolution's weight for which the sparse kernels are taken. The more channels Winograd has, the
 * later its dense sums are beaten; the shares lie between what the native and the wasm build would choose.
 */
export function convSparseLimit(conv: ConvStep["conv"]): number {
  const size = (conv.inputs / conv.groups) * conv.outputs * conv.kernel[0] * conv.kernel[1];
  const channels = Math.min(conv.inputs, conv.outputs);
  const share = !usesWinograd(conv) ? 0.5 : channels < 32 ? 0.42 : channels < 64 ? 0.36 : 0.28;
  return Math.floor(size * share);
}

/** Below this many multiply-adds of a forward pass for each thread, meeting at barriers costs more than the thread does. */
const WORK_A_THREAD = 1 << 18;

/** Threads worth their barriers, of those asked for, for one forward pass of so many multiply-adds. Changes no bits. */
export function threadsFor(multiplyAdds: number, threads: number): number {
  return Math.max(1, Math.min(threads, Math.floor(multiplyAdds / WORK_A_THREAD)));
}
