/** The runner's Ed25519 key: made here, kept in DATA/key, never sent. Its public half goes to the site at enrolment. */
import { link, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fromBase64, type KeyPair, keyIdOf, newKeyPair, Problem, sign, toBase64, verify } from "@ticketmark/core";
import { z } from "zod";
import { makePrivateFolder, PRIVATE_FILE, readJson, UNFINISHED, writeAtomically } from "./files.ts";

const keySchema = z.strictObject({
  format: z.literal("ticketmark-key-1"),
  /** base64 of 32 bytes each. */
  publicKey: z.base64().length(44),
  privateKey: z.base64().length(44),
});

/** The key in DATA/key; null when there is none. Throws Problem "bad-settings" if others can read it or its halves
 * do not belong together. */
export async function readKey(data: string): Promise<KeyPair | null> {
  const path = join(data, "key");
  const file = await readJson(path, keySchema, 10_000);
  if (file === null) return null;
  if (process.platform !== "win32" && ((await stat(path)).mode & 0o077) !== 0) {
    throw new Problem("bad-settings", `${path}: expected a key that only its owner can read: run chmod 600 ${path}`);
  }
  const key = { publicKey: fromBase64(file.publicKey), privateKey: fromBase64(file.privateKey) };
  const message = new TextEncoder().encode("ticketmark key check");
  if (!verify(sign(message, key), message, key.publicKey)) {
    throw new Problem("bad-settings", `${path}: expected two halves of one key; they do not belong together`);
  }
  return key;
}

/** The key in DATA/key, made first where there is none. Two processes that start together end with the same key. */
export async function ensureKey(data: string): Promise<KeyPair> {
  const existing = await readKey(data);
  if (existing) return existing;
  await makePrivateFolder(data);
  const key = newKeyPair();
  const own = join(data, `${UNFINISHED}key-${keyIdOf(key.publicKey).slice(0, 12)}`);
  const text = JSON.stringify({
    format: "ticketmark-key-1",
    publicKey: toBase64(key.publicKey),
    privateKey: toBase64(key.privateKey),
  });
  await writeAtomically(own, `${text}\n`, PRIVATE_FILE);
  try {
    await link(own, join(data, "key")); // a link never replaces: the first of two processes wins
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(own, { force: true });
  }
  return (await readKey(data))!;
}
