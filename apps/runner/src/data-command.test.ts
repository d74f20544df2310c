import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { datasets } from "@ticketmark/core";
import { beforeEach, describe, expect, it } from "vitest";
import { dataCheck, dataClasses, dataGet, dataList } from "./data-command.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ticketmark-data-command-"));
});

const fails = (code: string, message: RegExp) => ({ code, message: expect.stringMatching(message) });

describe("ticketmark data", () => {
  it("lists each data set, to people and to programs", async () => {
    const listed = JSON.parse(await dataList(folder, true)) as { datasets: { id: string; state: string }[] };
    expect(listed.datasets.map(({ id }) => id)).toEqual(datasets.list.map(({ id }) => id));
    expect(listed.datasets.find(({ id }) => id === "mnist")).toMatchObject({ state: "installed", folder: null });
    expect(listed.datasets.find(({ id }) => id === "toy")).toMatchObject({ state: "generated, no files", files: [] });
    const cifar = listed.datasets.find(({ id }) => id === "cifar-10");
    expect(cifar).toMatchObject({ state: "not here", downloadBytes: 170_052_171, folder: join(folder, "cifar-10") });
    expect(await dataList(folder, false)).toMatch(/\ncifar-10 +not here +170\.1 MB +.*cifar-10\n/);
  });

  it("says how much room decoded images take, also of a set that is not whole", async () => {
    const decoded = join(folder, "imagenet", "decoded");
    await mkdir(decoded, { recursive: true });
    await writeFile(join(decoded, "k.images"), new Uint8Array(1_500_000));
    await writeFile(join(decoded, "l.images.part"), new Uint8Array(500_000));
    expect(await dataList(folder, false)).toMatch(/\nimagenet +your own folders +2\.0 MB +.*imagenet(\n|$)/);
    const { datasets } = JSON.parse(await dataList(folder, true)) as { datasets: { decodedBytes: number }[] };
    expect(datasets.map(({ decodedBytes }) => decodedBytes).filter((bytes) => bytes > 0)).toEqual([2_000_000]);
  });

  it("checks digests: a damaged file is a fault, a missing one only where it is asked for", async () => {
    const all = await dataCheck([], folder, false);
    expect(all.ok).toBe(true);
    expect(all.text).toMatch(/^✓ mnist\/train-images-idx3-ubyte: whole, sha256 [0-9a-f]{64}$/m);
    expect(all.text).toMatch(/^– cifar-10: not here: ticketmark data get cifar-10$/m);
    expect((await dataCheck(["cifar-10"], folder, false)).ok).toBe(false);
    await mkdir(join(folder, "cifar-10"));
    await writeFile(join(folder, "cifar-10", "test_batch.bin"), "half");
    const damaged = await dataCheck([], folder, true);
    expect(damaged.ok).toBe(false);
    const found = { dataset: "cifar-10", name: "test_batch.bin", state: "damaged" };
    expect(JSON.parse(damaged.text)).toMatchObject({
      ok: false,
      files: expect.arrayContaining([expect.objectContaining(found)]),
    });
    await expect(dataCheck(["cifar"], folder, false)).rejects.toMatchObject(fails("bad-spec", /cifar-10/));
  });

  it("gets what can be got, says what cannot, and stops when told to", async () => {
    const said: string[] = [];
    const status = { say: (text: string) => void said.push(text), progress() {}, transfer() {}, clear() {} };
    const options = { dataDir: folder, status, stop: new AbortController().signal };
    expect(await dataGet(["mnist", "toy"], options)).toBe(true);
    expect(said).toEqual(["✓ mnist: installed", "✓ toy: generated, no files"]);
    const own = fails(
      "data-unavailable",
      /imagenet: expected folders of images, train\/CLASS and val\/CLASS, in .*imagenet/,
    );
    await expect(dataGet(["imagenet"], options)).rejects.toMatchObject(own);
    expect(await dataGet(["cifar-10"], { ...options, stop: AbortSignal.abort() })).toBeNull();
  });
});

describe("ticketmark data classes", () => {
  const make = async (...paths: string[]) => {
    for (const path of paths) {
      await mkdir(join(folder, path, ".."), { recursive: true });
      await writeFile(join(folder, path), "");
    }
  };

  it("prints names and counts, as a spec has them", async () => {
    await make("train/b/1.JPEG", "train/b/2.jpg", "train/a/1.jpeg", "train/notes.txt", "train/a/list.txt");
    await make("val/a/1.JPEG", "val/b/1.JPEG");
    expect(JSON.parse(await dataClasses(folder))).toEqual([
      { name: "a", train: 1, test: 1 },
      { name: "b", train: 2, test: 1 },
    ]);
  });

  it("says what is not as it must be", async () => {
    await expect(dataClasses(folder)).rejects.toMatchObject(
      fails("data-unavailable", /train: expected folders of images/),
    );
    await make("train/a/1.JPEG", "train/b/1.JPEG", "val/a/1.JPEG");
    await expect(dataClasses(folder)).rejects.toMatchObject(fails("bad-file", /b is only in one/));
    await make("val/b/1.png");
    await expect(dataClasses(folder)).rejects.toMatchObject(fails("bad-file", /b\.test: .*1/));
    await make("val/b/1.JPEG", "train/a b/1.JPEG", "val/a b/1.JPEG");
    await expect(dataClasses(folder)).rejects.toMatchObject(fails("bad-file", /a b\.name: expected a folder's name/));
  });
});
