/**
 * DSSE envelopes signed with Ed25519. The signature is over the exact bytes of the payload (pre-authentication
 * encoding); the server stores and serves them as they are. Verify first, parse after.
 * https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
 */
import * as ed25519 from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";
import { concatBytes } from "@noble/hashes/utils.js";
import { z } from "zod";
import { canonicalBytes, digestOf, parseCanonical } from "./canonical.ts";
import { Problem } from "./problem.ts";
import { PAYLOAD_TYPE, type Statement, statementSchema } from "./statement.ts";

ed25519.hashes.sha512 = sha512;

const base64 = z.base64();

export const envelopeSchema = z.strictObject({
  payloadType: z.literal(PAYLOAD_TYPE),
  payload: base64.max(400_000),
  signatures: z.array(z.strictObject({ keyid: z.string().max(100), sig: base64.max(200) })).length(1),
});
export type Envelope = z.infer<typeof envelopeSchema>;

export interface KeyPair {
  /** 32 bytes each. */
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

export function newKeyPair(): KeyPair {
  const { publicKey, secretKey } = ed25519.keygen();
  return { publicKey, privateKey: secretKey };
}

/** A key's id: sha256 of its 32 public bytes. */
export const keyIdOf = (publicKey: Uint8Array): string => digestOf(publicKey);

export const sign = (message: Uint8Array, key: KeyPair): Uint8Array => ed25519.sign(message, key.privateKey);

/** Strict RFC 8032 verification; false for anything that is not a valid signature of these bytes. */
export function verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  try {
    return ed25519.verify(signature, message, publicKey, { zip215: false });
  } catch {
    return false; // a malformed point or length: the library throws where we only want a no
  }
}

/** DSSE's pre-authentication encoding: "DSSEv1" SP len(type) SP type SP len(payload) SP payload. */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  const head = new TextEncoder().encode(
    `DSSEv1 ${new TextEncoder().encode(payloadType).length} ${payloadType} ${payload.length} `,
  );
  return concatBytes(head, payload);
}

export function signStatement(statement: Statement, key: KeyPair): Envelope {
  const payload = canonicalBytes(statement);
  const sig = sign(preAuthEncoding(PAYLOAD_TYPE, payload), key);
  return {
    payloadType: PAYLOAD_TYPE,
    payload: toBase64(payload),
    signatures: [{ keyid: keyIdOf(key.publicKey), sig: toBase64(sig) }],
  };
}

/**
 * The statement inside, once its signature by `publicKey` holds. Throws Problem "bad-signature" before it looks at the
 * payload, "bad-statement" if the payload is not a canonical statement. The envelope's keyid decides nothing.
 */
export function openStatement(envelope: Envelope, publicKey: Uint8Array): Statement {
  const payload = fromBase64(envelope.payload);
  const signature = fromBase64(envelope.signatures[0]!.sig);
  if (!verify(signature, preAuthEncoding(envelope.payloadType, payload), publicKey)) {
    throw new Problem(
      "bad-signature",
      `expected a signature by key ${keyIdOf(publicKey).slice(0, 12)}… over the payload; it does not hold`,
    );
  }
  const parsed = statementSchema.safeParse(parseCanonical(payload, "statement", "bad-statement"));
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new Problem("bad-statement", `statement: ${issue.path.join(".")}: ${issue.message}`, { cause: parsed.error });
  }
  return parsed.data;
}

export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let i = 0; i < bytes.length; i += 0x8000) binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(binary);
}

export const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
