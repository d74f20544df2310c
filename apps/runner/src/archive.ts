/**
 * Takes the files of a data set out of a gz, tar.gz or zip archive, and nothing else: names in the archive choose what is
 * read, never where it is written. Everything is bounded by the sizes that the data set declares, and a file is in its place
 * only when all of them are whole.
 */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { createGunzip } from "node:zlib";
import { type Archive, Problem } from "@ticketmark/core";
import { syncFolder, UNFINISHED } from "./files.ts";
import { inflated } from "./inflate.ts";
import { readTar } from "./tar.ts";
import { openZip } from "./zip.ts";

/** A file to be taken out. */
export interface Wanted {
  /** Path in the archive; null = the one file of a "gz". */
  readonly member: string | null;
  readonly bytes: number;
  /** Null where it is not published. */
  readonly sha256: string | null;
  /** Where it is put. Anything there is replaced. */
  readonly to: string;
}

/** A tar file may hold others as well: as much again, and this much more. */
const OTHER_BYTES = 64 * 2 ** 20;

/** Resolves to the sha256 of each file. Throws Problem "bad-file", or what `signal` is aborted with; then no file is new. */
export async function unpack(
  path: string,
  format: Archive["format"],
  wanted: readonly Wanted[],
  signal: AbortSignal,
): Promise<string[]> {
  const half = wanted.map(({ to }) => join(dirname(to), `${UNFINISHED}${basename(to)}-${randomUUID()}`));
  const digests = new Map<Wanted, string>();
  const take = async (one: Wanted, content: AsyncIterable<Buffer>) => {
    const where = one.member === null ? path : `${path}: ${one.member}`;
    digests.set(one, await write(half[wanted.indexOf(one)]!, content, one, where, signal));
  };
  try {
    await readers[format](path, wanted, take);
    for (const [i, { to }] of wanted.entries()) await rename(half[i]!, to);
  } finally {
    for (const temporary of half) await rm(temporary, { force: true });
  }
  for (const folder of new Set(wanted.map(({ to }) => dirname(to)))) await syncFolder(folder);
  return wanted.map((one) => digests.get(one)!);
}

/** Calls `take` once for each wanted file. Throws Problem for one that is missing. */
type Reader = (
  path: string,
  wanted: readonly Wanted[],
  take: (one: Wanted, content: AsyncIterable<Buffer>) => Promise<void>,
) => Promise<void>;

const readers: Record<Archive["format"], Reader> = {
  async gz(path, wanted, take) {
    for (const one of wanted) await take(one, gunzipped(path));
  },
  async "tar.gz"(path, wanted, take) {
    const missing = new Set(wanted);
    const most = 2 * wanted.reduce((sum, { bytes }) => sum + bytes, 0) + OTHER_BYTES;
    for await (const { name, plain, content } of readTar(gunzipped(path), most, path)) {
      const one = [...missing].find(({ member }) => member === name);
      if (!one) continue;
      if (!plain)
        throw new Problem("bad-file", `${path}: ${name}: expected a plain file; it is a folder, link or device`);
      await take(one, content);
      missing.delete(one);
      if (missing.size === 0) return; // what follows is not needed
    }
    requireNone(path, missing);
  },
  async zip(path, wanted, take) {
    const zip = await openZip(path);
    try {
      requireNone(path, new Set(wanted.filter(({ member }) => !zip.members.has(member!))));
      for (const one of wanted) await take(one, zip.stream(zip.members.get(one.member!)!));
    } finally {
      await zip.close();
    }
  },
};

const gunzipped = (path: string) => inflated(createReadStream(path), createGunzip(), path);

function requireNone(path: string, missing: ReadonlySet<Wanted>): void {
  if (missing.size === 0) return;
  throw new Problem("bad-file", `${path}: expected ${[...missing].map(({ member }) => member).join(", ")}; not in it`);
}

/** Writes and flushes a new file. Resolves to its sha256. */
async function write(
  path: string,
  content: AsyncIterable<Buffer>,
  { bytes, sha256 }: Wanted,
  where: string,
  signal: AbortSignal,
): Promise<string> {
  const hash = createHash("sha256");
  let written = 0;
  const file = await open(path, "wx");
  try {
    for await (const chunk of content) {
      signal.throwIfAborted();
      written += chunk.length;
      if (written > bytes) throw new Problem("bad-file", `${where}: expected ${bytes} bytes; it unpacks to more`);
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  if (written !== bytes) throw new Problem("bad-file", `${where}: expected ${bytes} bytes; it unpacks to ${written}`);
  const digest = hash.digest("hex");
  if (sha256 === null || sha256 === digest) return digest;
  throw new Problem("bad-file", `${where}: expected sha256 ${sha256}; it unpacks to ${digest}`);
}
