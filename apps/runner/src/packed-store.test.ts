import { mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ImageFile, Problem, type StoredImages } from "@ticketmark/core";
import { beforeEach, expect, test } from "vitest";
import { type Decoding, packedStore } from "./packed-store.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ticketmark-packed-"));
});

const quiet: Decoding = { signal: new AbortController().signal, onProgress: () => {} };
/** As another process has it: nothing is known yet. */
const store = (decoding = quiet) => packedStore(folder, "imagenet", decoding);

const KEY = "k".repeat(64);
const FILE = `${KEY}.images`;
const IMAGES = [
  [1, 2, 3],
  [4, 5, 6],
  [7, 8, 9],
];
const SIZES = [70, 80, 90];
/** printf '\1\2\3\4\5\6\7\10\11' | sha256sum */
const DIGEST = "47e4ee7f211f73265dd17658f6e21c1318bd6c81f37598e20a2756299542efcf";

type Append = (image: Uint8Array) => Promise<void>;
/** Decodes, up to an image that is broken; `decoded` gets the numbers of those that were. */
const decoding =
  (decoded: number[] = [], broken = IMAGES.length) =>
  async (append: Append, first: number) => {
    for (const [i, image] of IMAGES.entries()) {
      if (i < first) continue;
      if (i === broken) throw new Problem("bad-file", "no JPEG");
      await append(Uint8Array.from(image));
      decoded.push(i);
    }
  };
const all = ({ images }: { images: ImageFile }) =>
  IMAGES.map((_, i) => {
    const image = new Uint8Array(images.imageBytes + 1);
    images.read(i, image, 1);
    return [...image.slice(1)];
  });

test("what is kept is there for the next one, with the digest of its bytes", async () => {
  const told: number[][] = [];
  const telling = store({ ...quiet, onProgress: (_, done, total) => told.push([done, total]) });
  expect(await telling.open(KEY, 3, SIZES)).toBeNull();
  const made = await telling.create(KEY, 3, SIZES, decoding());
  expect(told).toEqual([
    [3, 9],
    [6, 9],
    [9, 9],
  ]);
  const again = await store().open(KEY, 3, SIZES);
  for (const one of [made, again!]) expect([one.digest, all(one)]).toEqual([DIGEST, IMAGES]);
  expect([...(await readFile(join(folder, FILE)))]).toEqual(IMAGES.flat());
  expect((await readdir(folder)).sort()).toEqual([FILE, `${FILE}.json`]);
  expect(() => made.images.read(3, new Uint8Array(3), 0)).toThrow(/expected 3 bytes of image 3; got 0/);
});

test("other bytes than those that were written are not trained on", async () => {
  await store().create(KEY, 3, SIZES, decoding());
  const refused = async (bytes: number[], message: RegExp) => {
    await writeFile(join(folder, FILE), Uint8Array.from(bytes));
    const problem = { code: "bad-file", message: expect.stringMatching(message) };
    await expect(store().open(KEY, 3, SIZES)).rejects.toMatchObject(problem);
  };
  const remedy = "; remove it, and the images are decoded again$";
  await refused(new Array(9).fill(0), new RegExp(`${FILE}: expected sha256 ${DIGEST}; it is [0-9a-f]{64}${remedy}`));
  await refused([1, 2], new RegExp(`${FILE}: expected 3 images of 3 bytes; it has 2 bytes${remedy}`));
  await rm(join(folder, FILE));
  expect(all(await store().create(KEY, 3, SIZES, decoding()))).toEqual(IMAGES);
});

test("is read whole once a run", async () => {
  await store().create(KEY, 3, SIZES, decoding());
  const told: string[] = [];
  const opened = store({ ...quiet, onProgress: (name) => told.push(name) });
  expect(await opened.open(KEY, 3, SIZES)).toBe(await opened.open(KEY, 3, SIZES));
  expect(told).toEqual(["checked images of imagenet"]);
});

test("where a photo was replaced, all are decoded anew", async () => {
  await store().create(KEY, 3, SIZES, decoding());
  const replaced = [70, 81, 90];
  expect(await store().open(KEY, 3, replaced)).toBeNull();
  const decoded: number[] = [];
  await store().create(KEY, 3, replaced, decoding(decoded));
  expect(decoded).toEqual([0, 1, 2]);
  expect(await store().open(KEY, 3, replaced)).not.toBeNull();
});

