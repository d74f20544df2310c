import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Archive, type DataFile, datasets, digestOf, type Problem } from "@ticketmark/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { tarGz, zip } from "./archive-fixture.ts";
import { folderOf, inspect, readerOf, type Source } from "./data.ts";
import { partOf } from "./download.ts";
import { provide } from "./provide.ts";

const A = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * i) >> 2));
const B = Buffer.from("bytes of b");
const TAR = tarGz({ name: "set/a", content: A }, { name: "set/b", content: B });

let dataDir: string;
let folder: string;
let server: Server;
let origin: string;
/** Paths that were asked for. */
let asked: string[];
/** What the server has; null = it sends the first half of the tar file and then nothing. */
let served: Buffer | null;
beforeEach(async () => {
  dataDir = join(await mkdtemp(join(tmpdir(), "ticketmark-data-")), "data");
  folder = join(dataDir, "made-up");
  asked = [];
  served = TAR;
  server = createServer((request, response) => {
    asked.push(request.url!);
    const bytes = served ?? TAR;
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    response.writeHead(start ? 206 : 200, {
      "content-length": bytes.length - start,
      ...(start && { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    });
    if (served) response.end(bytes.subarray(start));
    else response.write(bytes.subarray(0, bytes.length / 2));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function madeUp(bytes = TAR, format: Archive["format"] = "tar.gz"): Source & { files: readonly [DataFile, DataFile] } {
  const name = `set.${format}`;
  const archive: Archive = { name, urls: [`${origin}/${name}`], bytes: bytes.length, sha256: digestOf(bytes), format };
  return {
    id: "made-up",
    files: [
      { name: "a", bytes: A.length, sha256: digestOf(A), source: { archive, member: "set/a" } },
      { name: "b", bytes: B.length, sha256: null, source: { archive, member: "set/b" } },
    ],
  };
}

const never = new AbortController().signal;
const bring = (
  source: Source = madeUp(),
  signal = never,
  onProgress: (name: string, done: number) => void = () => {},
) => provide(source, dataDir, { signal, onProgress });
const read = (index: 0 | 1, source = madeUp()) => readerOf(source, dataDir)(source.files[index]);
const statesOf = async (closely = true) => (await inspect(madeUp(), dataDir, closely)).map(({ state }) => state);
const fails = (code: Problem["code"], message: RegExp) => ({ code, message: expect.stringMatching(message) });

describe("a data set's files", () => {
  it("are downloaded, checked, unpacked, and then read without being asked for again", async () => {
    expect(await statesOf()).toEqual(["missing", "missing"]);
    await bring();
    expect((await readdir(folder)).sort()).toEqual(["a", "b", "b.sha256"]);
    expect([await read(0), await read(1)]).toEqual([A, B]);
    expect(await readFile(join(folder, "b.sha256"), "latin1")).toBe(`${digestOf(B)}  b\n`);
    expect(await statesOf()).toEqual(["whole", "whole"]);
    await bring();
    expect(asked).toEqual(["/set.tar.gz"]);
  });

  it("are taken from an archive that a person put there, which stays", async () => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "set.tar.gz"), TAR);
    expect(await statesOf()).toEqual(["packed", "packed"]);
    await bring();
    expect((await readdir(folder)).sort()).toEqual(["a", "b", "b.sha256", "set.tar.gz"]);
    expect(asked).toEqual([]);
  });

  it("are not taken from an archive that is another", async () => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "set.tar.gz"), Buffer.alloc(TAR.length));
    await expect(bring()).rejects.toMatchObject(
      fails("bad-file", /set\.tar\.gz: expected sha256 .* remove it, and it is/),
    );
    expect(await readdir(folder)).toEqual(["set.tar.gz"]);
  });

  it("are those that a person put there, of the right size", async () => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "a"), A);
    await writeFile(join(folder, "b"), B);
    await bring();
    expect(asked).toEqual([]);
    expect(await statesOf()).toEqual(["whole", "there"]); // nobody knows the sha256 of b
    expect([await read(0), await read(1)]).toEqual([A, B]);
    expect(await statesOf()).toEqual(["whole", "whole"]);
    await writeFile(join(folder, "a"), A.subarray(1));
    expect(await statesOf(false)).toEqual(["damaged", "there"]);
    await bring();
    expect(await statesOf()).toEqual(["whole", "whole"]);
  });

  it("are refused when they change", async () => {
    await bring();
    await writeFile(join(folder, "b"), "bytes of c");
    await expect(read(1)).rejects.toMatchObject(fails("bad-file", /b: expected sha256 .*, as b\.sha256 has it/));
    await writeFile(join(folder, "a"), Buffer.alloc(A.length));
    expect(await statesOf()).toEqual(["damaged", "damaged"]);
    await writeFile(join(folder, "b.sha256"), "?");
    await expect(read(1)).rejects.toMatchObject(fails("bad-file", /expected a sha256 and a name/));
    expect(await statesOf()).toEqual(["damaged", "damaged"]);
  });

  it("are asked for in words that say what to do", async () => {
    const where =
      /a: expected it, or set\.tar\.gz from http.*\/set\.tar\.gz, in .*\/made-up: run ticketmark data get made-up/;
    await expect(read(0)).rejects.toMatchObject(fails("data-unavailable", where));
    const source = { package: { name: "no-such-package", path: "x/a" } };
    const file = { name: "a", bytes: 1, sha256: null, source };
    const missing = fails("data-unavailable", /expected x\/a in the npm package no-such-package/);
    await expect(readerOf({ id: "made-up", files: [file] }, dataDir)(file)).rejects.toMatchObject(missing);
  });

  it("are all there or none, where the archive lacks one", async () => {
    served = tarGz({ name: "set/a", content: A });
    await expect(bring(madeUp(served))).rejects.toMatchObject(fails("bad-file", /expected set\/b; not in it/));
    expect(await readdir(folder)).toEqual(["set.tar.gz"]);
  });

  it("cannot be brought where nobody may write", async () => {
    await writeFile(dataDir, "a file");
    await expect(bring()).rejects.toMatchObject(fails("data-unavailable", /expected to be able to write there/));
  });

  it("come later, after what was there, when the download is stopped", async () => {
    served = null;
    const stop = new AbortController();
    const half = TAR.length >> 1;
    const stopped = bring(madeUp(), stop.signal, (_, done) => done >= half && stop.abort());
    await expect(stopped).rejects.toThrow(/abort/);
    expect(await readFile(partOf(join(folder, "set.tar.gz")))).toHaveLength(half);
    served = TAR;
    const heard: number[] = [];
    await bring(madeUp(), never, (_, done) => heard.push(done));
    expect(heard[0]).toBe(half);
    expect(await statesOf()).toEqual(["whole", "whole"]);
  });

  it("are downloaded once by processes that want them at the same time", async () => {
    const code = `
      const { provide } = await import(${JSON.stringify(pathToFileURL(join(import.meta.dirname, "provide.ts")).href)});
      const options = { signal: new AbortController().signal, onProgress: () => {} };
      await provide(${JSON.stringify(madeUp())}, ${JSON.stringify(dataDir)}, options);`;
    const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
    const other = () =>
      new Promise((resolve) =>
        spawn(process.execPath, ["--import", tsx, "--input-type=module", "-e", code], { stdio: "inherit" }).once(
          "close",
          resolve,
        ),
      );
    expect(await Promise.all([other(), other(), bring(), bring()])).toEqual([0, 0, undefined, undefined]);
    expect(asked).toEqual(["/set.tar.gz"]);
    expect((await readdir(folder)).sort()).toEqual(["a", "b", "b.sha256"]);
  });
});

