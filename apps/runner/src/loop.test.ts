import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ClaimedJob, digestOf, NUMERICS, openStatement, Problem, type Statement } from "@ticketmark/core";
import { beforeEach, describe, expect, it } from "vitest";
import { namesIn } from "./files.ts";
import { exampleJob, exampleOutput, exampleRun, isAlive, until, workersOf } from "./fixtures.ts";
import { ensureKey } from "./keys.ts";
import { Leases } from "./leases.ts";
import { eachInItsWorld } from "./loop-fixture.ts";
import type { TestSite } from "./site-fixture.ts";
import { FILE_NAMES, Spool } from "./spool.ts";

const world = eachInItsWorld();
let data: string;
let site: TestSite;
let said: string[];
beforeEach(() => {
  ({ data, site, said } = world());
});
const runner = (threads?: number) => world().runner({ threads });

/** Long enough to be interrupted. */
const longJob = () => exampleJob({ method: "lth-iter", sparsity: 0.5, recipe: { epochs: 120 } });

async function statementOf(index: number): Promise<Statement> {
  return openStatement(site.results[index]!.envelope, (await ensureKey(data)).publicKey);
}
const digestsOf = (statement: Statement) =>
  Object.fromEntries(
    statement.subject.filter(({ name }) => name !== "result").map(({ name, digest }) => [name, digest.sha256]),
  );

/** Ticket and trained digests of an undisturbed run of the job. */
async function undisturbed(job: ClaimedJob): Promise<Record<string, string>> {
  site.queue.push(exampleJob({ ...(job.spec as object) }));
  const { end } = await runner();
  await until(() => site.results.length === 1);
  await end();
  const digests = digestsOf(await statementOf(0));
  site.results.length = 0;
  site.beats.length = 0;
  return digests;
}

/** As a runner leaves it that is killed when its worker is done. Returns the folder of the files. */
async function heldAndFinished(job: ClaimedJob): Promise<string> {
  const leases = new Leases(data);
  await leases.open();
  await leases.keep(job);
  const { files } = exampleOutput(job);
  const spool = new Spool(data);
  const out = await spool.stage(job.id);
  for (const kind of ["result", "ticket", "trained"] as const)
    await writeFile(join(out, FILE_NAMES[kind]), files[kind]);
  await spool.keepFinished(job.id, exampleRun(digestOf(files.result)));
  return spool.staged(job.id);
}

const training = () => until(() => site.beats.some(({ progress }) => (progress?.iteration ?? 0) > 500));
const snapshotOf = (job: ClaimedJob) => namesIn(join(data, "snapshots", job.id));

