/**
 * Files that survive a crash: written beside their place, flushed, then renamed into it, so that a reader finds the old
 * bytes or the new ones and never half of them. Everything read is bounded first.
 */
import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Problem } from "@ticketmark/core";
import { z } from "zod";

/** Ours alone: what a data folder holds are secrets and unpublished results. */
const PRIVATE_FOLDER = 0o700;
export const PRIVATE_FILE = 0o600;
/** Starts the name of whatever is half-written. */
export const UNFINISHED = ".ticketmark-";

/** Did the system refuse (a full disk, missing permission)? Not a bug, and it may pass. */
export const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === "string";

/** For `catch`: forgives what the system refused, nothing else. */
export const ifSystem = (error: unknown): void => {
  if (!isSystemError(error)) throw error;
};

export async function makePrivateFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: PRIVATE_FOLDER });
  } catch (cause) {
    throw new Problem("bad-settings", `${path}: expected a folder that can be made: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** The bytes of a file, or null when there is none. Throws Problem "too-large" beyond `maxBytes`. */
export async function readBounded(path: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer> | null> {
  let size: number;
  try {
    const found = await stat(path);
    if (!found.isFile()) throw new Problem("bad-file", `${path}: expected a file`);
    size = found.size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  if (size > maxBytes) {
    throw new Problem("too-large", `${path}: expected at most ${maxBytes} bytes; there are ${size}`);
  }
  return readFile(path);
}

/** A JSON file of ours, validated; null when there is none. Throws Problem "bad-file" with the place of the fault. */
export async function readJson<T>(path: string, schema: z.ZodType<T>, maxBytes = 1 << 20): Promise<T | null> {
  const bytes = await readBounded(path, maxBytes);
  if (bytes === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new Problem("bad-file", `${path}: expected JSON: ${(cause as Error).message}`, { cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new Problem("bad-file", `${path}: ${issue.path.join(".") || "(file)"}: ${issue.message}`, {
    cause: parsed.error,
  });
}

/** Writes, flushes, renames, and flushes the folder: after it returns, a power cut changes nothing. */
export async function writeAtomically(path: string, bytes: Uint8Array | string, mode = 0o644): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `${UNFINISHED}${basename(path)}-${randomUUID()}`);
  try {
    const file = await open(temporary, "wx", mode);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(ifSystem);
    if (isSystemError(error)) Object.assign(error, { path, message: error.message.replaceAll(temporary, path) });
    throw error;
  }
  await syncFolder(folder);
}

export async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return; // folders cannot be opened for flushing there; NTFS journals renames
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Names in a folder, without what a crash left half-written; none when the folder is missing. */
export async function namesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).filter((name) => !name.startsWith(".")).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

const jobId = z.uuid();
/** Is this name of a file or folder that of a job? Whatever else lies in a data folder is left alone. */
export const isJobId = (name: string): boolean => jobId.safeParse(name).success;

/** Removes what an earlier process left half-written in a folder, but for the names in `except`. Only its one owner may call this. */
export async function removeUnfinished(path: string, except: readonly string[] = []): Promise<void> {
  let names: string[];
  try {
    names = await readdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  for (const name of names)
    if (name.startsWith(UNFINISHED) && !except.includes(name))
      await rm(join(path, name), { recursive: true, force: true });
}
