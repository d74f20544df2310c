/** Through the program, as people use it: a run goes out as safetensors, weights come in and are trained from. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { digestOf, type Result, readTicketFile } from "@ticketmark/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const program = fileURLToPath(new URL("../bin/ticketmark.js", import.meta.url));
let folder: string;

const ticketmark = (...args: string[]) =>
  new Promise<{ code: number; out: string; err: string }>((resolve) => {
    const env = { ...process.env, TICKETMARK_HOME: join(folder, "home"), TICKETMARK_NATIVE: "0" };
    execFile(process.execPath, [program, ...args], { cwd: folder, env }, (error, out, err) =>
      resolve({ code: Number(error?.code ?? 0), out, err }),
    );
  });
const bytes = async (name: string) => new Uint8Array(await readFile(join(folder, name)));
const headerOf = (file: Uint8Array) =>
  JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + Number(new DataView(file.buffer).getBigUint64(0, true)))));
const resultIn = async (name: string): Promise<Result> =>
  JSON.parse(await readFile(join(folder, name, "result.json"), "utf8"));

const spec = { dataset: "toy", model: "mlp-tiny", method: "dense", recipe: { epochs: 1 } };
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ticketmark-export-"));
  await writeFile(join(folder, "dense.json"), JSON.stringify(spec));
  await writeFile(join(folder, "sparse.json"), JSON.stringify({ ...spec, method: "random", sparsity: 0.5 }));
  for (const name of ["dense", "sparse"])
    expect(await ticketmark("run", `${name}.json`, "--out", name)).toMatchObject({ code: 0 });
}, 180_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("ticketmark export", () => {
  it("writes the trained net of a run with what its result says of it", async () => {
    const { code, out } = await ticketmark("export", "sparse", "--out", "net.safetensors", "--json");
    expect(code).toBe(0);
    const file = await bytes("net.safetensors");
    expect(JSON.parse(out)).toEqual({ out: "net.safetensors", sha256: digestOf(file) });
    const { __metadata__: metadata, ...entries } = headerOf(file);
    const { accuracy, specDigest } = await resultIn("sparse");
    expect(metadata).toMatchObject({ what: "trained", specDigest, model: "mlp-tiny", sparsity: "0.5" });
    expect([metadata.correct, metadata.total]).toEqual([`${accuracy!.last.correct}`, "200"]);
    expect(Object.keys(entries)).toContain("mask/fc1.weight");
  });

  it("writes the ticket, and single files by themselves", async () => {
    await ticketmark("export", "sparse", "--what", "ticket", "--out", "ticket.safetensors");
    const { accuracy } = await resultIn("sparse");
    const { __metadata__: metadata } = headerOf(await bytes("ticket.safetensors"));
    expect(metadata).toMatchObject({ what: "ticket", correct: `${accuracy!.afterCut.correct}` });
    expect(await ticketmark("export", "sparse/trained.tkt", "--out", "file.safetensors")).toMatchObject({ code: 0 });
    expect(headerOf(await bytes("file.safetensors")).__metadata__).toMatchObject({ what: "trained", sparsity: "0.5" });
  });

  it("refuses what is no run, and a file that the result does not name", async () => {
    expect(await ticketmark("export", "nowhere", "--out", "x")).toMatchObject({
      code: 1,
      err: "ticketmark: nowhere: expected a folder of a finished run, or a .tkt file of it; there is none\n",
    });
    expect(await ticketmark("export", "dense")).toMatchObject({ code: 2 });
    expect(await ticketmark("export", "dense.json", "--out", "x")).toMatchObject({
      code: 1,
      err: expect.stringMatching(/TKTMARK1/),
    });
  });
});

describe("ticketmark import", () => {
  it("takes a net's weights, and a run starts from them", async () => {
    await ticketmark("export", "dense", "--what", "ticket", "--out", "start.safetensors");
    const net = ["--model", "mlp-tiny", "--dataset", "toy", "--out", "init.ticketmark"];
    const { code, out, err } = await ticketmark("import", "start.safetensors", ...net, "--json");
    expect([code, err]).toEqual([0, ""]);
    const initial = digestOf(await bytes("init.ticketmark"));
    expect(JSON.parse(out)).toEqual({ out: "init.ticketmark", initial });

    await ticketmark("run", "dense.json", "--initial", "init.ticketmark", "--out", "again");
    const [first, again] = [await resultIn("dense"), await resultIn("again")];
    expect(again.spec).toEqual({ ...(first.spec as object), initial });
    expect(readTicketFile(await bytes("again/trained.tkt")).weights).toEqual(
      readTicketFile(await bytes("dense/trained.tkt")).weights,
    );

    await writeFile(join(folder, "named.json"), JSON.stringify({ ...spec, initial: "ab".repeat(32) }));
    for (const args of [[], ["--initial", "init.ticketmark"]])
      expect(await ticketmark("run", "named.json", "--out", "named", ...args)).toMatchObject({
        code: 1,
        err: expect.stringMatching(/initial weights: expected the file with sha256 abab.*as the spec says/),
      });
  }, 180_000);

  it("refuses another model's weights by the first name that does not fit", async () => {
    await ticketmark("export", "dense", "--out", "dense.safetensors");
    const to = (model: string) =>
      ticketmark("import", "dense.safetensors", "--model", model, "--dataset", "toy", "--out", "x");
    expect(await to("lenet-300-100")).toMatchObject({
      code: 1,
      err: "ticketmark: safetensors: fc1.weight: expected F32 [300, 64]; got F32 [16, 64]\n",
    });
    expect(await ticketmark("import", "dense.safetensors", "--model", "mlp-tiny", "--out", "x")).toMatchObject({
      code: 1,
      err: "ticketmark: import: expected --model and --dataset, or --spec\n",
    });
    const bySpec = await ticketmark("import", "dense.safetensors", "--spec", "sparse.json", "--out", "x");
    expect(bySpec).toMatchObject({ code: 0 });
    expect(await to("lenet")).toMatchObject({ code: 1, err: expect.stringMatching(/expected one of lenet-300-100/) });
  });
});
