import { readSync } from "node:fs";
import { mkdtemp, open, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Dataset, Examples } from "../../datasets/dataset.ts";
import { toy } from "../../datasets/toy.ts";
import { referenceEngine } from "../../engine/reference/reference.ts";
import type { Environment } from "../../result.ts";
import { seededRng } from "../../rng.ts";
import { type RunOptions, runJob } from "../../run-job.ts";
import { parseSpec, type Spec } from "../../spec.ts";
import { type Batches, type Loader, loadedBatches, lookOf, shuffledBatches } from "../batches.ts";
import { openLoader } from "./loader.ts";

const COUNT = 23;
const BATCH = 5;
const dataset: Dataset = { ...toy, shape: [3, 8, 8], stored: [3, 12, 10], mean: [0.1, 0.2, 0.3], std: [1, 2, 3] };
const imageBytes = 3 * 12 * 10;
const images = Uint8Array.from({ length: COUNT * imageBytes }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24);
const inMemory: Examples = { images, labels: Uint16Array.from({ length: COUNT }, (_, i) => 300 + i), count: COUNT };
const indices = Uint32Array.from({ length: COUNT - 2 }, (_, i) => i + 1);

const environment: Environment = {
  ...{ engine: "reference", device: "test", reason: "test", os: "test", arch: "test" },
  ...{ cpu: "test", cores: 1, memoryBytes: 1, node: "test" },
};

let folder: string;
let path: string;
let file: Awaited<ReturnType<typeof open>>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ticketmark-loader-"));
  path = join(folder, "images");
  await writeFile(path, images);
  file = await open(path);
});
afterAll(async () => {
  await file.close();
  await rm(folder, { recursive: true });
});
const inFile = (): Examples => ({
  ...inMemory,
  images: { path, imageBytes, read: (image, to, at) => void readSync(file.fd, to, at, imageBytes, image * imageBytes) },
});

const sources = (examples: Examples, augmentation: "crop-flip" | "random-resized-crop" | undefined) =>
  [dataset, examples, indices, seededRng(11), augmentation] as const;
async function seen(batches: Batches, from: number, to: number) {
  const all: { images: number[]; labels: number[] }[] = [];
  for (let iteration = from; iteration < to; iteration++) {
    const batch = await batches(iteration);
    all.push({ images: [...batch.images], labels: [...batch.labels] });
  }
  return all;
}
const opened = (threads: number, examples: Examples): Loader => openLoader(threads)(lookOf(dataset), examples.images);

describe.each(["crop-flip", "random-resized-crop", undefined] as const)("augmentation %s", (augmentation) => {
  test("the same batches on the calling thread and on 1 and 3 others, from memory and from a file", async () => {
    const of = (examples: Examples) => shuffledBatches(...sources(examples, augmentation))(2, BATCH);
    const expected = await seen(of(inMemory), 0, 12); // two epochs and a half, each with a short batch
    expect(expected[4]!.labels.length).toBe(1);
    expect(expected[0]).not.toEqual(expected[5]);
    expect(await seen(of(inFile()), 0, 12)).toEqual(expected);
    for (const threads of [1, 3]) {
      for (const examples of [inMemory, inFile()]) {
        const loader = opened(threads, examples);
        const batches = loadedBatches(loader, ...sources(examples, augmentation))(2, BATCH);
        expect(await seen(batches, 0, 12)).toEqual(expected);
        expect(await seen(batches, 7, 9)).toEqual(expected.slice(7, 9)); // as a phase that is gone on with
        await loader.close();
      }
    }
  });
});

test("phases follow each other on one loader, of other batches, while some of the last are still on their way", async () => {
  const loader = opened(2, inMemory);
  const source = loadedBatches(loader, ...sources(inMemory, "crop-flip"));
  const sizes = [5, 5, 21, 1];
  for (const [phase, size] of sizes.entries())
    expect(await seen(source(phase, size), 0, 3)).toEqual(
      await seen(shuffledBatches(...sources(inMemory, "crop-flip"))(phase, size), 0, 3),
    );
  await loader.close();
});

