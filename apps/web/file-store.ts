/**
 * Files by content, in a folder: DATA/files/ab/cdef… is the file whose sha256 is abcdef…. Written under another name,
 * counted and hashed on the way, synced, and renamed when all of it is right: a name never stands for other bytes.
 *
 * What a runner sends lies in DATA/files/pending/JOB-LEASE/ first, where nobody reads it, until a stored result names it.
 */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { Problem } from "@ticketmark/core";
import type { Announcement, Sender } from "./db/files.ts";
import { env } from "./env.ts";

const folder = () => join(env().data, "files");

/** Only ever called with 64 hex digits (digestSchema). */
const pathOf = (digest: string) => join(folder(), digest.slice(0, 2), digest.slice(2));

const pendingFolder = () => join(folder(), "pending");
const UUID_LENGTH = 36;
const folderOf = ({ jobId, leaseHash }: Sender) => join(pendingFolder(), `${jobId}-${leaseHash}`);
const pendingOf = (sender: Sender, digest: string) => join(folderOf(sender), digest);

/**
 * Keeps exactly the announced bytes, which `body` bounds, for its sender. Throws Problem "bad-file" if they are fewer or
 * others, and what `body` throws; nothing is kept then.
 */
export async function putPending(announced: Announcement, body: AsyncIterable<Uint8Array>): Promise<void> {
  const { digest, bytes } = announced;
  const target = pendingOf(announced, digest);
  await mkdir(folder(), { recursive: true });
  const draft = join(folder(), `${randomUUID()}.draft`);
  const file = await open(draft, "wx");
  try {
    const hash = createHash("sha256");
    let written = 0;
    for await (const chunk of body) {
      written += chunk.length;
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    if (written !== bytes)
      throw new Problem(
        "bad-file",
        `file ${digest.slice(0, 12)}…: expected ${bytes} bytes, as announced; got ${written}`,
      );
    const found = hash.digest("hex");
    if (found !== digest) throw new Problem("bad-file", `expected the file with sha256 ${digest}; got ${found}`);
    await file.sync();
    await mkdir(dirname(target), { recursive: true });
    await rename(draft, target);
    await syncFolder(dirname(target));
  } finally {
    await file.close();
    await rm(draft, { force: true });
  }
}

/** Without it the new name may be lost with the power, though the bytes are not. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  await handle.sync();
  await handle.close();
}

const sizeOf = (path: string): Promise<number | null> =>
  stat(path).then(
    (found) => found.size,
    () => null,
  );

export const hasFile = async (digest: string, bytes: number): Promise<boolean> =>
  (await sizeOf(pathOf(digest))) === bytes;

export const hasPending = async (sender: Sender, digest: string, bytes: number): Promise<boolean> =>
  (await sizeOf(pendingOf(sender, digest))) === bytes;

/** The bytes that this sender sent; null if it did not. */
export const getPending = (sender: Sender, digest: string): Promise<Uint8Array | null> =>
  readFile(pendingOf(sender, digest)).catch(() => null);

/** Moves a file of the sender's among the public ones; nothing to do when it is there. Throws Problem "not-found". */
export async function publish(sender: Sender, digest: string): Promise<void> {
  const target = pathOf(digest);
  await mkdir(dirname(target), { recursive: true });
  await rename(pendingOf(sender, digest), target).catch(async (cause) => {
    if ((await sizeOf(target)) === null) throw new Problem("not-found", `file ${digest}: it is gone`, { cause });
  });
  await syncFolder(dirname(target));
}

/** Drops one file that the sender sent, or all. */
export const removePending = (sender: Sender, digest?: string): Promise<void> =>
  rm(digest === undefined ? folderOf(sender) : pendingOf(sender, digest), { recursive: true, force: true });

/** Throws Problem "not-found". */
export async function getFile(digest: string): Promise<Uint8Array> {
  return readFile(pathOf(digest)).catch((cause) => {
    throw new Problem("not-found", `file ${digest}: it is not in the store`, { cause });
  });
}

/** The bytes, as they are read. Throws Problem "not-found". */
export async function streamFile(digest: string): Promise<ReadableStream<Uint8Array>> {
  const path = pathOf(digest);
  const found = await stat(path).catch(() => null);
  if (!found) throw new Problem("not-found", `file ${digest}: it is not in the store`);
  return Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>;
}

const DRAFT_MS = 86_400_000;

/**
 * What a killed process left: drafts, and files that no stored result names. Young ones are left alone: another server on
 * this folder may be about to name them.
 */
export async function removeLeftovers(known: ReadonlySet<string>): Promise<void> {
  await mkdir(folder(), { recursive: true });
  for (const name of await readdir(folder(), { recursive: true })) {
    const path = join(folder(), name);
    const digest = /^([0-9a-f]{2})[/\\]([0-9a-f]{62})$/.exec(name);
    const orphan = digest && !known.has(digest[1]! + digest[2]!);
    if ((orphan || name.endsWith(".draft")) && (await isOld(path))) await rm(path, { force: true });
  }
}

/** Who has sent files that are not public. */
export async function listPending(): Promise<Sender[]> {
  const names = await readdir(pendingFolder()).catch(() => []);
  return names.map((name) => ({ jobId: name.slice(0, UUID_LENGTH), leaseHash: name.slice(UUID_LENGTH + 1) }));
}

async function isOld(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null); // another server may have finished it just now
  return found !== null && Date.now() - found.mtimeMs > DRAFT_MS;
}
