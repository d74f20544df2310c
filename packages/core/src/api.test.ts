import { expect, test } from "vitest";
import {
  announceSchema,
  claimSchema,
  enrolMessage,
  enrolSchema,
  handBackSchema,
  heartbeatSchema,
  LEVELS,
  MAX_FILE_BYTES,
  repositoryName,
} from "./api.ts";
import { newKeyPair, sign, toBase64, verify } from "./signature.ts";

const lease = "x".repeat(32);

test("a key pair made on the runner proves itself in an enrolment", () => {
  const key = newKeyPair();
  const token = "t".repeat(30);
  const publicKey = toBase64(key.publicKey);
  const proof = sign(enrolMessage(token, publicKey), key);
  const enrolment = {
    token,
    name: " a runner ",
    publicKey,
    proof: toBase64(proof),
    environment: {
      ...{ engine: "", device: "", reason: "", os: "", arch: "", cpu: "", node: "" },
      cores: 1,
      memoryBytes: 1,
    },
  };
  expect(enrolSchema.parse(enrolment).name).toBe("a runner");
  expect(verify(proof, enrolMessage(token, publicKey), key.publicKey)).toBe(true);
  expect(verify(proof, enrolMessage(`${token}x`, publicKey), key.publicKey)).toBe(false);
  expect(enrolSchema.safeParse({ ...enrolment, name: "  " }).success).toBe(false);
  expect(enrolSchema.safeParse({ ...enrolment, publicKey: toBase64(new Uint8Array(33)) }).success).toBe(false);
  expect(enrolSchema.safeParse({ ...enrolment, extra: 1 }).success).toBe(false);
});

test("bounds hold on the wire", () => {
  const file = { job: crypto.randomUUID(), lease, digest: "ab".repeat(32), kind: "ticket", bytes: MAX_FILE_BYTES };
  expect(announceSchema.safeParse(file).success).toBe(true);
  for (const wrong of [{ bytes: MAX_FILE_BYTES + 1 }, { bytes: 0 }, { kind: "snapshot" }, { digest: "../etc" }])
    expect(announceSchema.safeParse({ ...file, ...wrong }).success, JSON.stringify(wrong)).toBe(false);
  const environment = {
    engine: "",
    device: "",
    reason: "",
    os: "",
    arch: "",
    cpu: "",
    node: "",
    cores: 1,
    memoryBytes: 1,
  };
  const claim = { kinds: ["run"], engines: ["auto"], environment, snapshots: [], lease, numerics: 1 };
  expect(claimSchema.safeParse(claim).success).toBe(true);
  for (const wrong of [{ lease: "short" }, { lease: undefined }, { numerics: -1 }, { numerics: undefined }])
    expect(claimSchema.safeParse({ ...claim, ...wrong }).success, JSON.stringify(wrong)).toBe(false);
  const handBack = { lease, reason: "stopping", message: "", snapshotIteration: null };
  expect(handBackSchema.safeParse(handBack).success).toBe(true);
  expect(handBackSchema.safeParse({ ...handBack, snapshotIteration: 2 ** 31 - 1 }).success).toBe(true);
  expect(handBackSchema.safeParse({ ...handBack, snapshotIteration: 2 ** 31 }).success).toBe(false);
  expect(handBackSchema.safeParse({ ...handBack, message: "m".repeat(2_001) }).success).toBe(false);
  expect(heartbeatSchema.safeParse({ lease: "short", progress: null }).success).toBe(false);
});

test("levels are in order of trust", () => {
  expect(LEVELS).toEqual(["signed", "checked", "repeated", "bit-reproduced"]);
});

test("a repository is the same by whatever scheme, user and spelling; a path stays a path", () => {
  for (const address of [
    "https://example.org/a/b",
    "https://example.org/a/b.git",
    "https://example.org/a/b.git/",
    "HTTPS://user:token@Example.ORG:443/a//b/",
    "ssh://git@example.org/a/b",
    "ssh://git@example.org:22/a/b.git",
    "git@example.org:a/b.git",
    "git@example.org:/a/b",
  ])
    expect(repositoryName(address), address).toBe("example.org/a/b");
  for (const address of [
    "https://example.org/A/b",
    "https://example.org/a/b/c",
    "https://example.org:8443/a/b",
    "https://example.org.evil.test/a/b",
    "https://evil.test/@example.org/a/b",
    "/example.org/a/b",
  ])
    expect(repositoryName(address), address).not.toBe("example.org/a/b");
  expect(["/srv/b/", "/srv/b.git", "/", "C:\\b"].map(repositoryName)).toEqual(["/srv/b", "/srv/b.git", "/", "C:\\b"]);
});
