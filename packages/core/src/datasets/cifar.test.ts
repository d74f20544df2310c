import { expect, test } from "vitest";
import { decodeCifar } from "./cifar.ts";
import type { ReadFile } from "./dataset.ts";
import { datasets } from "./index.ts";

const PIXELS = 3_072;
const ten = [1, 10] as const;
const hundred = [2, 100] as const;

/** Records with these heads, all pixels of the i-th of the value i + 1 but for the last. */
const file = (...heads: number[][]) => ({
  name: "f.bin",
  bytes: Uint8Array.from(heads.flatMap((head, i) => [...head, ...Array<number>(PIXELS - 1).fill(i + 1), 255])),
});

test("CIFAR-10: a label and the planes, over several files", () => {
  const { images, labels, count } = decodeCifar([file([9], [0]), file([3])], ...ten);
  expect([count, ...labels]).toEqual([3, 9, 0, 3]);
  expect(images.length).toBe(3 * PIXELS);
  expect([images[0], images[PIXELS - 1], images[PIXELS], images[2 * PIXELS]]).toEqual([1, 255, 2, 1]);
});

test("CIFAR-100: the fine label, which is the second byte", () => {
  const { images, labels } = decodeCifar([file([19, 99], [4, 0])], ...hundred);
  expect([...labels]).toEqual([99, 0]);
  expect([images[0], images[PIXELS]]).toEqual([1, 2]);
});

test("wrong labels and half records are refused", () => {
  expect(() => decodeCifar([file([3], [10])], ...ten)).toThrow("f.bin: expected labels 0 … 9; got 10 at record 1");
  expect(() => decodeCifar([file([0, 100])], ...hundred)).toThrow("expected labels 0 … 99; got 100 at record 0");
  const { name, bytes } = file([1], [2]);
  expect(() => decodeCifar([{ name, bytes: bytes.subarray(1) }], ...ten)).toThrow(
    "f.bin: expected records of 3073 bytes",
  );
});

test("a file of another size or another content is refused before it is decoded", async () => {
  const of =
    (change: number): ReadFile =>
    async (one) =>
      new Uint8Array(one.bytes + change);
  for (const id of ["cifar-10", "cifar-100"]) {
    await expect(datasets.get(id).load(of(-1))).rejects.toMatchObject({
      code: "bad-file",
      message: expect.stringMatching(/bytes; got/),
    });
    await expect(datasets.get(id).load(of(0))).rejects.toMatchObject({
      code: "bad-file",
      message: expect.stringMatching(/expected sha256/),
    });
  }
});
