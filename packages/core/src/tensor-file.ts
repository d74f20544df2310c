/**
 * One binary format for three things: ticket (mask + the weights the final training starts from), trained (mask +
 * last-epoch weights), snapshot (a job in the middle). Little-endian throughout; bounded and checked when read; the
 * same content gives the same bytes, so that its sha256 names it.
 *
 *   8 bytes  magic "TKTMARK1"
 *   u32      header length in bytes
 *   header   canonical JSON: { kind, meta, tensors: [{ name, dtype: "f32" | "u8", shape, encoding: "dense" | "sparse" | "bits" }] }
 *   data     tensors in order, each padded with zeros to a multiple of 4 bytes:
 *            dense   all elements;
 *            bits    u8 tensors of 0 and 1, eight a byte, lowest bit first;
 *            sparse  f32 under the mask tensor `${name}` of the same file ("mask:" + name): the kept elements only, in order
 */
import type { Mask } from "./mask.ts";
import type { Weights } from "./weights.ts";

export const TENSOR_KINDS = ["ticket", "trained", "snapshot"] as const;
export type TensorKind = (typeof TENSOR_KINDS)[number];

/** What a ticket or trained file holds. */
export interface MaskedWeights {
  readonly mask: Mask;
  readonly weights: Weights;
}

export type { Mask, Weights };
