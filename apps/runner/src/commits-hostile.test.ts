/** Commits whose workers do to their runner what they should not: it comes through, and signs nothing that is not so. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ClaimedJob, openStatement } from "@ticketmark/core";
import { beforeEach, describe, expect, it } from "vitest";
import { BEHAVE, behaviour, trackedFiles } from "./commits-fixture.ts";
import { namesIn } from "./files.ts";
import { exampleJob, exampleRun, until } from "./fixtures.ts";
import { ensureKey } from "./keys.ts";
import { eachInItsWorld } from "./loop-fixture.ts";
import { type TestRepository, testRepository } from "./mirror-fixture.ts";

const world = eachInItsWorld();
let source: TestRepository;
let good: string;
beforeEach(async () => {
  source = testRepository();
  good = await source.commit(trackedFiles());
});

const commitThat = (behave: string) => source.commit({ [BEHAVE]: behaviour(behave) });
const jobAt = (commit: string): ClaimedJob => ({ ...exampleJob(), kind: "confirm", code: { commit, pull: null } });
const tracking = () => ({
  ...{ repository: source.folder, branches: ["main"], pulls: false, diskBytes: 1e12 },
  environment: process.env,
});
const runner = () => world().runner({ tracking: tracking() });

/** A runner in a process of its own, which a worker may kill. Resolves when it is gone. */
function runnerApart(): Promise<void> {
  const { data, site } = world();
  const at = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  const text = `
    import { Client } from ${at("./client.ts")};
    import { ensureKey } from ${at("./keys.ts")};
    import { runLoop } from ${at("./loop.ts")};
    import { readSettings } from ${at("./settings.ts")};
    const data = ${JSON.stringify(data)};
    await runLoop({
      settings: readSettings({ data, threads: 1 }, { TICKETMARK_HOME: data, TICKETMARK_NATIVE: "0" }),
      tracking: { ...${JSON.stringify(tracking())}, environment: process.env },
      client: new Client("${site.origin}", "b".repeat(30)),
      key: await ensureKey(data),
      status: { say() {}, progress() {}, transfer() {}, clear() {} },
      stop: new AbortController().signal,
      snapshotSeconds: 1,
    });`;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", text], { stdio: "inherit" });
  return new Promise((resolve) => child.once("exit", () => resolve()));
}

describe("a worker of a commit", () => {
  it("that says in a file that it is finished, and kills its runner, is run again as what it is", async () => {
    const { data, site } = world();
    const mark = join(data, "killed");
    const forged = { ...exampleRun("a".repeat(64)), code: { commit: good, dirty: false, version: "forged" } };
    const commit = await commitThat(`{
      written: async ({ outDir }) => {
        const { existsSync, readFileSync, writeFileSync } = await import("node:fs");
        const { createHash } = await import("node:crypto");
        const resultDigest = createHash("sha256").update(readFileSync(outDir + "/result.json")).digest("hex");
        const run = JSON.stringify({ ...${JSON.stringify(forged)}, resultDigest });
        for (const folder of [outDir, outDir + "/.."]) writeFileSync(folder + "/run.json", run);
        if (existsSync(${JSON.stringify(mark)})) return;
        writeFileSync(${JSON.stringify(mark)}, "");
        process.kill(process.ppid, "SIGKILL");
      },
    }`);
    const job = jobAt(commit);
    site.queue.push(job);
    await runnerApart();
    expect(existsSync(mark)).toBe(true);
    expect(await readdir(join(data, "spool"))).toEqual([`.ticketmark-${job.id}`]);
    const { end } = await runner();
    await until(() => site.results.length + site.handBacks.length > 0);
    await end();
    const { predicate } = openStatement(site.results[0]!.envelope, (await ensureKey(data)).publicKey);
    expect(predicate.code).toMatchObject({ commit, dirty: false, version: expect.not.stringMatching("forged") });
    expect(predicate.testbed!.cpu).not.toBe(forged.testbed.cpu);
  });

  it("that ends with bytes no site stores is heard all the same", async () => {
    const { data, site } = world();
    const mark = join(data, "heard");
    const progress = { phase: 0, phaseName: "\0 \ud83d", iteration: 1, iterations: 2, loss: null, accuracy: null };
    const line = JSON.stringify({ v: 1, type: "progress", progress: { ...progress, iterationsPerSecond: 1 } });
    const job = jobAt(
      await commitThat(`{
        run: () => new Promise(async () => {
          const { existsSync } = await import("node:fs");
          process.stdout.write(${JSON.stringify(`${line}\n`)});
          process.stderr.write("\u{1f642}".repeat(3_000) + "bad \\0 end");
          setInterval(() => existsSync(${JSON.stringify(mark)}) && process.exit(1), 20);
        }),
      }`),
    );
    site.queue.push(job);
    const { end } = await runner();
    await until(
      () => site.handBacks.length > 0 || site.beats.some((beat) => beat.progress?.phaseName === "\ufffd \ufffd"),
    );
    await writeFile(mark, "");
    await until(() => site.handBacks.length > 0);
    await end();
    expect(site.handBacks[0]).toMatchObject({ job: job.id, reason: "fault" });
    expect(site.handBacks[0]!.message).toMatch(/^the worker ended with exit code 1: (\u{1f642})+bad \ufffd end$/u);
  });

  it("that removes the folder for its files is a fault, and the runner goes on", async () => {
    const { data, site, said } = world();
    const remove = (folder: string) =>
      `{ written: async ({ outDir }) => (await import("node:fs")).rmSync(${folder}, { recursive: true }) }`;
    const parent = '(await import("node:path")).dirname(outDir)';
    const jobs = [jobAt(await commitThat(remove("outDir"))), jobAt(await commitThat(remove(parent)))];
    site.queue.push(...jobs, exampleJob());
    const { end } = await runner();
    await until(() => site.results.length === 1);
    await end();
    const message = expect.stringMatching(/^the result cannot be signed: .*result\.json: expected a result/);
    expect(site.handBacks).toEqual(
      jobs.map(({ id }) => expect.objectContaining({ job: id, reason: "fault", message })),
    );
    expect(said).toContainEqual(expect.stringMatching(`^Job ${jobs[1]!.id}: its files cannot be kept: ENOENT`));
    expect(await namesIn(join(data, "leases"))).toEqual([]);
  });
});
