/**
 * Brings the files of a data set that are missing: downloads archives, unpacks them, and leaves what was there alone. One
 * process at a time works in a data set's folder; others wait, and find the files when it is done.
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Archive, type DataFile, Problem } from "@ticketmark/core";
import { unpack } from "./archive.ts";
import { archivesOf, folderOf, recordDigest, recordedDigest, type Source, sizeOf } from "./data.ts";
import { checkArchive, type Downloading, download, partOf } from "./download.ts";
import { isSystemError, removeUnfinished } from "./files.ts";
import { lockWhenFree } from "./lock.ts";

export interface Providing extends Omit<Downloading, "onProgress"> {
  /** Bytes of an archive that are there. */
  readonly onProgress: (name: string, done: number, total: number | null) => void;
}

/**
 * Resolves when every file that an archive carries is there with its size. Throws Problem "data-unavailable" or "bad-file",
 * or what `signal` is aborted with; what was downloaded stays, and the next call goes on from it.
 */
export async function provide(dataset: Source, dataDir: string, options: Providing): Promise<void> {
  const folder = folderOf(dataset, dataDir);
  try {
    for (const archive of archivesOf(dataset)) {
      if (await isThere(archive, dataset, folder)) continue;
      await mkdir(folder, { recursive: true });
      const tell = async () => {
        const done = await sizeOf(partOf(join(folder, archive.name)));
        options.onProgress(archive.name, done ?? 0, archive.bytes); // how far the other process is
      };
      const lock = await lockWhenFree(folder, options.signal, tell);
      try {
        if (!(await isThere(archive, dataset, folder))) await bring(archive, dataset, folder, options);
      } finally {
        lock.close();
      }
    }
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const message = `${folder}: expected to be able to write there: ${error.message}; what is there is kept`;
    throw new Problem("data-unavailable", message, { cause: error });
  }
}

/** Images are read from their archive, which stays packed. */
const staysPacked = (archive: Archive, { images }: Source) => images?.archive?.sha256 === archive.sha256;

async function isThere(archive: Archive, dataset: Source, folder: string): Promise<boolean> {
  if ((await missingFiles(archive, dataset, folder)).length > 0) return false;
  if (!staysPacked(archive, dataset)) return true;
  const path = join(folder, archive.name);
  return (await sizeOf(path)) !== null && (await recordedDigest(path)) === archive.sha256;
}

async function missingFiles(archive: Archive, { files }: Source, folder: string): Promise<DataFile[]> {
  const missing: DataFile[] = [];
  for (const file of files) {
    const isOfArchive = "archive" in file.source && file.source.archive.sha256 === archive.sha256;
    if (isOfArchive && (await sizeOf(join(folder, file.name))) !== file.bytes) missing.push(file);
  }
  return missing;
}

async function bring(archive: Archive, dataset: Source, folder: string, options: Providing): Promise<void> {
  await removeUnfinished(folder);
  const path = join(folder, archive.name);
  const found = (await sizeOf(path)) !== null;
  if (found) {
    const wrong = await checkArchive(archive, path);
    if (wrong) throw new Problem("bad-file", `${path}: ${wrong}; remove it, and it is downloaded`);
  } else {
    const onProgress = (done: number, total: number | null) => options.onProgress(archive.name, done, total);
    await download(archive, path, { ...options, onProgress });
  }
  const files = await missingFiles(archive, dataset, folder);
  const wanted = files.map(({ name, bytes, sha256, source }) => ({
    member: "archive" in source ? source.member : null,
    bytes,
    sha256,
    to: join(folder, name),
  }));
  const digests = wanted.length === 0 ? [] : await unpack(path, archive.format, wanted, options.signal);
  for (const [i, { to, sha256 }] of wanted.entries()) if (sha256 === null) await recordDigest(to, digests[i]!);
  if (staysPacked(archive, dataset)) await recordDigest(path, archive.sha256);
  else if (!found) await rm(path); // what a person put there stays
}