describe("a data set of images", () => {
  const images = zip({ name: "set/train/x/1.JPEG", content: A });
  const packed = (): Source => {
    const [{ source }] = madeUp(images, "zip").files;
    return { id: "made-up", files: [], images: { archive: "archive" in source ? source.archive : null, root: "set" } };
  };

  it("keeps its archive packed, checked once", async () => {
    served = images;
    await bring(packed());
    await bring(packed());
    expect(asked).toEqual(["/set.zip"]);
    expect(await readFile(join(folder, "set.zip"))).toEqual(images);
    expect(await inspect(packed(), dataDir, true)).toMatchObject([{ name: "set.zip", state: "whole" }]);
    await rm(join(folder, "set.zip.sha256")); // as if a person had put it there
    await writeFile(join(folder, "set.zip"), Buffer.alloc(images.length));
    await expect(bring(packed())).rejects.toMatchObject(fails("bad-file", /expected sha256/));
    expect(await inspect(packed(), dataDir, true)).toMatchObject([{ state: "damaged" }]);
  });

  it("of people's own says where its folders are expected", async () => {
    const own: Source = { id: "made-up", files: [], images: { archive: null, root: "" } };
    await bring(own);
    expect(await inspect(own, dataDir, true)).toMatchObject([
      { state: "missing", path: folder, detail: expect.stringContaining(`train/CLASS and val/CLASS, in ${folder}`) },
    ]);
    await mkdir(join(folder, "train"), { recursive: true });
    expect(await inspect(own, dataDir, true)).toMatchObject([{ state: "there" }]);
  });
});

it("data sets that show the same files share a folder, others do not", () => {
  const nameOf = (id: string) => folderOf(datasets.get(id), "");
  expect(nameOf("fashion-mnist-32")).toBe(nameOf("fashion-mnist"));
  expect(new Set(["fashion-mnist", "kmnist", "cifar-10", "cifar-100"].map(nameOf)).size).toBe(4);
});
