import jpegJs from "jpeg-js";
import { expect, test } from "vitest";
import { digestOf } from "../canonical.ts";
import { Problem } from "../problem.ts";
import { parseSpec } from "../spec.ts";
import type { ClassFolder, ImageFile, OpenImages, ReadFolder, Store } from "./dataset.ts";
import { loadImages } from "./image-files.ts";
import { datasetOf, datasets } from "./index.ts";
import { planes, testImages, trainImages } from "./tiny-imagenet.ts";

/** A JPEG of one grey: jpeg-js gives it back exactly. */
function grey(value: number, width = 64, height = 64): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(width * height * 4).fill(value);
  return Uint8Array.from(jpegJs.encode({ width, height, data }, 95).data);
}

const folderOf = (files: Record<string, Uint8Array<ArrayBuffer> | string>): ReadFolder & { reads: string[] } => ({
  reads: [],
  async list(path) {
    const inside = Object.keys(files).filter((name) => name.startsWith(`${path}/`));
    if (inside.length === 0) throw new Problem("data-unavailable", `${path} is missing`);
    return [...new Set(inside.map((name) => name.slice(path.length + 1).split("/")[0]!))].sort();
  },
  async read(path) {
    this.reads.push(path);
    const file = files[path];
    if (file === undefined) throw new Problem("data-unavailable", `${path} is missing`);
    return typeof file === "string" ? Uint8Array.from(Buffer.from(file)) : file;
  },
  size: async (path) => files[path]?.length ?? 0,
});

function memoryStore(): Store & { readonly kept: Map<string, Uint8Array> } {
  const kept = new Map<string, Uint8Array>();
  const begun = new Map<string, Uint8Array[]>();
  const stored = (bytes: Uint8Array, imageBytes: number) => {
    const read: ImageFile["read"] = (index, to, at) =>
      to.set(bytes.subarray(index * imageBytes, (index + 1) * imageBytes), at);
    return { images: { path: "memory", imageBytes, read }, digest: digestOf(bytes) };
  };
  const keyOf = (key: string, sizes: readonly number[]) => [key, ...sizes].join();
  return {
    kept,
    open: async (key, imageBytes, sizes) => {
      const bytes = kept.get(keyOf(key, sizes));
      return bytes ? stored(bytes, imageBytes) : null;
    },
    async create(key, imageBytes, sizes, write) {
      const images = begun.get(key) ?? [];
      begun.set(key, images);
      await write(async (image) => void images.push(image), images.length);
      begun.delete(key);
      kept.set(keyOf(key, sizes), Uint8Array.from(Buffer.concat(images)));
      return stored(kept.get(keyOf(key, sizes))!, imageBytes);
    },
  };
}

const CLASSES: ClassFolder[] = [
  { name: "n2", train: 2, test: 1 },
  { name: "n1", train: 1, test: 1 },
];
const FILES = {
  "train/n1/a.JPEG": grey(10),
  "train/n2/b.jpg": grey(21, 300, 200),
  "train/n2/a.jpeg": grey(20, 40, 90),
  "train/n2/notes.txt": "not an image",
  "train/n3/a.JPEG": grey(30),
  "val/n1/v.JPEG": grey(110),
  "val/n2/w.JPEG": grey(120),
};

function opener(files: Record<string, Uint8Array<ArrayBuffer> | string>, store = memoryStore()) {
  const folder = folderOf(files);
  const open: OpenImages = async () => ({ folder, store });
  return { folder, store, open };
}
const load = (classes: ClassFolder[], open?: OpenImages) =>
  datasetOf({ dataset: "imagenet", classes }).load(async () => new Uint8Array(), open);

const first = ({ read, imageBytes }: ImageFile, index: number): number => {
  const image = new Uint8Array(imageBytes);
  read(index, image, 0);
  expect(new Set(image).size, "one grey").toBe(1);
  return image[0]!;
};

