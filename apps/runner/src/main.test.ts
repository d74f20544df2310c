import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ClaimedJob, openStatement, Problem, type Result, type Statement } from "@ticketmark/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { exampleJob, isAlive, until, workersOf } from "./fixtures.ts";
import { readKey } from "./keys.ts";
import { TestSite } from "./site-fixture.ts";

const program = fileURLToPath(new URL("../bin/ticketmark.js", import.meta.url));

let folder: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ticketmark-main-"));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

const start = (...args: string[]) => startNode(program, ...args);

function startNode(...args: string[]) {
  const env = {
    ...process.env,
    TICKETMARK_HOME: join(folder, "home"),
    TICKETMARK_NATIVE: "0",
    TICKETMARK_THREADS: "1",
  };
  const child = spawn(process.execPath, args, { cwd: folder, env });
  children.push(child);
  const said = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said.out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said.err += text));
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) =>
    child.once("close", (code) => resolve({ code, ...said })),
  );
  return { child, said, ended };
}
const ticketmark = (...args: string[]) => start(...args).ended;

async function writeSpec(change: object = {}): Promise<string> {
  const path = join(folder, "spec.json");
  await writeFile(path, JSON.stringify({ dataset: "toy", model: "mlp-tiny", method: "lth", sparsity: 0.5, ...change }));
  return path;
}

const long = { method: "lth-iter", recipe: { epochs: 120 } };

