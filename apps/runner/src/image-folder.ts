/**
 * Image files on this machine, for data sets that are made of them: DATA-DIR/ID with train/ and val/ in it, or an archive
 * there that is read as if it were a folder. What was decoded lies beside them, in decoded/: one packed file a set of images,
 * which the next run reads, with its sha256 beside it. Removing that folder costs time only; it must be removed where images were
 * replaced by others of the same names.
 */
import { createHash } from "node:crypto";
import { openSync, readSync } from "node:fs";
import fs, { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  type Dataset,
  type ImageFile,
  type OpenImages,
  Problem,
  type ReadFolder,
  type Store,
  type StoredImages,
} from "@ticketmark/core";
import { folderOf, recordDigest, recordedDigest, sizeOf } from "./data.ts";
import { isSystemError, readBounded, removeUnfinished, syncFolder, UNFINISHED } from "./files.ts";
import { lockWhenFree } from "./lock.ts";
import { openZip, type ZipMember } from "./zip.ts";

export interface Decoding {
  /** Ends it; what is decoded so far is lost. */
  readonly signal: AbortSignal;
  /** Bytes of decoded images. */
  readonly onProgress: (name: string, done: number, total: number) => void;
}

/** Opens the images of this data set. */
export const imagesIn =
  (dataset: Pick<Dataset, "id" | "files" | "images">, dataDir: string, decoding: Decoding): OpenImages =>
  async (_, { archive, root }) => {
    const folder = folderOf(dataset, dataDir);
    return {
      folder: archive ? await zipFolder(join(folder, archive.name), root) : plainFolder(folder),
      store: packedStore(join(folder, "decoded"), dataset.id, decoding),
    };
  };

const missing = (path: string) => new Problem("data-unavailable", `${path}: expected it to be there; it is missing`);

export function plainFolder(folder: string): ReadFolder {
  return {
    async list(path) {
      try {
        return (await readdir(join(folder, path))).sort();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") throw missing(join(folder, path));
        throw error;
      }
    },
    async read(path, maxBytes) {
      const bytes = await readBounded(join(folder, path), maxBytes);
      if (!bytes) throw missing(join(folder, path));
      return bytes;
    },
  };
}

/** The folder `root` within a zip file, whose directory is read once. Open until the process ends. */
export async function zipFolder(path: string, root: string): Promise<ReadFolder> {
  if ((await sizeOf(path)) === null) throw missing(path);
  const zip = await openZip(path);
  const folders = new Map<string, string[]>();
  for (const member of zip.members.keys()) {
    const end = member.lastIndexOf("/");
    if (end === member.length - 1) continue; // a folder
    const names = folders.get(member.slice(0, Math.max(0, end)));
    if (names) names.push(member.slice(end + 1));
    else folders.set(member.slice(0, Math.max(0, end)), [member.slice(end + 1)]);
  }
  const within = (inside: string) => (root === "" ? inside : `${root}/${inside}`);
  return {
    async list(inside) {
      const names = folders.get(within(inside));
      if (!names) throw missing(`${path}: ${within(inside)}`);
      return names.toSorted();
    },
    async read(inside, maxBytes) {
      const member: ZipMember | undefined = zip.members.get(within(inside));
      if (!member) throw missing(`${path}: ${within(inside)}`);
      if (member.bytes > maxBytes)
        throw new Problem(
          "too-large",
          `${within(inside)}: expected at most ${maxBytes} bytes; there are ${member.bytes}`,
        );
      const chunks: Buffer[] = [];
      for await (const chunk of zip.stream(member)) chunks.push(chunk);
      return new Uint8Array(Buffer.concat(chunks));
    },
  };
}

/** Files KEY.images in a folder. Throws Problem "data-unavailable" where the system does not let it be written. */
export function packedStore(folder: string, name: string, { signal, onProgress }: Decoding): Store {
  const pathOf = (key: string) => join(folder, `${key}.images`);

  const open = async (key: string, imageBytes: number, count: number): Promise<StoredImages | null> => {
    const path = pathOf(key);
    const [size, digest] = [await sizeOf(path), await recordedDigest(path)];
    if (size === null || digest === null) return null;
    if (size !== imageBytes * count)
      throw new Problem("bad-file", `${path}: expected ${count} images of ${imageBytes} bytes; it has ${size} bytes`);
    return { images: imageFile(path, imageBytes), digest };
  };

  const write: Store["create"] = async (key, imageBytes, count, writeAll) => {
    await removeUnfinished(folder);
    const temporary = join(folder, `${UNFINISHED}${key}`);
    const hash = createHash("sha256");
    let done = 0;
    const file = await fs.open(temporary, "w");
    try {
      await writeAll(async (image) => {
        signal.throwIfAborted();
        hash.update(image);
        await file.writeFile(image);
        done += image.length;
        onProgress(`decoded images of ${name}`, done, imageBytes * count);
      });
      if (done !== imageBytes * count)
        throw new Error(`${done} bytes of ${count} images of ${imageBytes} were written`);
      await file.sync();
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    const digest = hash.digest("hex");
    await recordDigest(pathOf(key), digest);
    await rename(temporary, pathOf(key));
    await syncFolder(folder);
    return { images: imageFile(pathOf(key), imageBytes), digest };
  };

  return {
    open,
    async create(key, imageBytes, count, writeAll) {
      try {
        await mkdir(folder, { recursive: true });
        const lock = await lockWhenFree(folder, signal); // one process decodes, others wait and find what it made
        try {
          return (await open(key, imageBytes, count)) ?? (await write(key, imageBytes, count, writeAll));
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
