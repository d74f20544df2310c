import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ImageFile, ReadFolder } from "@ticketmark/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { zip } from "./archive-fixture.ts";
import { type Decoding, packedStore, plainFolder, zipFolder } from "./image-folder.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ticketmark-images-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const quiet: Decoding = { signal: new AbortController().signal, onProgress: () => {} };
const bytes = (...values: number[]) => Uint8Array.from(values);
const missing = { code: "data-unavailable" };

async function asFolder(kind: "folder" | "zip"): Promise<ReadFolder> {
  const files = {
    "train/n1/b.JPEG": bytes(1, 2),
    "train/n1/a.JPEG": bytes(3),
    "train/n1/B.JPEG": bytes(4),
    "list.txt": bytes(5),
  };
  if (kind === "zip") {
    const path = join(folder, "images.zip");
    const members = Object.entries(files).map(([name, content]) => ({ name: `root/${name}`, content }));
    await writeFile(
      path,
      zip({ name: "root/train/", content: bytes() }, ...members, { name: "other.txt", content: bytes(6) }),
    );
    return zipFolder(path, "root");
  }
  const at = join(folder, "plain");
  await mkdir(join(at, "train/n1"), { recursive: true });
  for (const [name, content] of Object.entries(files)) await writeFile(join(at, name), content);
  return plainFolder(at);
}

test.each(["folder", "zip"] as const)(
  "a %s of images: names by code units, bytes, bounds, what is missing",
  async (kind) => {
    const images = await asFolder(kind);
    expect(await images.list("train/n1")).toEqual(["B.JPEG", "a.JPEG", "b.JPEG"]);
    expect([...(await images.read("train/n1/b.JPEG", 2))]).toEqual([1, 2]);
    expect([...(await images.read("list.txt", 2))]).toEqual([5]);
    await expect(images.read("train/n1/b.JPEG", 1)).rejects.toMatchObject({ code: "too-large" });
    await expect(images.read("train/n1/c.JPEG", 9)).rejects.toMatchObject(missing);
    await expect(images.list("train/n2")).rejects.toMatchObject(missing);
  },
);

test("no archive, no images", async () => {
  await expect(zipFolder(join(folder, "none.zip"), "")).rejects.toMatchObject(missing);
});

const KEY = "k".repeat(64);
const read = ({ read, imageBytes }: ImageFile, index: number) => {
  const image = new Uint8Array(imageBytes + 1);
  read(index, image, 1);
  return [...image.slice(1)];
};
const storeAt = async (name: string, decoding = quiet) => {
  const at = join(folder, name);
  return { at, store: packedStore(at, "imagenet", decoding) };
};
type Append = (image: Uint8Array) => Promise<void>;
const two = async (append: Append) => {
  await append(bytes(1, 2, 3));
  await append(bytes(4, 5, 6));
};

test("what is kept is there for the next one, with the digest of its bytes", async () => {
  const told: number[][] = [];
  const { at, store } = await storeAt("kept", { ...quiet, onProgress: (_, done, total) => told.push([done, total]) });
  expect(await store.open(KEY, 3, 2)).toBeNull();
  const made = await store.create(KEY, 3, 2, two);
  expect(told).toEqual([
    [3, 6],
    [6, 6],
  ]);
  // printf '\1\2\3\4\5\6' | sha256sum
  expect(made.digest).toBe("7192385c3c0605de55bb9476ce1d90748190ecb32a8eed7f5207b30cf6a1fe89");
  const again = await store.open(KEY, 3, 2);
  expect(again!.digest).toBe(made.digest);
  for (const { images } of [made, again!])
    expect([read(images, 0), read(images, 1)]).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
  expect([...(await readFile(again!.images.path))]).toEqual([1, 2, 3, 4, 5, 6]);
  expect((await readdir(at)).sort()).toEqual([`${KEY}.images`, `${KEY}.images.sha256`]);
  await expect(store.open(KEY, 3, 3)).rejects.toMatchObject({
    code: "bad-file",
    message: /expected 3 images of 3 bytes; it has 6/,
  });
  expect(() => read(made.images, 2)).toThrow(/expected 3 bytes of image 2; got 0/);
});

test("nothing half-written is ever opened", async () => {
  const { at, store } = await storeAt("half");
  const fails = async (append: Append) => {
    await append(bytes(1, 2, 3));
    throw new Error("no JPEG");
  };
  await expect(store.create(KEY, 3, 2, fails)).rejects.toThrow("no JPEG");
  expect(await readdir(at)).toEqual([]);
  await expect(store.create(KEY, 3, 2, (append) => append(bytes(1, 2, 3)))).rejects.toThrow(/3 bytes of 2 images/);
  await writeFile(join(at, `.ticketmark-${KEY}`), bytes(1)); // as a killed process leaves it
  await writeFile(join(at, `${KEY}.images`), bytes(1, 2, 3, 4, 5, 6)); // without a digest: not ours
  expect(await store.open(KEY, 3, 2)).toBeNull();
  expect(read((await store.create(KEY, 3, 2, two)).images, 1)).toEqual([4, 5, 6]);
  expect((await readdir(at)).length).toBe(2);
});

test("two at once: one decodes, the other finds it", async () => {
  const { store } = await storeAt("both");
  let decoded = 0;
  const slow = async (append: Append) => {
    decoded++;
    await new Promise((resolve) => setTimeout(resolve, 50));
    await two(append);
  };
  const made = await Promise.all([store.create(KEY, 3, 2, slow), store.create(KEY, 3, 2, slow)]);
  expect(decoded).toBe(1);
  for (const { images } of made) expect(read(images, 1)).toEqual([4, 5, 6]);
});

test("told to stop, it stops and leaves nothing", async () => {
  const stop = new AbortController();
  const { at, store } = await storeAt("stopped", { signal: stop.signal, onProgress: () => stop.abort() });
  await expect(store.create(KEY, 3, 2, two)).rejects.toMatchObject({ name: "AbortError" });
  expect(await readdir(at)).toEqual([]);
});