describe("ticketmark", () => {
  it("lists what there is, to people and to programs", async () => {
    const { out, code } = await ticketmark("methods", "rst");
    expect(code).toBe(0);
    expect(out).toContain("Dual Lottery Ticket Hypothesis");
    expect(out).toMatch(/pick +random \| smallest \| largest; default "random"/);
    const methods = JSON.parse((await ticketmark("methods", "--json")).out) as { id: string; settings: object }[];
    expect(methods.map(({ id }) => id)).toContain("lth-iter");
    expect(methods.find(({ id }) => id === "rst")!.settings).toMatchObject({
      properties: { pick: { default: "random" } },
    });
    for (const kind of [["models"], ["datasets"], ["suite", "list"]]) {
      const { out } = await ticketmark(...kind, "--json");
      expect(JSON.parse(out)[0]).toHaveProperty("id");
    }
  });

  it("ends with 2 on wrong usage, with 1 and one line on a problem", async () => {
    expect(await ticketmark("explode")).toMatchObject({ code: 2, out: "" });
    expect(await ticketmark("run")).toMatchObject({ code: 2 });
    expect(await ticketmark("run", "x", "--seed", "many")).toMatchObject({ code: 2 });
    expect(await ticketmark("run", "x", "--threads", "100")).toMatchObject({
      code: 2,
      err: expect.stringMatching(/whole number from 1 to 64/),
    });
    expect(await ticketmark("--help")).toMatchObject({ code: 0, err: "" });
    const missing = await ticketmark("run", "nothing.json");
    expect(missing).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringMatching(/^ticketmark: nothing\.json: expected a spec.*\n$/),
    });
    const unknown = await ticketmark("methods", "magic", "--json");
    expect(JSON.parse(unknown.err)).toMatchObject({ type: "urn:ticketmark:problem:bad-spec", status: 400 });
    expect(unknown.code).toBe(1);
    const notEnrolled = await ticketmark("runner", "start");
    expect(notEnrolled).toMatchObject({ code: 1, err: expect.stringMatching(/not enrolled/) });
    const branches = ["--branch", "main", "--branch=-x"];
    const odd = await ticketmark("runner", "start", "--repository", "/nowhere", ...branches);
    expect(odd).toMatchObject({ code: 1, err: "ticketmark: --branch: expected the name of a branch\n" });
  });

  it("says in one line what the system refuses", async () => {
    await ticketmark("run", await writeSpec(), "--out", "out");
    const nowhere = join(folder, "nowhere", "net.safetensors");
    const lines = await ticketmark("export", "out", "--out", nowhere);
    const message = `${nowhere}: ENOENT: no such file or directory`;
    expect(lines).toMatchObject({ code: 1, out: "", err: `ticketmark: ${message}\n` });
    const json = await ticketmark("export", "spec.json/x", "--out", "net.safetensors", "--json");
    expect(json.code).toBe(1);
    expect(JSON.parse(json.err)).toMatchObject({
      title: "bad-request",
      detail: expect.stringMatching(/spec\.json.*ENOTDIR/),
    });
  });

  it("sends no terminal codes that come from outside to the terminal", async () => {
    const { err } = await ticketmark("data", "classes", "no\x1b]0;gone\x07");
    expect(err).toMatch(/^ticketmark: no\\u001b\]0;gone\\u0007/);
  });

  it("completes a spec from a file or stdin", async () => {
    const { out } = await ticketmark("run", await writeSpec(), "--print-spec", "--seed", "7");
    expect(JSON.parse(out)).toMatchObject({ seed: 7, method: { id: "lth" }, scope: "uniform" });
    const { child, ended } = start("run", "-", "--print-spec");
    child.stdin.end('{"dataset":"toy","model":"mlp-tiny","method":"dense"}');
    expect(JSON.parse((await ended).out)).toMatchObject({ sparsity: 0 });
  });

  it("runs a spec without a site, and signs what came out", async () => {
    const { code, out, err } = await ticketmark("run", await writeSpec(), "--out", "out", "--json");
    expect([code, err]).toEqual([0, ""]);
    expect((await readdir(join(folder, "out"))).sort()).toEqual([
      "envelope.json",
      "result.json",
      "ticket.tkt",
      "trained.tkt",
    ]);
    const result = JSON.parse(await readFile(join(folder, "out", "result.json"), "utf8")) as Result;
    expect(JSON.parse(out).result).toEqual(result);
    const envelope = JSON.parse(await readFile(join(folder, "out", "envelope.json"), "utf8"));
    const key = await readKey(join(folder, "home"));
    const { predicate, subject } = openStatement(envelope, key!.publicKey);
    expect(predicate.job).toMatchObject({ id: null, specDigest: result.specDigest });
    expect(predicate.testbed).toMatchObject({ engine: "cpu", compiler: "wasm", threads: 1, key: predicate.keyId });
    expect(Object.keys(predicate.measured!).sort()).toEqual(["overheadSeconds", "peakRssBytes"]);
    expect(subject.find(({ name }) => name === "ticket")!.digest.sha256).toBe(result.ticketDigest);

    const other = await ticketmark("run", await writeSpec({ seed: 1 }), "--out", "out");
    expect(other).toMatchObject({ code: 1, err: expect.stringMatching(/there is one of spec/) });
  });

  it("goes on after Ctrl-C, to the same bits", async () => {
    const path = await writeSpec(long);
    await ticketmark("run", path, "--out", "whole");
    const { child, said, ended } = start("run", path, "--out", "out");
    await until(() => said.err.includes("%"));
    child.kill("SIGINT");
    const stopped = await ended;
    expect(stopped).toMatchObject({ code: 130, err: expect.stringContaining("goes on from the snapshot") });
    const resumed = await ticketmark("run", path, "--out", "out");
    expect(resumed.err).toMatch(/going on from iteration \d+/);
    expect(resumed.out).toMatch(/accuracy +\d+\.\d\d % \(\d+ of 200\)/);
    const read = async (name: string) =>
      JSON.parse(await readFile(join(folder, name, "result.json"), "utf8")) as Result;
    const [whole, out] = [await read("whole"), await read("out")];
    expect([out.ticketDigest, out.trainedDigest, out.trace]).toEqual([
      whole.ticketDigest,
      whole.trainedDigest,
      whole.trace,
    ]);
    expect((await readdir(join(folder, "out"))).sort()).toEqual([
      "envelope.json",
      "result.json",
      "ticket.tkt",
      "trained.tkt",
    ]);
  });

  it("says what of the data sets is here, and names the classes of folders", async () => {
    const sets = join(folder, "sets");
    const listed = JSON.parse((await ticketmark("data", "--json", "--data-dir", sets)).out);
    expect(listed).toMatchObject({
      dataDir: sets,
      datasets: expect.arrayContaining([expect.objectContaining({ id: "toy" })]),
    });
    expect(await ticketmark("data", "check", "cifar-10", "--data-dir", sets)).toMatchObject({ code: 1 });
    expect(await ticketmark("data", "get", "mnist")).toMatchObject({ code: 0, out: "", err: "✓ mnist: installed\n" });
    const own = await ticketmark("data", "get", "imagenet", "--data-dir", sets, "--json");
    expect(own).toMatchObject({ code: 1, out: "" });
    expect(JSON.parse(own.err)).toMatchObject({ title: "data-unavailable", detail: expect.stringContaining(sets) });
    expect(await ticketmark("data", "classes", sets)).toMatchObject({ code: 1 });
  });

  it("says what the machine can do", async () => {
    const { code, out } = await ticketmark("doctor", "--json");
    const { ok, findings } = JSON.parse(out) as {
      ok: boolean;
      findings: { name: string; ok: boolean; needed: boolean; detail: string }[];
    };
    expect([code, ok]).toEqual([0, true]); // whatever this machine lacks that nothing needs
    const named = (name: string) => findings.find((finding) => finding.name === name);
    expect(named("engine cpu")).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/iterations of LeNet-300-100 in/),
    });
    expect(named("data mnist/t10k-labels-idx1-ubyte")).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/^sha256/),
    });
    expect(named("enrolled")!.detail).toMatch(/^no/);
    expect(named("engine auto")!.detail).toMatch(/^\w+ \(auto/);
    expect(named("engine cuda")).toMatchObject({ needed: false, detail: expect.stringMatching(/./) });
    expect(named("native kernels")).toMatchObject({ needed: false, detail: expect.stringMatching(/./) });
  }, 120_000);
});