test("imagenet: labels in the spec's order, images by name, squares of 256", async () => {
  const { train, test: held } = await load(CLASSES, opener(FILES).open);
  expect([...train.labels, train.count]).toEqual([0, 0, 1, 3]);
  expect([...held.labels, held.count]).toEqual([0, 1, 2]);
  const images = train.images as ImageFile;
  expect(images.imageBytes).toBe(3 * 256 * 256);
  expect([0, 1, 2].map((i) => first(images, i))).toEqual([20, 21, 10]);
  expect([0, 1].map((i) => first(held.images as ImageFile, i))).toEqual([120, 110]);
});

test("what was decoded is kept, and the digest is that of the pixels and the labels", async () => {
  const once = opener(FILES);
  const data = await load(CLASSES, once.open);
  expect(once.store.kept.size).toBe(2);
  const again = opener(FILES, once.store);
  expect((await load(CLASSES, again.open)).digest).toBe(data.digest);
  expect(again.folder.reads).toEqual([]);
  expect((await load([...CLASSES].reverse(), opener(FILES).open)).digest).not.toBe(data.digest);
  const other = { ...FILES, "val/n1/v.JPEG": grey(111) };
  expect((await load(CLASSES, opener(other).open)).digest).not.toBe(data.digest);
});

test("a photo that was replaced is decoded, not the one that was kept", async () => {
  const { store, open } = opener(FILES);
  const { digest } = await load(CLASSES, open);
  const other = grey(11, 70, 70);
  expect(other.length).not.toBe(FILES["train/n1/a.JPEG"].length);
  const replaced = opener({ ...FILES, "train/n1/a.JPEG": other }, store);
  expect((await load(CLASSES, replaced.open)).digest).not.toBe(digest);
});

test("after a broken image was repaired, decoding goes on there", async () => {
  const broken = opener({ ...FILES, "train/n1/a.JPEG": grey(10).slice(0, 300) });
  await expect(load(CLASSES, broken.open)).rejects.toThrow(/^train\/n1\/a.JPEG: /);
  const repaired = opener(FILES, broken.store);
  expect((await load(CLASSES, repaired.open)).digest).toBe((await load(CLASSES, opener(FILES).open)).digest);
  expect(repaired.folder.reads).toEqual(["train/n1/a.JPEG", "val/n2/w.JPEG", "val/n1/v.JPEG"]);
});

test("the same images in other classes have another digest", async () => {
  const folder = folderOf({ a: grey(1), b: grey(2), c: grey(3) });
  const recoded = { imageBytes: 3 * 64 * 64, recode: planes, version: "test" };
  const digest = async (classes: string[][]) =>
    (await loadImages({ folder, store: memoryStore() }, { train: { classes }, test: { classes } }, recoded)).digest;
  expect(await digest([["a", "b"], ["c"]])).not.toBe(await digest([["a"], ["b", "c"]]));
});

test("other counts than the spec's, missing classes and broken images are told", async () => {
  const { "train/n2/b.jpg": _, ...fewer } = FILES;
  await expect(load(CLASSES, opener(fewer).open)).rejects.toMatchObject({
    code: "bad-file",
    message: "train/n2: expected 2 images of this class; got 1",
  });
  const missing = [...CLASSES, { name: "n9", train: 1, test: 1 }];
  await expect(load(missing, opener(FILES).open)).rejects.toMatchObject({ code: "data-unavailable" });
  const cut = opener({ ...FILES, "val/n2/w.JPEG": grey(120).slice(0, 300) });
  await expect(load(CLASSES, cut.open)).rejects.toMatchObject({
    code: "bad-file",
    message: expect.stringMatching(/^val\/n2\/w.JPEG: /),
  });
  expect(cut.store.kept.size).toBe(1); // the training set's
  await expect(load(CLASSES)).rejects.toMatchObject({ code: "data-unavailable" });
});

test("a spec of imagenet names its classes; their counts are the data set's", () => {
  const input = { dataset: "imagenet", model: "resnet-18", method: "dense" };
  expect(() => parseSpec(input)).toThrow(
    "classes: expected those of imagenet, as `ticketmark data classes DIR` prints them; got none",
  );
  expect(parseSpec({ ...input, classes: CLASSES }).classes).toEqual(CLASSES);
  const { classes, trainCount, testCount, classNames } = datasetOf({ dataset: "imagenet", classes: CLASSES });
  expect([classes, trainCount, testCount, ...classNames]).toEqual([2, 3, 2, "n2", "n1"]);
  expect(() => parseSpec({ ...input, classes: [CLASSES[0], { name: "../n1", train: 1, test: 1 }] })).toThrow(
    /folder's name/,
  );
});

