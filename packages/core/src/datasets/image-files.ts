/**
 * Data sets whose images are files of their own: each is read and decoded once, into a packed file that the caller of core
 * keeps. What is trained on are the pixels there, and the digest is taken over them.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { Problem } from "../problem.ts";
import type { Data, Examples, OpenImages, ReadFolder, Store } from "./dataset.ts";
import { labelBytes, u32 } from "./files.ts";
import { DECODER, jpegDecoder, type Picture } from "./jpeg.ts";

/** No photograph of ImageNet has more than half of it. */
const MAX_FILE_BYTES = 32 * 1024 * 1024;

/** The images of one set, by class. */
export interface ImageSet {
  /** Paths of each class's images in the folder. */
  readonly classes: readonly (readonly string[])[];
}

/** Names of the JPEG files in a folder. */
export const jpegsIn = async (folder: ReadFolder, path: string): Promise<string[]> =>
  (await folder.list(path)).filter((name) => /\.jpe?g$/i.test(name));

/** Throws Problem "bad-file" that names the class. */
export function checkCount(set: string, name: string, expected: number, got: number): void {
  if (expected !== got)
    throw new Problem("bad-file", `${set}/${name}: expected ${expected} images of this class; got ${got}`);
}

/** Throws Problem "data-unavailable" where nobody can open folders: in a page, on the site. */
export function openWith(open: OpenImages | undefined, id: string): OpenImages {
  if (open) return open;
  throw new Problem("data-unavailable", `${id}: its images are files in folders, which cannot be read here`);
}

export interface Recoded {
  /** Bytes of an image as it is kept. */
  readonly imageBytes: number;
  /** Makes them, of a decoded picture. Throws Problem "bad-file". */
  readonly recode: (picture: Picture, path: string) => Uint8Array;
  /** Says how, in few words: other pixels need another name. */
  readonly version: string;
}

export async function loadImages(
  { folder, store }: { folder: ReadFolder; store: Store },
  { train, test }: { train: ImageSet; test: ImageSet },
  recoded: Recoded,
): Promise<Data> {
  const trained = await packed(folder, store, train, recoded);
  const tested = await packed(folder, store, test, recoded);
  const hash = sha256.create();
  // count as u32 big-endian, sha256 of the images, labels; training set first, then test set
  for (const { count, digest, labels } of [trained, tested])
    hash.update(u32(count)).update(hexToBytes(digest)).update(labelBytes({ labels }));
  return { train: trained, test: tested, digest: bytesToHex(hash.digest()) };
}

async function packed(
  folder: ReadFolder,
  store: Store,
  { classes }: ImageSet,
  { imageBytes, recode, version }: Recoded,
): Promise<Examples & { readonly digest: string }> {
  const paths = classes.flat();
  const labels = new (classes.length > 256 ? Uint16Array : Uint8Array)(paths.length);
  let at = 0;
  classes.forEach((members, label) => {
    labels.fill(label, at, at + members.length);
    at += members.length;
  });

  const hash = sha256.create().update(utf8ToBytes(`${DECODER}; ${version}\n`));
  for (const path of paths) hash.update(utf8ToBytes(`${path}\n`));
  const key = bytesToHex(hash.digest());
  const sizes: number[] = [];
  for (const members of classes) sizes.push(...(await Promise.all(members.map((path) => folder.size(path)))));
  const { images, digest } =
    (await store.open(key, imageBytes, sizes)) ?? (await store.create(key, imageBytes, sizes, write));
  return { images, labels, count: paths.length, digest };

  async function write(append: (image: Uint8Array) => Promise<void>, first: number): Promise<void> {
    const decode = await jpegDecoder();
    for (const path of paths.slice(first))
      await append(recode(decode(await folder.read(path, MAX_FILE_BYTES), path), path));
  }
}
