/**
 * Image files on this machine, for data sets that are made of them: DATA-DIR/ID with train/ and val/ in it, or an archive
 * there that is read as if it were a folder. What was decoded lies beside them, in decoded/ (packed-store.ts).
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Dataset, type OpenImages, Problem, type ReadFolder } from "@ticketmark/core";
import { decodedOf, folderOf, sizeOf } from "./data.ts";
import { readBounded } from "./files.ts";
import { type Decoding, packedStore } from "./packed-store.ts";
import { openZip, type ZipMember } from "./zip.ts";

/** Opens the images of this data set. */
export function imagesIn(
  dataset: Pick<Dataset, "id" | "files" | "images">,
  dataDir: string,
  decoding: Decoding,
): OpenImages {
  const folder = folderOf(dataset, dataDir);
  const store = packedStore(decodedOf(dataset, dataDir), dataset.id, decoding);
  return async (_, { archive, root }) => ({
    folder: archive ? await zipFolder(join(folder, archive.name), root) : plainFolder(folder),
    store,
  });
}

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
    async size(path) {
      const size = await sizeOf(join(folder, path));
      if (size === null) throw missing(join(folder, path));
      return size;
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
  const memberAt = (inside: string): ZipMember => {
    const member = zip.members.get(within(inside));
    if (!member) throw missing(`${path}: ${within(inside)}`);
    return member;
  };
  return {
    async list(inside) {
      const names = folders.get(within(inside));
      if (!names) throw missing(`${path}: ${within(inside)}`);
      return names.toSorted();
    },
    async read(inside, maxBytes) {
      const member = memberAt(inside);
      if (member.bytes > maxBytes)
        throw new Problem(
          "too-large",
          `${within(inside)}: expected at most ${maxBytes} bytes; there are ${member.bytes}`,
        );
      const chunks: Buffer[] = [];
      for await (const chunk of zip.stream(member)) chunks.push(chunk);
      return new Uint8Array(Buffer.concat(chunks));
    },
    size: async (inside) => memberAt(inside).bytes,
  };
}