describe("ticketmark runner", () => {
  let site: TestSite;
  beforeEach(async () => {
    site = new TestSite();
    await site.open();
    const { code, out } = await ticketmark(
      "runner",
      "enrol",
      "--server",
      site.origin,
      "--token",
      "t".repeat(30),
      "--name",
      "bench",
    );
    expect([code, out]).toEqual([0, expect.stringMatching(/^Enrolled as bench at http/)]);
  });
  afterEach(() => site.close());

  const digestsOf = async (job: ClaimedJob): Promise<Statement["subject"]> => {
    const { envelope } = site.results.find((result) => result.job === job.id)!;
    return openStatement(envelope, (await readKey(join(folder, "home")))!.publicKey).subject.slice(1);
  };

  it("is not enrolled twice", async () => {
    const again = await ticketmark("runner", "enrol", "--server", site.origin, "--token", "t".repeat(30));
    expect(again).toMatchObject({ code: 1, err: expect.stringMatching(/enrolled already, as bench/) });
  });

  it("ends with its problem, though something holds its stdin open", async () => {
    site.problems.set("/claim", new Problem("unauthorized", "revoked"));
    const { ended } = startNode("--import", "data:text/javascript,process.stdin.resume()", program, "runner", "start");
    expect(await ended).toMatchObject({ code: 1, err: "ticketmark: revoked\n" });
  });

  it("hands a job back whose data set is not here: that is no result", async () => {
    const classes = ["a", "b"].map((name) => ({ name, train: 1, test: 1 }));
    site.queue.push(exampleJob({ dataset: "imagenet", classes, model: "resnet-18-imagenet" }));
    const { child, ended } = start("runner", "start", "--data-dir", join(folder, "sets"));
    await until(() => site.handBacks.length > 0);
    child.kill("SIGTERM");
    await ended;
    const message = expect.stringMatching(/sets\/imagenet\/train.*missing/);
    expect(site.handBacks[0]).toMatchObject({ reason: "fault", message, snapshotIteration: null });
    expect(site.results).toEqual([]);
  });

  it("killed in the middle of a job, leaves no worker, and a restart ends the job once, with the same bits", async () => {
    const [undisturbed, job] = [exampleJob({ sparsity: 0.5, ...long }), exampleJob({ sparsity: 0.5, ...long })];
    site.queue.push(undisturbed, job);
    const first = start("runner", "start");
    await until(() => site.beats.some((beat) => beat.job === job.id && (beat.progress?.iteration ?? 0) > 500));
    const workers = workersOf(first.child.pid!);
    expect(workers).toHaveLength(1);
    first.child.kill("SIGKILL");
    await until(() => !workers.some(isAlive));
    expect(existsSync(join(folder, "home", "leases", `${job.id}.json`))).toBe(true);

    const second = start("runner", "start");
    await until(() => site.results.length === 2);
    second.child.kill("SIGTERM");
    expect(await second.ended).toMatchObject({ code: 0 });
    expect(site.results.map((result) => result.job)).toEqual([undisturbed.id, job.id]);
    expect(site.handBacks).toEqual([]);
    expect(await digestsOf(job)).toEqual(await digestsOf(undisturbed));
  });
});
