import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ClaimedJob, digestOf, Problem } from "@ticketmark/core";
import { beforeEach, describe, expect, it } from "vitest";
import { exampleJob, exampleOutput, exampleRun } from "./fixtures.ts";
import { Leases } from "./leases.ts";
import { FILE_NAMES, RUN_FILE, Spool } from "./spool.ts";

const ignore = () => {};
/** Longer than a tick of the clock that file systems take their times from: 4 ms on Linux. */
const TICK_MS = 20;

let data: string;
let spool: Spool;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "ticketmark-spool-"));
  spool = new Spool(data);
  await spool.open([]);
});

async function put(job: ClaimedJob): Promise<void> {
  const { envelope, files } = exampleOutput(job);
  const folder = await spool.stage(job.id);
  for (const kind of ["result", "ticket", "trained"] as const)
    await writeFile(join(folder, FILE_NAMES[kind]), files[kind]);
  await spool.keepFinished(job.id, exampleRun(digestOf(files.result)));
  await spool.commit(job, envelope);
}

describe("spool", () => {
  it("gives back what was put in, until it is removed", async () => {
    const job = exampleJob();
    await put(job);
    expect(await spool.waiting()).toEqual([job.id]);
    const entry = await spool.read(job.id);
    expect(entry.job).toEqual(job);
    expect(entry.envelope.payloadType).toBe("application/vnd.in-toto+json");
    expect(entry.files.map(({ kind }) => kind)).toEqual(["result", "ticket", "trained"]);
    expect(entry.files[1]!.digest).toBe(entry.result.ticketDigest);
    await spool.remove(job.id);
    expect(await readdir(join(data, "spool"))).toEqual([]);
  });

  it("does not list what was only staged, and forgets it at the next start", async () => {
    const job = exampleJob();
    await writeFile(join(await spool.stage(job.id), FILE_NAMES.result), "half");
    expect(await spool.waiting()).toEqual([]);
    await new Spool(data).open([]);
    expect(await readdir(join(data, "spool"))).toEqual([]);
  });

  it("keeps a finished run whose lease is held, over a restart", async () => {
    const [held, lost, half, alien] = [exampleJob(), exampleJob(), exampleJob(), exampleJob()];
    const run = exampleRun("a".repeat(64));
    for (const job of [held, lost, half]) {
      await spool.stage(job.id);
      await spool.keepFinished(job.id, run);
    }
    await writeFile(join(spool.staged(half.id), RUN_FILE), '{"code":');
    const again = new Spool(data);
    for (const folder of [await spool.stage(alien.id), spool.staged(alien.id)])
      await writeFile(join(folder, RUN_FILE), JSON.stringify(run)); // a worker's doing: it has not ended
    expect(await spool.finished(alien.id)).toBeNull();
    await again.open([held.id, half.id, alien.id]);
    expect(await again.finished(held.id)).toEqual(run);
    expect(await readdir(join(data, "spool"))).toEqual([`.ticketmark-${held.id}`]);
  });

  it("takes from a worker its files, by name, and nothing else that it left", async () => {
    const job = exampleJob();
    const { envelope, files } = exampleOutput(job);
    const out = await spool.stage(job.id);
    await writeFile(join(out, FILE_NAMES.result), files.result);
    for (const name of [RUN_FILE, "job.json", "later"]) await writeFile(join(out, name), "{}");
    const run = exampleRun(digestOf(files.result));
    for (const _ of [1, 2]) await spool.keepFinished(job.id, run);
    expect(await spool.finished(job.id)).toEqual(run);
    await spool.commit(job, envelope);
    const names = ["envelope.json", "job.json", FILE_NAMES.result, RUN_FILE];
    expect((await readdir(join(data, "spool", job.id))).sort()).toEqual(names);
  });

  it("has the oldest first, behind the others what the site fails on, and nothing of anybody else", async () => {
    const jobs = [exampleJob(), exampleJob(), exampleJob()];
    for (const job of jobs) {
      await put(job);
      await sleep(TICK_MS);
    }
    await writeFile(join(data, "spool", "note.txt"), "mine");
    const [first, second, third] = jobs.map(({ id }) => id);
    expect(await spool.waiting()).toEqual([first, second, third]);
    await spool.putLater(first!);
    expect(await spool.waiting()).toEqual([second, third, first]);
    await spool.putLater(second!);
    await sleep(TICK_MS);
    await spool.putLater(first!);
    expect(await spool.waiting()).toEqual([third, second, first]);
  });

  it("keeps what the site refused, with the reason, as often as it happens", async () => {
    const job = exampleJob();
    for (const time of [1, 2]) {
      await put(job);
      const where = await spool.refuse(job.id, new Problem("bad-signature", `refused, ${time}`));
      expect(await spool.waiting()).toEqual([]);
      expect(JSON.parse(await readFile(join(where, "problem.json"), "utf8"))).toMatchObject({
        detail: `refused, ${time}`,
      });
      expect(await readdir(where)).toContain(FILE_NAMES.trained);
    }
    expect(await readdir(join(data, "refused"))).toHaveLength(2);
  });

  it("names what is damaged", async () => {
    const job = exampleJob();
    await put(job);
    await writeFile(join(data, "spool", job.id, FILE_NAMES.result), "{}");
    await expect(spool.read(job.id)).rejects.toThrow(/result\.json/);
  });

  it("holds whole entries only, whenever its process is killed", async () => {
    const source = `
      import { writeFileSync } from "node:fs";
      import { exampleJob, exampleOutput, exampleRun } from ${JSON.stringify(new URL("./fixtures.ts", import.meta.url).href)};
      import { FILE_NAMES, Spool } from ${JSON.stringify(new URL("./spool.ts", import.meta.url).href)};
      const spool = new Spool(${JSON.stringify(data)});
      await spool.open([]);
      console.log("open");
      for (let i = 0; ; i++) {
        const job = exampleJob();
        const { envelope, files } = exampleOutput(job);
        const folder = await spool.stage(job.id);
        for (const [kind, bytes] of Object.entries(files)) writeFileSync(folder + "/" + FILE_NAMES[kind], bytes);
        await spool.keepFinished(job.id, exampleRun("a".repeat(64)));
        await spool.commit(job, envelope);
        if (i % 2) await spool.remove(job.id);
      }`;
    const before = new Set<string>();
    for (let kill = 0; kill < 5; kill++) {
      const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", source], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await new Promise((resolve) => child.stdout.once("data", resolve));
      await new Promise((resolve) => setTimeout(resolve, 30 + 37 * kill));
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await gone;
      await new Spool(data).open([]);
      const waiting = await spool.waiting();
      for (const id of before) expect(waiting).toContain(id); // a restart loses nothing
      for (const id of waiting) {
        const { job, files, result } = await spool.read(id);
        expect(job.id).toBe(id);
        expect(files.map(({ digest }) => digest)).toEqual([
          expect.any(String),
          result.ticketDigest,
          result.trainedDigest,
        ]);
        before.add(id);
      }
    }
    expect(before.size).toBeGreaterThan(0);
  });
});

