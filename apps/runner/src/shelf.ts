/**
 * A folder of things that were dear to make and can be made again: each a folder with a stamp, which is written when the
 * thing is whole, says what it is and its size, and is touched with each use. A crash leaves a folder without a stamp,
 * which is removed. Nothing is renamed: what is inside may hold its own path. One process uses a shelf.
 */
import { lstat, mkdir, readdir, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { Problem } from "@ticketmark/core";
import { z } from "zod";
import { namesIn, readJson, writeAtomically } from "./files.ts";

const STAMP = "stamp.json";
const BLOCK = 4_096;

const stampSchema = z.strictObject({ bytes: z.number().int().min(0), note: z.unknown() });

export interface Item<Note> {
  readonly name: string;
  /** Measured when it was made. */
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly usedAt: number;
  readonly note: Note;
}

export interface Shelf<Note> {
  pathOf(name: string): string;
  /** Null when there is none that is whole. */
  find(name: string): Promise<Item<Note> | null>;
  /** Makes a thing in an empty folder, in place of any of its name; what `work` throws leaves nothing behind. */
  make(name: string, work: (folder: string) => Promise<Note>): Promise<Note>;
  touch(name: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** What is there, the least recently used first. */
  list(): Promise<Item<Note>[]>;
}

/** Opens the shelf and removes what is not whole. */
export async function openShelf<Note>(folder: string, schema: z.ZodType<Note>): Promise<Shelf<Note>> {
  const pathOf = (name: string) => join(folder, name);
  const stampOf = (name: string) => join(folder, name, STAMP);
  const remove = async (name: string) => {
    await rm(stampOf(name), { force: true });
    await rm(pathOf(name), { recursive: true, force: true, maxRetries: 3 });
  };
  const find = async (name: string): Promise<Item<Note> | null> => {
    try {
      const stamp = await readJson(stampOf(name), stampSchema);
      if (stamp === null) return null;
      const note = schema.safeParse(stamp.note);
      const usedAt = (await stat(stampOf(name))).mtimeMs;
      return note.success ? { name, bytes: stamp.bytes, usedAt, note: note.data } : null;
    } catch (error) {
      if (error instanceof Problem && error.code === "bad-file") return null;
      throw error;
    }
  };
  const list = async () => {
    const items: Item<Note>[] = [];
    for (const name of await namesIn(folder)) {
      const item = await find(name);
      if (item) items.push(item);
    }
    return items.sort((a, b) => a.usedAt - b.usedAt);
  };
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder)) if (!(await find(name))) await remove(name);
  return {
    pathOf,
    find,
    list,
    remove,
    touch: async (name) => utimes(stampOf(name), new Date(), new Date()),
    make: async (name, work) => {
      await remove(name);
      await mkdir(pathOf(name), { mode: 0o700 });
      try {
        const note = await work(pathOf(name));
        const bytes = await bytesIn(pathOf(name));
        await writeAtomically(stampOf(name), JSON.stringify({ bytes, note }));
        return note;
      } catch (error) {
        await remove(name);
        throw error;
      }
    },
  };
}

/** What a folder takes of a disk, about: files in whole blocks, links not followed. 0 when there is none. */
export async function bytesIn(path: string): Promise<number> {
  let entries: import("node:fs").Dirent[];
  try {
    entries = await readdir(path, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
  let bytes = BLOCK;
  for (const entry of entries) {
    const at = join(path, entry.name);
    bytes += entry.isDirectory() ? await bytesIn(at) : Math.ceil((await lstat(at)).size / BLOCK) * BLOCK;
  }
  return bytes;
}
