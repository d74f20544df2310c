import { hexToBytes } from "@noble/hashes/utils.js";
import { expect, test } from "vitest";
import { digestOf } from "./canonical.ts";
import {
  type Envelope,
  envelopeSchema,
  fromBase64,
  keyIdOf,
  newKeyPair,
  openStatement,
  preAuthEncoding,
  sign,
  signStatement,
  toBase64,
  verify,
} from "./signature.ts";
import { PAYLOAD_TYPE, PREDICATE_TYPE, STATEMENT_TYPE, type Statement } from "./statement.ts";

const key = newKeyPair();
const statement: Statement = {
  _type: STATEMENT_TYPE,
  subject: [{ name: "result", digest: { sha256: "ab".repeat(32) } }],
  predicateType: PREDICATE_TYPE,
  predicate: {
    job: { id: null, attempt: 0, leaseNonce: null, kind: "run", specDigest: "cd".repeat(32) },
    numerics: 1,
    code: { commit: null, dirty: false, version: "0.1.0" },
    datasetDigests: [],
    keyId: keyIdOf(key.publicKey),
    environment: {
      ...{ engine: "cpu", device: "d", reason: "r", os: "o", arch: "a", cpu: "c", node: "20" },
      cores: 2,
      memoryBytes: 1,
    },
    outcome: "diverged",
    metrics: [{ name: "wall time", value: 1.5, unit: "s" }],
  },
};

test("the DSSE specification's test vector", () => {
  const encoded = preAuthEncoding("http://example.com/HelloWorld", new TextEncoder().encode("hello world"));
  expect(new TextDecoder().decode(encoded)).toBe("DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  const accented = preAuthEncoding("é", Uint8Array.of(0, 255));
  expect([...accented.subarray(0, 9)]).toEqual([...new TextEncoder().encode("DSSEv1 2 ")]); // bytes, not characters
  expect([...accented.subarray(-5)]).toEqual([0x20, 0x32, 0x20, 0, 255]);
});

test("RFC 8032 §7.1, tests 2 and 3", () => {
  const vectors = [
    {
      secret: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
      message: "72",
      signature:
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    },
    {
      secret: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
      message: "af82",
      signature:
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    },
  ];
  for (const vector of vectors) {
    const [message, publicKey] = [hexToBytes(vector.message), hexToBytes(vector.publicKey)];
    const signature = sign(message, { privateKey: hexToBytes(vector.secret), publicKey });
    expect(signature).toEqual(hexToBytes(vector.signature));
    expect(verify(signature, message, publicKey)).toBe(true);
    expect(verify(signature, Uint8Array.of(...message, 0), publicKey)).toBe(false);
  }
});

test("small-order keys and malformed input verify nothing", () => {
  const message = Uint8Array.of(1);
  // the identity point as a key, R the identity, s = 0: holds for every message under lax rules
  const identity = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0));
  const forged = new Uint8Array(64);
  forged.set(identity);
  expect(verify(forged, message, identity)).toBe(false);
  expect(verify(new Uint8Array(63), message, key.publicKey)).toBe(false);
  expect(verify(sign(message, key), message, new Uint8Array(31))).toBe(false);
});

test("a statement comes back from its envelope; its key has an id", () => {
  const envelope = signStatement(statement, key);
  expect(envelopeSchema.parse(envelope)).toEqual(envelope);
  expect(envelope.signatures[0]!.keyid).toBe(digestOf(key.publicKey));
  expect(openStatement(envelope, key.publicKey)).toEqual(statement);
});

test("one altered byte of payload or signature, another key or payload type: refused before anything is parsed", () => {
  const envelope = signStatement(statement, key);
  const payload = fromBase64(envelope.payload);
  for (const at of [0, 100, payload.length - 1]) {
    const altered = payload.map((byte, i) => (i === at ? byte ^ 1 : byte));
    expect(() => openStatement({ ...envelope, payload: toBase64(altered) }, key.publicKey)).toThrow(/does not hold/);
  }
  const sig = fromBase64(envelope.signatures[0]!.sig);
  const other = { ...envelope, signatures: [{ keyid: "", sig: toBase64(sig.map((b, i) => (i === 40 ? b ^ 1 : b))) }] };
  expect(() => openStatement(other, key.publicKey)).toThrow(/does not hold/);
  expect(() => openStatement(envelope, newKeyPair().publicKey)).toThrow(/does not hold/);
  expect(() => openStatement({ ...envelope, payloadType: "x" as typeof PAYLOAD_TYPE }, key.publicKey)).toThrow(/hold/);
});

test("a signed payload that is not a canonical statement is refused", () => {
  const signed = (text: string): Envelope => {
    const payload = new TextEncoder().encode(text);
    const sig = sign(preAuthEncoding(PAYLOAD_TYPE, payload), key);
    return { payloadType: PAYLOAD_TYPE, payload: toBase64(payload), signatures: [{ keyid: "", sig: toBase64(sig) }] };
  };
  expect(() => openStatement(signed(JSON.stringify(statement, null, 1)), key.publicKey)).toThrow(/canonical JSON/);
  expect(() => openStatement(signed("{}"), key.publicKey)).toThrow(/statement: _type/);
  expect(() => openStatement(signed("not json"), key.publicKey)).toThrow(/canonical JSON/);
});

test("base64 of any bytes", () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7) & 255);
  expect(fromBase64(toBase64(bytes))).toEqual(bytes);
  expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString("base64"));
});
