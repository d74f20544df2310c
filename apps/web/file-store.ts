/**
 * Files by content, in a folder: DATA/files/ab/cdef… is the file whose sha256 is abcdef…. Written under another name,
 * counted and hashed on the way, synced, and renamed when all of it is right: a name never stands for other bytes.
 */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { Problem } from "@ticketmark/core";
import { env } from "./env.ts";

const folder = () => join(env().data, "files");

/** Only ever called with 64 hex digits (digestSchema). */
const pathOf = (digest: string) => join(folder(), digest.slice(0, 2), digest.slice(2));

/**
 * Stores exactly the announced bytes, which `body` bounds. Throws Problem "bad-file" if they are fewer or others, and what
 * `body` throws; nothing is kept then.
 */
export async function putFile(digest: string, bytes: number, body: AsyncIterable<Uint8Array>): Promise<void> {
  const target = pathOf(digest);
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

export const hasFile = (digest: string, bytes: number): Promise<boolean> =>
  stat(pathOf(digest)).then(
    (found) => found.size === bytes,
    () => false,
  );

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

/** Drafts that a killed process left. Young ones may be another server's. */
export async function removeOldDrafts(): Promise<void> {
  await mkdir(folder(), { recursive: true });
  for (const name of await readdir(folder())) {
    const path = join(folder(), name);
    if (!name.endsWith(".draft")) continue;
    const found = await stat(path).catch(() => null); // another server may have finished it just now
    if (found && Date.now() - found.mtimeMs > DRAFT_MS) await rm(path, { force: true });
  }
}
