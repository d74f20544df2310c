/**
 * Canonical JSON (RFC 8785, JCS) and sha256 digests. Two equal values have equal bytes, so a digest of the bytes names
 * the value. JSON has no NaN and no infinity: numbers that may be non-finite are encoded by `encodeNumber`.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { z } from "zod";
import { Problem, type ProblemCode } from "./problem.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Nothing of ours nests deeper; a bound, so that no reader of foreign JSON runs out of stack. */
const MAX_DEPTH = 100;

/** Throws TypeError on what JSON cannot hold (non-finite numbers, undefined in arrays, lone surrogates) and on what nests
 * deeper than 100 levels. Keys whose value is undefined are left out. */
export const canonicalJson = (value: unknown): string => encode(value, 0);

function encode(value: unknown, depth: number): string {
  if (depth > MAX_DEPTH) throw new TypeError(`canonical JSON: nests deeper than ${MAX_DEPTH} levels`);
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError(`canonical JSON: ${value} is not a JSON number`);
    return JSON.stringify(value); // ECMAScript's number formatting is what RFC 8785 prescribes; -0 becomes 0
  }
  if (typeof value === "string") {
    if (/\p{Surrogate}/u.test(value)) throw new TypeError("canonical JSON: string with a lone surrogate");
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((item) => encode(item, depth + 1)).join(",")}]`;
  if (typeof value === "object") {
    const entries = Object.entries(value as Record<string, unknown>).filter(([, v]) => v !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)); // UTF-16 code units, as RFC 8785 wants
    return `{${entries.map(([k, v]) => `${encode(k, depth)}:${encode(v, depth + 1)}`).join(",")}}`;
  }
  throw new TypeError(`canonical JSON: cannot hold a ${typeof value}`);
}

export const canonicalBytes = (value: unknown): Uint8Array => new TextEncoder().encode(canonicalJson(value));

/** sha256 in lower-case hex. */
export const digestOf = (bytes: Uint8Array): string => bytesToHex(sha256(bytes));

/**
 * The same, of megabytes: by WebCrypto (native code, off the thread) where there is one, which pages without https lack.
 * WebCrypto refuses views of shared memory.
 */
export async function digestOfLarge(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const { subtle } = globalThis.crypto ?? {};
  return subtle ? bytesToHex(new Uint8Array(await subtle.digest("SHA-256", bytes))) : digestOf(bytes);
}

export const digestOfJson = (value: unknown): string => digestOf(canonicalBytes(value));

export const digestSchema = z.string().regex(/^[0-9a-f]{64}$/, "expected a sha256 digest: 64 lower-case hex digits");

/** Numbers that may be NaN or infinite, as JSON: a number, or one of three strings. */
export type EncodedNumber = number | "NaN" | "Infinity" | "-Infinity";
export const numberSchema: z.ZodType<EncodedNumber> = z.union([
  z.number(),
  z.literal("NaN"),
  z.literal("Infinity"),
  z.literal("-Infinity"),
]);
export const encodeNumber = (x: number): EncodedNumber => (Number.isFinite(x) ? x : (String(x) as EncodedNumber));
export const decodeNumber = (x: EncodedNumber): number => Number(x);

/** Parses JSON bytes that must be canonical: the one encoding of their value. Throws Problem `code`. */
export function parseCanonical(bytes: Uint8Array, what: string, code: ProblemCode = "bad-file"): unknown {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
    if (canonicalJson(value) === text) return value;
  } catch (cause) {
    throw new Problem(code, `${what}: expected canonical JSON (RFC 8785): ${(cause as Error).message}`, { cause });
  }
  throw new Problem(code, `${what}: expected canonical JSON (RFC 8785); the bytes are another encoding of their value`);
}
