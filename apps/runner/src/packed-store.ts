/**
 * Decoded images, one packed file KEY.images a set of them, which the next run reads. KEY.images.json beside it has the
 * sha256 that is checked whenever a run opens the file, and the sizes of the photos that the images were decoded from: after
 * one of them was replaced, all are decoded anew. Removing the folder costs time only.
 *
 * A set that is not whole yet is KEY.images.part with a KEY.images.part.json, and decoding goes on from there. Its bytes
 * follow from the key and are written at their places: two processes that do not see each other's lock (two
 * containers, two machines) write the same.
 */
import { createHash, type Hash } from "node:crypto";
import { constants, createReadStream, openSync, readSync } from "node:fs";
import { type FileHandle, mkdir, open as openFile, rename, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { type ImageFile, Problem, type Store, type StoredImages } from "@ticketmark/core";
import { z } from "zod";
import { sizeOf } from "./data.ts";
import { partOf } from "./download.ts";
import { ifSystem, isSystemError, readJson, syncFolder, writeAtomically } from "./files.ts";
import { lockWhenFree } from "./lock.ts";
import { formatBytes } from "./status.ts";

export interface Decoding {
  /** Ends it; what is decoded so far is kept. */
  readonly signal: AbortSignal;
  /** Bytes of images that are decoded or checked. */
  readonly onProgress: (name: string, done: number, total: number) => void;
}

/** So many bytes of images are decoded before it is recorded that they are there. */
const RECORD_BYTES = 256 * 2 ** 20;
const CHUNK_BYTES = 1 << 20;

const digestSchema = z.string().regex(/^[0-9a-f]{64}$/);
const recordSchema = z.strictObject({
  images: z.number().int().min(0),
  /** Over their bytes. */
  sha256: digestSchema,
  /** Over the sizes of the files that they were decoded from. */
  sources: digestSchema,
});

const recordOf = (path: string) => `${path}.json`;
const readRecord = (path: string) => readJson(recordOf(path), recordSchema);
const digestOfSizes = (sizes: readonly number[]) => createHash("sha256").update(sizes.join("\n")).digest("hex");
const hexOf = (hash: Hash) => hash.copy().digest("hex");

/** Throws Problem "data-unavailable" where the system does not let the folder be written. Each file is checked once. */
export function packedStore(folder: string, name: string, { signal, onProgress }: Decoding): Store {
  const pathOf = (key: string) => join(folder, `${key}.images`);
  const checked = new Map<string, { readonly sources: string; readonly stored: StoredImages }>();

  const open: Store["open"] = async (key, imageBytes, sizes) => {
    const path = pathOf(key);
    const sources = digestOfSizes(sizes);
    const known = checked.get(key);
    if (known?.sources === sources) return known.stored;
    const [size, record] = [await sizeOf(path), await readRecord(path)];
    if (size === null || record?.sources !== sources) return null;
    const damaged = (message: string) =>
      new Problem("bad-file", `${path}: expected ${message}; remove it, and the images are decoded again`);
    if (size !== imageBytes * sizes.length)
      throw damaged(`${sizes.length} images of ${imageBytes} bytes; it has ${size} bytes`);
    const digest = hexOf(await hashOf(path, size));
    if (digest !== record.sha256) throw damaged(`sha256 ${record.sha256}; it is ${digest}`);
    return keep(key, sources, { images: imageFile(path, imageBytes), digest });
  };

  const keep = (key: string, sources: string, stored: StoredImages): StoredImages => {
    checked.set(key, { sources, stored });
    return stored;
  };

  const hashOf = async (path: string, bytes: number): Promise<Hash> => {
    const hash = createHash("sha256");
    let done = 0;
    if (bytes === 0) return hash;
    for await (const chunk of createReadStream(path, { end: bytes - 1, highWaterMark: CHUNK_BYTES })) {
      signal.throwIfAborted();
      hash.update(chunk);
      done += chunk.length;
      onProgress(`checked images of ${name}`, done, bytes);
    }
    return hash;
  };

  /** What is there from a try that ended early: how many images, and the hash over them. */
  const begunOf = async (part: string, imageBytes: number, sizes: readonly number[]) => {
    const record = await readRecord(part);
    const { images, sha256, sources } = record ?? { images: 0, sha256: "", sources: "" };
    const isThere = images * imageBytes <= ((await sizeOf(part)) ?? 0);
    if (isThere && sources === digestOfSizes(sizes.slice(0, images))) {
      const hash = await hashOf(part, images * imageBytes);
      if (hexOf(hash) === sha256) return { images, hash };
    }
    return { images: 0, hash: createHash("sha256") };
  };

  const requireSpace = async (part: string, total: number) => {
    const { bavail, bsize } = await statfs(folder);
    const needed = total - ((await sizeOf(part)) ?? 0);
    if (needed > bavail * bsize)
      throw new Problem(
        "data-unavailable",
        `${folder}: expected ${formatBytes(needed)} of free space for the decoded images of ${name}; there are ${formatBytes(bavail * bsize)}`,
      );
  };

  const write: Store["create"] = async (key, imageBytes, sizes, writeAll) => {
    const path = pathOf(key);
    const part = partOf(path);
    const total = imageBytes * sizes.length;
    await rm(path, { force: true }); // of other photos, or nobody knows of which
    await requireSpace(part, total);
    let { images, hash } = await begunOf(part, imageBytes, sizes);
    const file = await openFile(part, constants.O_RDWR | constants.O_CREAT);
    const recordTo = async (of: string) => {
      await file.sync();
      const sources = digestOfSizes(sizes.slice(0, images));
      await writeAtomically(recordOf(of), JSON.stringify({ images, sha256: hexOf(hash), sources }));
    };
    try {
      let recorded = images;
      await writeAll(async (image) => {
        signal.throwIfAborted();
        await writeAt(file, image, images * imageBytes);
        hash.update(image);
        images++;
        onProgress(`decoded images of ${name}`, images * imageBytes, total);
        if ((images - recorded) * imageBytes < RECORD_BYTES) return;
        await recordTo(part);
        recorded = images;
      }, images);
      if (images !== sizes.length) throw new Error(`${images} of ${sizes.length} images were written`);
      await recordTo(path);
    } catch (error) {
      await recordTo(part).catch(ifSystem); // a full disk: what was recorded before is used
      if (!(error instanceof Problem && error.code === "bad-file")) throw error;
      const kept = `${images} of ${sizes.length} images are decoded and kept: once it is mended, it goes on from there`;
      throw new Problem(error.code, `${error.message}; ${kept}`, { cause: error });
    } finally {
      await file.close();
    }
    await rename(part, path).catch(async (error) => {
      if ((await sizeOf(path)) === null) throw error; // else another process was first, with the same
    });
    await rm(recordOf(part), { force: true });
    await syncFolder(folder);
    return keep(key, digestOfSizes(sizes), { images: imageFile(path, imageBytes), digest: hexOf(hash) });
  };

  return {
    open,
    async create(key, imageBytes, sizes, writeAll) {
      try {
        await mkdir(folder, { recursive: true });
        const tell = async () => {
          const done = (await sizeOf(partOf(pathOf(key)))) ?? 0;
          onProgress(`decoded images of ${name}`, done, imageBytes * sizes.length); // how far the other process is
        };
        const lock = await lockWhenFree(folder, signal, tell); // one process decodes, others wait and find what it made
        try {
          return (await open(key, imageBytes, sizes)) ?? (await write(key, imageBytes, sizes, writeAll));
        } finally {
          lock.close();
        }
      } catch (error) {
        if (!isSystemError(error)) throw error;
        throw new Problem("data-unavailable", `${folder}: ${error.message}; the images of ${name} are kept there`, {
          cause: error,
        });
      }
    },
  };
}

async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; )
    at += (await file.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
}

/** Read image by image, where it is needed: the system keeps in memory what is read often. Open until the process ends. */
export function imageFile(path: string, imageBytes: number): ImageFile {
  const file = openSync(path, "r");
  return {
    path,
    imageBytes,
    read(index, to, at) {
      const got = readSync(file, to, at, imageBytes, index * imageBytes);
      if (got !== imageBytes)
        throw new Problem("bad-file", `${path}: expected ${imageBytes} bytes of image ${index}; got ${got}`);
    },
  };
}
