/**
 * The trace of a run: a hash chain over its training losses, in blocks of 100 iterations that restart with each phase.
 * Two runs with one head had the same loss in every iteration, bit for bit, under the same masks.
 *
 *   head₀ = sha256("ticketmark-trace-1")
 *   head  = sha256(head ‖ the block's losses, u32 bits, little-endian ‖ digest of the phase's mask, 32 bytes; zeros = dense)
 *
 * Beside the last head a trace keeps a mark of each: its first 4 bytes. Where the marks of two runs first differ is the
 * first block that came out differently.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import type { Mask } from "./mask.ts";

export const BLOCK = 100;

/** Hex digits of a mark. */
const MARK = 8;
/** Longer traces keep no marks. */
export const MAX_MARKED_BLOCKS = 100_000;

export interface TraceState {
  /** sha256 in hex. */
  readonly head: string;
  readonly blocks: number;
  /** 8 hex digits a block; left out of traces that are too long. */
  readonly marks?: string | undefined;
}

/** NaN has many bit patterns and CPUs differ in them; a non-finite loss always enters as this one. */
const NOT_FINITE = 0x7fc00000;

export class Trace {
  #head: Uint8Array;
  #blocks: number;
  #marks: string | undefined;

  /** Starts anew, or goes on from what `state` gave. */
  constructor(from?: TraceState) {
    this.#head = from ? hexToBytes(from.head) : sha256(new TextEncoder().encode("ticketmark-trace-1"));
    this.#blocks = from?.blocks ?? 0;
    this.#marks = from ? from.marks : "";
  }

  get state(): TraceState {
    return {
      head: bytesToHex(this.#head),
      blocks: this.#blocks,
      ...(this.#marks !== undefined && { marks: this.#marks }),
    };
  }

  /** Adds a block of 1 … 100 losses. */
  add(losses: Float32Array, digest: Uint8Array): void {
    if (losses.length < 1 || losses.length > BLOCK) throw new Error(`trace: a block of ${losses.length} losses`);
    const bytes = new Uint8Array(32 + 4 * losses.length + 32);
    const view = new DataView(bytes.buffer);
    bytes.set(this.#head);
    for (let i = 0; i < losses.length; i++) {
      if (Number.isFinite(losses[i])) view.setFloat32(32 + 4 * i, losses[i]!, true);
      else view.setUint32(32 + 4 * i, NOT_FINITE, true);
    }
    bytes.set(digest, 32 + 4 * losses.length);
    this.#head = sha256(bytes);
    this.#blocks++;
    if (this.#blocks > MAX_MARKED_BLOCKS) this.#marks = undefined;
    if (this.#marks !== undefined) this.#marks += bytesToHex(this.#head.subarray(0, MARK / 2));
  }
}

/** Index of the first block that differs, from 0; null where all are equal, or where one of the traces has no marks. */
export function firstDifferentBlock(
  a: Pick<TraceState, "head" | "marks">,
  b: Pick<TraceState, "head" | "marks">,
): number | null {
  if (a.marks === undefined || b.marks === undefined || a.head === b.head) return null;
  const shorter = Math.min(a.marks.length, b.marks.length) / MARK;
  for (let block = 0; block < shorter; block++) {
    const at = block * MARK;
    if (a.marks.slice(at, at + MARK) !== b.marks.slice(at, at + MARK)) return block;
  }
  return shorter; // one goes on where the other ends
}

/** sha256 over the layers in order of their names: name, a newline, one byte a weight. 32 zeros for no mask. */
export function maskDigest(mask: Mask | null): Uint8Array {
  if (!mask) return new Uint8Array(32);
  const hash = sha256.create();
  for (const name of Object.keys(mask).sort()) {
    hash.update(new TextEncoder().encode(`${name}\n`));
    hash.update(mask[name]!);
  }
  return hash.digest();
}