test("more than 256 classes have labels of 16 bits", async () => {
  const names = Array.from({ length: 300 }, (_, i) => `c${String(i).padStart(3, "0")}`);
  const one = grey(1, 8, 8);
  const files = Object.fromEntries(names.flatMap((n) => [`train/${n}/x.jpg`, `val/${n}/x.jpg`]).map((p) => [p, one]));
  const recoded = { imageBytes: 192, recode: ({ data }: { data: Uint8Array }) => data, version: "test" };
  const set = (part: string) => ({ classes: names.map((name) => [`${part}/${name}/x.jpg`]) });
  const { train } = await loadImages(
    { folder: folderOf(files), store: memoryStore() },
    { train: set("train"), test: set("val") },
    recoded,
  );
  expect(train.labels).toBeInstanceOf(Uint16Array);
  expect([...train.labels]).toEqual(names.map((_, i) => i));
});

// ---------------------------------------------------------------------------------------------- tiny-imagenet

const TINY = {
  "train/n1/n1_boxes.txt": "n1_0.JPEG\t0\t0\t62\t63",
  "train/n1/images/n1_0.JPEG": grey(10),
  "train/n1/images/n1_1.JPEG": grey(11),
  "train/n2/images/n2_0.JPEG": grey(20),
  "train/n2/images/n2_1.JPEG": grey(21),
  "val/images/val_0.JPEG": grey(120),
  "val/images/val_1.JPEG": grey(110),
  "val/val_annotations.txt": "val_0.JPEG\tn2\t0\t32\t44\t62\nval_1.JPEG\tn1\t52\t55\t57\t59\n",
};

test("tiny-imagenet: test images get the classes that the list gives them", async () => {
  const folder = folderOf(TINY);
  const train = await trainImages(folder, ["n1", "n2"], 2);
  const held = await testImages(folder, ["n1", "n2"], 1);
  expect(held.classes).toEqual([["val/images/val_1.JPEG"], ["val/images/val_0.JPEG"]]);
  const recoded = { imageBytes: 3 * 64 * 64, recode: planes, version: "test" };
  const data = await loadImages({ folder, store: memoryStore() }, { train, test: held }, recoded);
  expect([...data.train.labels, ...data.test.labels]).toEqual([0, 0, 1, 1, 0, 1]);
  expect([0, 1, 2, 3].map((i) => first(data.train.images as ImageFile, i))).toEqual([10, 11, 20, 21]);
  expect([0, 1].map((i) => first(data.test.images as ImageFile, i))).toEqual([110, 120]);
});

test("tiny-imagenet: lists, counts and sizes that are wrong are told", async () => {
  const list = (text: string) => testImages(folderOf({ ...TINY, "val/val_annotations.txt": text }), ["n1", "n2"], 1);
  for (const text of ["", "val_0.JPEG n2", "val_0.JPEG\tn7", "../x.JPEG\tn1", "val_0.JPEG\tn2\nval_0.JPEG\tn1"])
    await expect(list(text), text).rejects.toThrow(
      /val_annotations.txt: expected a new image and its class in line [12]; got/,
    );
  await expect(list("val_0.JPEG\tn2")).rejects.toThrow("val/n1: expected 1 images of this class; got 0");
  await expect(trainImages(folderOf(TINY), ["n1", "n2"], 3)).rejects.toThrow(
    "train/n1: expected 3 images of this class; got 2",
  );
  const large = { width: 65, height: 64, data: new Uint8Array(65 * 64 * 3) };
  expect(() => planes(large, "x.JPEG")).toThrow("x.JPEG: expected 64 × 64 pixels; got 65 × 64");
  await expect(datasets.get("tiny-imagenet").load(async () => new Uint8Array())).rejects.toMatchObject({
    code: "data-unavailable",
  });
});
