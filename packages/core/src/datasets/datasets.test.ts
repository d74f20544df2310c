import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { plan } from "../plan.ts";
import { Problem } from "../problem.ts";
import { parseSpec } from "../spec.ts";
import { recipeSchema } from "../training/recipe.ts";
import { type DataFile, type ReadFile, trainingCount } from "./dataset.ts";
import { labelBytes } from "./files.ts";
import { decodeIdx, decodeLabels } from "./idx.ts";
import { datasets } from "./index.ts";

const require = createRequire(import.meta.url);
const fromPackage: ReadFile = ({ source }: DataFile) => {
  if (!("package" in source)) throw new Error("expected a file of a package");
  const { name, path } = source.package;
  return readFile(join(dirname(require.resolve(`${name}/package.json`)), path));
};

const SOME_CLASSES = [
  { name: "n01440764", train: 1_300, test: 50 },
  { name: "n01443537", train: 1_300, test: 50 },
];

const idx = (...bytes: number[]) => Uint8Array.from(bytes);

test("IDX: the header is checked, the rest is given as it is", () => {
  const file = idx(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6);
  expect([...decodeIdx(file, [2, 3], "f")]).toEqual([1, 2, 3, 4, 5, 6]);
  const fault = (bytes: Uint8Array, dimensions: number[]) => {
    expect(() => decodeIdx(bytes, dimensions, "f")).toThrow(Problem);
    try {
      decodeIdx(bytes, dimensions, "f");
    } catch (error) {
      return (error as Problem).message;
    }
  };
  expect(fault(file.slice(0, 7), [2, 3])).toBe("f: expected a header of 12 bytes; got 7 bytes");
  expect(fault(file, [6])).toBe("f: expected magic number 0x00000801; got 0x00000802");
  expect(fault(file, [3, 2])).toBe("f: expected dimensions 3 × 2; got 2 × 3");
  expect(fault(file.slice(0, -1), [2, 3])).toBe("f: expected 18 bytes; got 17");
  expect(fault(idx(...file, 0), [2, 3])).toBe("f: expected 18 bytes; got 19");
});

test("labels must be classes", () => {
  const file = idx(0, 0, 8, 1, 0, 0, 0, 3, 0, 9, 10);
  expect([...decodeLabels(file, 3, 11, "f")]).toEqual([0, 9, 10]);
  expect(() => decodeLabels(file, 3, 10, "f")).toThrow("f: expected labels 0 … 9; got 10 at label 2");
});