test("what an image shows depends on the epoch, the phase and the image, not on the batch it is in", async () => {
  const shown = async (phase: number, size: number) => {
    const pixels = 3 * 8 * 8;
    const iterations = Math.ceil(indices.length / size);
    const all = await seen(shuffledBatches(...sources(inMemory, "crop-flip"))(phase, size), 0, iterations);
    return new Map(
      all.flatMap(({ images, labels }) =>
        labels.map((label, i) => [label, images.slice(i * pixels, (i + 1) * pixels)] as const),
      ),
    );
  };
  expect(await shown(0, 4)).toEqual(await shown(0, 21));
  expect(await shown(0, 4)).not.toEqual(await shown(1, 4));
});

test("a file that is too short, or not there, is a Problem of the batch that needs it; close ends what waits", async () => {
  const short = join(folder, "short");
  await writeFile(short, images);
  await truncate(short, 3 * imageBytes);
  for (const [path, message] of [
    [short, /short: image \d+: expected 360 bytes; got 0/],
    [join(folder, "none"), /ENOENT/],
  ] as const) {
    const examples: Examples = { ...inMemory, images: { path, imageBytes, read: () => {} } };
    const loader = opened(2, examples);
    const batches = loadedBatches(loader, ...sources(examples, undefined))(0, 21);
    for (let i = 0; i < 2; i++)
      await expect(batches(i)).rejects.toMatchObject({
        code: "data-unavailable",
        message: expect.stringMatching(message),
      });
    await loader.close();
  }
  const loader = opened(1, inMemory);
  const waits = loadedBatches(loader, ...sources(inMemory, "crop-flip"))(0, 21)(0);
  await loader.close();
  await expect(waits).rejects.toMatchObject({ code: "data-unavailable" });
});

test("whatever a thread throws is a Problem, not a wait without end", async () => {
  const broken = { ...lookOf(dataset), stored: null as never };
  const loader = openLoader(2)(broken, images);
  const batches = loadedBatches(loader, ...sources(inMemory, "crop-flip"))(0, BATCH);
  for (let i = 0; i < 3; i++) await expect(batches(i)).rejects.toMatchObject({ code: "data-unavailable" });
  await loader.close();
});

describe("a run with a loader", () => {
  const spec = (learningRate: number) =>
    parseSpec({
      ...{ dataset: "toy", model: "mlp-tiny", method: { id: "lth", epochs: 1 }, sparsity: 0.5 },
      recipe: { epochs: 2, augmentation: "crop-flip", learningRate: [{ epoch: 0, value: learningRate }] },
    });
  async function run(of: Spec, more: Partial<RunOptions> = {}) {
    let [opened, closed] = [0, 0];
    const output = await runJob(of, {
      ...{ engine: referenceEngine(), environment, read: async () => new Uint8Array(), now: () => 0 },
      openLoader: (...source) => {
        opened++;
        const loader = openLoader(2)(...source);
        return { ...loader, close: () => loader.close().then(() => void closed++) };
      },
      ...more,
    });
    return { output, opened, closed };
  }

  test("has the bits of one without, and ends its threads", async () => {
    const [plain, loaded] = [await run(spec(0.05), { openLoader: undefined }), await run(spec(0.05))];
    expect(loaded).toMatchObject({ opened: 1, closed: 1 });
    expect(loaded.output).toEqual(plain.output);
    expect(plain.output).toMatchObject({ result: { outcome: "completed" } });
  });
  test("that stops or diverges ends its threads, too", async () => {
    expect(await run(spec(0.05), { between: () => "stop" })).toEqual({ output: "stopped", opened: 1, closed: 1 });
    const diverged = await run(spec(1_000));
    expect(diverged).toMatchObject({ output: { result: { outcome: "diverged" } }, opened: 1, closed: 1 });
  });
  test("opens none where a batch is only a copy", async () => {
    const { recipe, ...rest } = spec(0.05);
    const { augmentation: _, ...plain } = recipe;
    expect(await run(parseSpec({ ...rest, recipe: plain }))).toMatchObject({ opened: 0, closed: 0 });
  });
});
