import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { Problem } from "../problem.ts";
import { recipeSchema } from "../training/recipe.ts";
import { type DataFile, type ReadFile, trainingCount } from "./dataset.ts";
import { decodeIdx, decodeLabels } from "./idx.ts";
import { datasets } from "./index.ts";

const require = createRequire(import.meta.url);
const fromPackage: ReadFile = ({ source }: DataFile) => {
  if (!("package" in source)) throw new Error("expected a file of a package");
  const { name, path } = source.package;
  return readFile(join(dirname(require.resolve(`${name}/package.json`)), path));
};

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
  const mean = train.images.reduce((sum, x) => sum + x, 0) / train.images.length / 255;
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
  await expect(mnist.load(altered)).rejects.toMatchObject({ code: "bad-file", message: /t10k-labels.*sha256/ });
  const cut: ReadFile = async (file) => (await fromPackage(file)).subarray(1);
  await expect(mnist.load(cut)).rejects.toMatchObject({ code: "bad-file", message: /bytes; got/ });
});

test("every data set's own description holds, and it loads the same twice", async () => {
  for (const dataset of datasets.list) {
    const data = await dataset.load(fromPackage);
    const size = dataset.shape.reduce((product, side) => product * side, 1);
    for (const [examples, count] of [
      [data.train, dataset.trainCount],
      [data.test, dataset.testCount],
    ] as const) {
      expect(examples.count).toBe(count);
      expect(examples.images.length).toBe(count * size);
      expect(new Set(examples.labels).size).toBe(dataset.classes);
    }
    expect([dataset.mean.length, dataset.std.length]).toEqual([dataset.shape[0], dataset.shape[0]]);
    expect(dataset.classNames.length).toBe(dataset.classes);
    expect(recipeSchema.parse(dataset.recipe)).toEqual(dataset.recipe);
    expect(trainingCount(dataset, "paper")).toBe(dataset.trainCount);
    expect(trainingCount(dataset, "validation")).toBe(dataset.trainCount - dataset.validationCount);
    expect(dataset.validationCount).toBeGreaterThan(0);
    expect((await dataset.load(fromPackage)).digest).toBe(data.digest);
  }
});