test("MNIST: the files of the package, by digest; the first labels are the well-known ones", async () => {
  const { train, test: held, digest } = await datasets.get("mnist").load(fromPackage);
  expect([...train.labels.slice(0, 10)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
  expect([...held.labels.slice(0, 5)]).toEqual([7, 2, 1, 0, 4]);
  const pixels = train.images as Uint8Array;
  const mean = pixels.reduce((sum, x) => sum + x, 0) / pixels.length / 255;
  expect(mean).toBeCloseTo(0.1307, 4);
  expect(digest).toBe("0a8c056f0bba0da115cafe48f5d7e3585a18713ef359dec6aac46ebaf9b1a994");
});

test("a file that was altered or cut is refused", async () => {
  const mnist = datasets.get("mnist");
  const altered: ReadFile = async (file) => {
    const bytes = Uint8Array.from(await fromPackage(file));
    if (file.name.startsWith("t10k-labels")) bytes[5_000]! ^= 1;
    return bytes;
  };
  await expect(mnist.load(altered)).rejects.toMatchObject({
    code: "bad-file",
    message: expect.stringMatching(/t10k-labels.*sha256/),
  });
  const cut: ReadFile = async (file) => (await fromPackage(file)).subarray(1);
  await expect(mnist.load(cut)).rejects.toMatchObject({
    code: "bad-file",
    message: expect.stringMatching(/bytes; got/),
  });
});

test("every data set's own description holds", async () => {
  for (const listed of datasets.list) {
    const dataset = listed.withClasses?.(SOME_CLASSES) ?? listed;
    const { id, shape, classes, mean, std, classNames, recipe, files, images } = dataset;
    expect([mean.length, std.length], id).toEqual([shape[0], shape[0]]);
    expect(mean.every((m) => m > 0 && m < 1) && std.every((s) => s > 0 && s < 1), id).toBe(true);
    expect(classNames.length, id).toBe(classes);
    expect(new Set(classNames).size, id).toBe(classes);
    expect(recipeSchema.parse(recipe), id).toEqual(recipe);
    expect(trainingCount(dataset, "paper"), id).toBe(dataset.trainCount);
    expect(trainingCount(dataset, "validation"), id).toBe(dataset.trainCount - dataset.validationCount);
    expect(dataset.validationCount, id).toBeGreaterThan(0);
    expect(new Set(files.map(({ name }) => name)).size, id).toBe(files.length);
    for (const { sha256, source } of files) {
      if ("package" in source) expect(sha256, id).toMatch(/^[0-9a-f]{64}$/);
      else expect(source.archive.sha256, id).toMatch(/^[0-9a-f]{64}$/);
    }
    // a byte a pixel, a byte or two a label, headers
    const pixels = (dataset.trainCount + dataset.testCount) * shape.reduce((product, side) => product * side, 1);
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    if (files.length > 0 && !id.endsWith("-32")) expect(Math.abs(bytes / pixels - 1), id).toBeLessThan(0.002);
    expect(files.length > 0 || images !== undefined || id === "toy", id).toBe(true);

    const spec = parseSpec({
      dataset: id,
      ...(listed.withClasses && { classes: SOME_CLASSES }),
      model: shape[1] < 32 ? "lenet-300-100" : "resnet-20",
      method: "random",
      sparsity: 0.9,
    });
    const { finalExamples } = await plan(spec);
    expect(finalExamples, id).toBe(recipe.epochs * trainingCount(dataset, "validation"));
  }
});

test("a data set whose files are installed is what it says, and loads the same twice", async () => {
  for (const dataset of datasets.list) {
    if (dataset.images || !dataset.files.every(({ source }) => "package" in source)) continue;
    const data = await dataset.load(fromPackage);
    const size = dataset.shape.reduce((product, side) => product * side, 1);
    for (const [examples, count] of [
      [data.train, dataset.trainCount],
      [data.test, dataset.testCount],
    ] as const) {
      expect(examples.count).toBe(count);
      expect((examples.images as Uint8Array).length).toBe(count * size);
      expect(new Set(examples.labels).size).toBe(dataset.classes);
    }
    expect((await dataset.load(fromPackage)).digest).toBe(data.digest);
  }
});

test("mnist-32 is MNIST in a frame of zeros", async () => {
  const [plain, framed] = await Promise.all(["mnist", "mnist-32"].map((id) => datasets.get(id).load(fromPackage)));
  const [small, large] = [plain!.test.images as Uint8Array, framed!.test.images as Uint8Array];
  expect(framed!.test.labels).toEqual(plain!.test.labels);
  for (const image of [0, 1, 9_999]) {
    for (let y = 0; y < 32; y++) {
      for (let x = 0; x < 32; x++) {
        const inside = y >= 2 && y < 30 && x >= 2 && x < 30;
        const expected = inside ? small[image * 784 + (y - 2) * 28 + x - 2] : 0;
        expect(large[image * 1_024 + y * 32 + x]).toBe(expected);
      }
    }
  }
  expect(framed!.digest).not.toBe(plain!.digest);
});

test("labels of 16 bits enter the digest little-endian, those of 8 as they are", async () => {
  expect([...labelBytes({ labels: Uint16Array.of(1, 999) })]).toEqual([1, 0, 0xe7, 0x03]);
  expect([...labelBytes({ labels: Uint8Array.of(1, 2) })]).toEqual([1, 2]);
});