describe("the loop", () => {
  it("runs a job and delivers a result that proves what was held", async () => {
    const job = exampleJob({ method: "lth", sparsity: 0.5 });
    site.queue.push(job);
    const { end } = await runner();
    await until(() => said.some((line) => line.startsWith("✓")));
    const { predicate, subject } = await statementOf(0);
    expect(predicate).toMatchObject({
      outcome: "completed",
      job: { id: job.id, attempt: 1, specDigest: job.specDigest },
      testbed: { engine: "cpu", compiler: "wasm", threads: 1, node: process.versions.node, key: predicate.keyId },
    });
    expect(predicate.measured!.peakRssBytes).toBeGreaterThan(20e6);
    expect(predicate.measured!.overheadSeconds).toBeGreaterThan(0);
    expect(predicate.measured!.packageBytes).toBeUndefined(); // of other commits only
    expect(predicate.job.leaseNonce).not.toBe(job.lease.nonce); // the one that the claim gave
    for (const { digest } of subject) expect(digestOf(site.files.get(digest.sha256)!)).toBe(digest.sha256);
    const line = /^✓ lth 50 % seed 0: accuracy \d+\.\d\d %, acknowledged as signed$/;
    expect(said).toContainEqual(expect.stringMatching(line));
    await end();
    for (const folder of ["spool", "leases", "snapshots"]) expect(await namesIn(join(data, folder))).toEqual([]);
  });

  it("hands a job back when told to stop, and goes on with it later to the same bits", async () => {
    const job = longJob();
    const digests = await undisturbed(job);
    site.queue.push(job);
    const first = await runner();
    await training();
    await first.end();
    expect(site.handBacks).toEqual([expect.objectContaining({ job: job.id, reason: "stopping" })]);
    expect(site.handBacks[0]!.snapshotIteration).toBeGreaterThan(500);
    expect(await namesIn(join(data, "leases"))).toEqual([]);
    const second = await runner();
    await until(() => site.claims.at(-1)!.snapshots.includes(job.id));
    site.queue.push(job);
    await until(() => site.results.length === 1);
    await second.end();
    expect(said.some((line) => line.includes("going on from iteration"))).toBe(true);
    expect(digestsOf(await statementOf(0))).toEqual(digests);
    expect((await statementOf(0)).predicate.measured).toEqual({}); // nothing of a whole run
  });

  it("survives its worker's death: a fault, and on from the snapshot to the same bits", async () => {
    const job = longJob();
    const digests = await undisturbed(job);
    site.queue.push(job);
    const { end } = await runner();
    await training();
    await until(async () => (await snapshotOf(job)).length > 0);
    for (const pid of workersOf(process.pid)) process.kill(pid, "SIGKILL");
    await until(() => site.handBacks.length === 1);
    expect(site.handBacks[0]).toMatchObject({ reason: "fault", message: expect.stringContaining("SIGKILL") });
    site.queue.push({ ...job, attempt: 2 });
    await until(() => site.results.length === 1);
    await end();
    expect(said.some((line) => line.includes("going on from iteration"))).toBe(true);
    const statement = await statementOf(0);
    expect(statement.predicate.job.attempt).toBe(2);
    expect(digestsOf(statement)).toEqual(digests);
  });

  it("keeps its lease when it stops and the site cannot be told, and presents it when it starts again", async () => {
    const job = longJob();
    site.queue.push(job);
    const first = await runner();
    await training();
    site.close();
    await first.end();
    expect(said.at(-1)).toMatch(/kept, for the site could not be told, with a snapshot at iteration \d+/);
    expect(await namesIn(join(data, "leases"))).toEqual([`${job.id}.json`]);
    await site.open();
    site.beats.length = 0;
    const claims = site.claims.length;
    const second = await runner();
    await until(() => site.beats.length > 0);
    expect(site.beats[0]!.job).toBe(job.id);
    expect(site.claims).toHaveLength(claims); // what it holds comes first
    await until(() => site.results.length === 1);
    await second.end();
    expect(site.handBacks).toEqual([]);
  });

  it("obeys cancel: the worker is gone, the job handed back", async () => {
    const job = longJob();
    site.queue.push(job);
    const { end } = await runner();
    await training();
    const workers = workersOf(process.pid);
    expect(workers).toHaveLength(1);
    site.command = "cancel";
    await until(() => site.handBacks.length === 1);
    expect(site.handBacks[0]).toMatchObject({ reason: "cancelled", snapshotIteration: null });
    expect(workers.filter(isAlive)).toEqual([]);
    await end();
    expect(site.results).toEqual([]);
    expect(await readdir(join(data, "snapshots"))).toEqual([]);
  });

  it("drops a job whose lease is lost", async () => {
    site.queue.push(longJob());
    const { end } = await runner();
    await training();
    const workers = workersOf(process.pid);
    site.problems.set("/heartbeat", new Problem("lease-lost", "another runner has it"));
    await until(() => said.some((line) => line.includes("the lease is lost: another runner has it")));
    await until(() => workers.every((pid) => !isAlive(pid)));
    const claims = site.claims.length;
    await until(() => site.claims.length > claims); // and asks for the next
    await end();
    expect([site.handBacks, site.results, await namesIn(join(data, "leases"))]).toEqual([[], [], []]);
  });

  it("trains on while the site is away, and delivers when it is back", async () => {
    site.queue.push(exampleJob({ method: "lth", sparsity: 0.5 }));
    const { end } = await runner();
    await until(() => site.claims.length === 1);
    site.close();
    await until(async () => (await namesIn(join(data, "spool"))).length === 1);
    await site.open();
    await until(() => site.results.length === 1);
    await end();
    expect(said.filter((line) => line.includes("does not answer"))).toHaveLength(1);
    expect(said.filter((line) => line.includes("answers again"))).toHaveLength(1);
  });

  it("delivers after a restart what it could not before", async () => {
    site.queue.push(exampleJob());
    site.problems.set("/result", new Problem("database-unavailable", "not now"));
    const first = await runner();
    await until(() => said.some((line) => line.includes("does not answer")));
    await first.end();
    expect(site.results).toEqual([]);
    site.problems.clear();
    const second = await runner();
    await until(() => site.results.length === 1);
    await second.end();
    expect(await namesIn(join(data, "spool"))).toEqual([]);
  });

  it("keeps a refused result, loudly, and goes on", async () => {
    const job = exampleJob();
    site.queue.push(job);
    site.problems.set("/result", new Problem("bad-signature", "not this key"));
    const { end } = await runner();
    await until(() => said.some((line) => /REFUSED \(bad-signature\): not this key/.test(line)));
    const claims = site.claims.length;
    await until(() => site.claims.length > claims);
    await end();
    expect(await namesIn(join(data, "refused"))).toEqual([job.id]);
    expect(await namesIn(join(data, "refused", job.id))).toContain("problem.json");
  });

  it("is not kept from its jobs by a result that the site fails on", async () => {
    const [poison, whole, next] = [exampleJob(), exampleJob(), exampleJob()];
    const spool = new Spool(data);
    for (const job of [poison, whole]) {
      await heldAndFinished(job);
      await spool.commit(job, exampleOutput(job).envelope);
    }
    await spool.putLater(poison.id); // by an earlier process, that had tried for long
    site.problems.set(`/jobs/${poison.id}/result`, new Problem("database-unavailable", "poison"));
    site.queue.push(next);
    const { end } = await runner();
    await until(() => site.results.length === 2);
    await end();
    expect(site.results.map(({ job }) => job)).toEqual([whole.id, next.id]);
    expect(said).toContainEqual(expect.stringMatching(/fails on the result, which is kept for later: poison/));
    expect(await namesIn(join(data, "spool"))).toEqual([poison.id]);
  });

  it("does not mind that its hand-back was heard before", async () => {
    const job = longJob();
    site.queue.push(job);
    const { end } = await runner();
    await training();
    site.command = "cancel";
    site.problems.set("/hand-back", new Problem("database-unavailable", "the reply is lost"));
    await until(() => said.some((line) => line.includes("the reply is lost")));
    site.problems.set("/hand-back", new Problem("lease-lost", "the job is queued"));
    const claims = site.claims.length;
    await until(() => site.claims.length > claims);
    await end();
    expect(said.filter((line) => /is queued/.test(line))).toEqual([]);
    expect(await namesIn(join(data, "leases"))).toEqual([]);
  });

  it("gets the job of a claim whose reply was lost, also after a restart", async () => {
    const job = exampleJob();
    site.queue.push(job);
    site.lostClaims = 1;
    const first = await runner();
    await until(() => site.claims.length >= 1);
    await first.end();
    const second = await runner();
    await until(() => site.results.length === 1);
    await second.end();
    expect((await statementOf(0)).predicate.job.id).toBe(job.id);
    const [lost, repeated, next] = site.claims.map(({ lease }) => lease);
    expect(repeated).toBe(lost);
    expect(site.claims.length < 3 || next !== lost).toBe(true);
  });

  it("says once that it is too old, and stays", async () => {
    site.command = "update";
    site.queue.push(exampleJob());
    const { ended, end } = await runner();
    await until(() => said.some((line) => line.includes("it is too old")));
    expect(await Promise.race([ended, new Promise((done) => setTimeout(() => done("waiting"), 300))])).toBe("waiting");
    await end();
    expect([site.claims.length, said.filter((line) => line.includes("too old")).length]).toEqual([1, 1]);
    expect(site.claims[0]!.numerics).toBe(NUMERICS);
  });

  it("gives back, as a fault, a job whose result cannot be signed, keeps its files, and goes on", async () => {
    const [job, next] = [exampleJob(), exampleJob()];
    const staged = await heldAndFinished(job);
    await writeFile(join(staged, FILE_NAMES.result), "{}"); // not the bytes that the run announced
    site.queue.push(next);
    const { end } = await runner();
    await until(() => site.results.length === 1);
    await end();
    expect(site.results[0]!.job).toBe(next.id);
    expect(site.handBacks).toEqual([
      expect.objectContaining({
        job: job.id,
        reason: "fault",
        message: expect.stringMatching(/that the run announced/),
      }),
    ]);
    expect(await namesIn(join(data, "refused", job.id))).toContain(FILE_NAMES.trained);
  });

  it("signs at its start what was finished before, without training it again", async () => {
    const job = exampleJob();
    await heldAndFinished(job);
    const { end } = await runner();
    await until(() => site.results.length === 1);
    await end();
    expect((await statementOf(0)).predicate).toMatchObject({
      job: { id: job.id },
      ...{ code: { version: "the run's" }, measured: { overheadSeconds: 2 }, testbed: { compiler: "cc 1" } },
    });
    expect(site.files.has(digestOf(exampleOutput(job).files.trained))).toBe(true);
  });

  it("keeps a finished run while the disk refuses it, and sends it when it does not", async () => {
    const job = exampleJob();
    const inTheWay = join(await heldAndFinished(job), "job.json"); // a folder cannot be replaced by a file
    await mkdir(inTheWay);
    const first = await runner();
    await until(() => said.some((line) => line.includes("the result cannot be kept, trying again")));
    await first.end();
    expect(said.at(-1)).toContain("signed at the next start");
    await rm(inTheWay, { recursive: true });
    const second = await runner();
    await until(() => site.results.length === 1);
    await second.end();
    expect(site.handBacks).toEqual([]);
  });

  it("offers no engine that it cannot open, and names it once", async () => {
    const { end } = await runner(100);
    await until(() => site.claims.length > 0);
    await end();
    const { engines } = site.claims[0]!;
    expect([engines.includes("reference"), engines.includes("auto"), engines.includes("cpu")]).toEqual([
      true,
      false,
      false,
    ]);
    expect(said.filter((line) => line.includes("not offered"))).toEqual([
      expect.stringMatching(/^Engines not offered: (?=.*\bauto\b)(?=.*\bcpu\b)[a-z, -]+; ticketmark doctor says why$/),
    ]);
  });

  it("finishes its job when told to drain, then ends", async () => {
    site.queue.push(exampleJob({ method: "lth", sparsity: 0.5, recipe: { epochs: 40 } }), exampleJob());
    const { ended } = await runner();
    await until(() => site.claims.length === 1);
    site.command = "drain";
    await ended;
    expect([site.results.length, site.queue.length]).toEqual([1, 1]);
    expect(said.at(-1)).toMatch(/drain/);
  });

  it("takes a snapshot's folder for nothing else", async () => {
    const job = exampleJob();
    await mkdir(join(data, "snapshots", job.id), { recursive: true });
    await writeFile(join(data, "snapshots", "note.txt"), "mine");
    const { end } = await runner();
    await until(() => site.claims.length > 0);
    await end();
    expect(site.claims[0]!.snapshots).toEqual([job.id]);
    expect(await namesIn(join(data, "snapshots"))).toContain("note.txt");
  });

  it("ends when the site does not know it", async () => {
    site.problems.set("/claim", new Problem("unauthorized", "revoked"));
    const { ended } = await runner();
    await expect(ended).rejects.toThrow("revoked");
  });

  it("has its folder to itself", async () => {
    const first = await runner();
    await until(() => site.claims.length > 0);
    const second = await runner();
    await expect(second.ended).rejects.toThrow(/another process is using this folder/);
    await first.end();
  });
});