describe("leases", () => {
  it("are there after a restart, until dropped", async () => {
    const leases = new Leases(data);
    await leases.open();
    const [one, two] = [exampleJob(), exampleJob()];
    await leases.keep(one);
    await leases.keep(two);
    const again = new Leases(data);
    await again.open();
    expect((await again.held(ignore)).map(({ id }) => id).sort()).toEqual([one.id, two.id].sort());
    await again.drop(one.id);
    expect(await leases.held(ignore)).toEqual([two]);
  });

  it("have the same token for the next claim until a job came of it", async () => {
    const leases = new Leases(data);
    await leases.open();
    const token = await leases.nextToken();
    expect(token).toMatch(/^[\w-]{43}$/);
    const again = new Leases(data);
    await again.open();
    expect(await again.nextToken()).toBe(token);
    expect(await leases.held(ignore)).toEqual([]);
    const job = exampleJob();
    await again.keep({ ...job, lease: { ...job.lease, token } });
    const next = await again.nextToken();
    expect(next).not.toBe(token);
    await again.keep(exampleJob()); // of an earlier claim
    expect(await again.nextToken()).toBe(next);
  });

  it("that are damaged are set aside, aloud, and other files are left alone", async () => {
    const leases = new Leases(data);
    await leases.open();
    const [whole, cut, other] = [exampleJob(), exampleJob(), exampleJob()];
    for (const job of [whole, cut, other]) await leases.keep(job);
    await writeFile(join(data, "leases", `${cut.id}.json`), '{"id":');
    await writeFile(join(data, "leases", `${other.id}.json`), JSON.stringify(whole));
    await writeFile(join(data, "leases", "note.json"), "mine");
    const said: string[] = [];
    expect(await leases.held((why) => said.push(why))).toEqual([whole]);
    expect(said).toHaveLength(2);
    expect(said.join()).toContain(cut.id);
    expect(await leases.held(() => expect.unreachable())).toEqual([whole]);
    expect((await readdir(join(data, "leases"))).sort()).toEqual(
      [`${cut.id}.damaged`, `${other.id}.damaged`, `${whole.id}.json`, "note.json"].sort(),
    );
  });

  it("do not include half-written ones", async () => {
    const leases = new Leases(data);
    await leases.open();
    await mkdir(join(data, "leases"), { recursive: true });
    await writeFile(join(data, "leases", ".ticketmark-x"), "{");
    expect(await leases.held(ignore)).toEqual([]);
  });
});