test("decoding goes on behind what was decoded before a fault", async () => {
  await expect(store().create(KEY, 3, SIZES, decoding([], 2))).rejects.toMatchObject({
    code: "bad-file",
    message: "no JPEG; 2 of 3 images are decoded and kept: once it is mended, it goes on from there",
  });
  expect(await store().open(KEY, 3, SIZES)).toBeNull();
  const decoded: number[] = [];
  const made = await store().create(KEY, 3, [70, 80, 95], decoding(decoded)); // the third was repaired
  expect([decoded, made.digest, all(made)]).toEqual([[2], DIGEST, IMAGES]);
  expect((await readdir(folder)).sort()).toEqual([FILE, `${FILE}.json`]);
});

test("told to stop, it stops, and goes on another time", async () => {
  const stop = new AbortController();
  const stopped = store({ signal: stop.signal, onProgress: () => stop.abort() }).create(KEY, 3, SIZES, decoding());
  await expect(stopped).rejects.toMatchObject({ name: "AbortError" });
  const decoded: number[] = [];
  expect(all(await store().create(KEY, 3, SIZES, decoding(decoded)))).toEqual(IMAGES);
  expect(decoded).toEqual([1, 2]);
});

test.each([
  ["another photo", [71, 80, 90], [1, 2, 3, 4, 5, 6]],
  ["a damaged disk", SIZES, [1, 2, 3, 4, 5, 7]],
  ["a power cut", SIZES, [1, 2, 3]],
])("decodes from the beginning what does not go on: %s", async (_, sizes, bytes) => {
  await expect(store().create(KEY, 3, SIZES, decoding([], 2))).rejects.toThrow("no JPEG");
  await writeFile(join(folder, `${FILE}.part`), Uint8Array.from(bytes));
  const decoded: number[] = [];
  expect(all(await store().create(KEY, 3, sizes, decoding(decoded)))).toEqual(IMAGES);
  expect(decoded).toEqual([0, 1, 2]);
});

test("nothing half-written, and nothing without a digest, is opened", async () => {
  await expect(store().create(KEY, 3, SIZES, (append) => append(Uint8Array.of(1, 2, 3)))).rejects.toThrow(
    "1 of 3 images were written",
  );
  await writeFile(join(folder, FILE), Uint8Array.from(IMAGES.flat()));
  expect(await store().open(KEY, 3, SIZES)).toBeNull();
});

test("two at once: one decodes, the other finds it", async () => {
  const decoded: number[] = [];
  const told: number[] = [];
  const telling = { ...quiet, onProgress: (_: string, done: number) => told.push(done) };
  const made = await Promise.all([1, 2].map(() => store(telling).create(KEY, 3, SIZES, decoding(decoded))));
  expect(decoded).toEqual([0, 1, 2]);
  expect(told.length, "also while it waits").toBeGreaterThan(4);
  for (const one of made) expect(all(one)).toEqual(IMAGES);
});

test("two that do not see each other's lock write the same, and both have it", async () => {
  const elsewhere = `${folder}-elsewhere`; // the same folder by another name has another lock
  let other: Promise<StoredImages> | null = null;
  const made = await store().create(KEY, 3, SIZES, async (append, first) => {
    await append(Uint8Array.from(IMAGES[0]!));
    await rename(folder, elsewhere);
    other = packedStore(elsewhere, "imagenet", quiet).create(KEY, 3, SIZES, decoding());
    await other;
    await rename(elsewhere, folder);
    await decoding()(append, first + 1);
  });
  for (const one of [made, (await other)!, (await store().open(KEY, 3, SIZES))!])
    expect([one.digest, all(one)]).toEqual([DIGEST, IMAGES]);
});

test("says beforehand that there is no room", async () => {
  const enough = new Array<number>(2 ** 12).fill(1);
  const decoded: number[] = [];
  await expect(store().create(KEY, 2 ** 40, enough, decoding(decoded))).rejects.toMatchObject({
    code: "data-unavailable",
    message: expect.stringMatching(
      /expected 4503599\.6 GB of free space for the decoded images of imagenet; there are /,
    ),
  });
  expect(decoded).toEqual([]);
});
