/** Jobs that name a commit, from claim to result, with real git, npm and processes. */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { type ClaimedJob, openStatement, type Progress } from "@ticketmark/core";
import { beforeEach, describe, expect, it } from "vitest";
import { VERSION } from "./code.ts";
import { BEHAVE, behaviour, trackedFiles } from "./commits-fixture.ts";
import { namesIn } from "./files.ts";
import { exampleJob, until, workersOf } from "./fixtures.ts";
import { ensureKey } from "./keys.ts";
import { eachInItsWorld } from "./loop-fixture.ts";
import { type TestRepository, testRepository } from "./mirror-fixture.ts";
import type { Tracking } from "./settings.ts";
import type { TestSite } from "./site-fixture.ts";

const world = eachInItsWorld();
let data: string;
let site: TestSite;
let said: string[];
beforeEach(() => {
  ({ data, site, said } = world());
});

let source: TestRepository;
let good: string;
beforeEach(async () => {
  source = testRepository();
  good = await source.commit(trackedFiles());
});
const BUILDER = "packages/core/src/engine/cpu/node/build.ts";
/** A commit of main whose worker behaves so. */
const commitThat = (behave: string) => source.commit({ [BEHAVE]: behaviour(behave) });

const secrets = { TICKETMARK_TOKEN: "secret-1", GITHUB_TOKEN: "secret-2" };
const tracking = (change: Partial<Tracking> = {}): Tracking => ({
  repository: source.folder,
  branches: ["main"],
  pulls: false,
  diskBytes: 1e12,
  environment: { ...process.env, ...secrets },
  ...change,
});
const runner = (change?: Partial<Tracking>) => world().runner({ tracking: tracking(change) });

const jobAt = (commit: string, pull: number | null = null): ClaimedJob => ({
  ...exampleJob(),
  kind: "confirm",
  code: { commit, pull },
});

/** What the site hears of a job that comes to nothing. */
async function faultOf(job: ClaimedJob, change?: Partial<Tracking>): Promise<string> {
  site.queue.push(job);
  const { end } = await runner(change);
  await until(() => site.handBacks.length + site.results.length > 0);
  await end();
  expect(site.results).toEqual([]);
  expect(site.handBacks[0]).toMatchObject({ job: job.id, reason: "fault" });
  return site.handBacks[0]!.message;
}

const folders = async () => {
  const [name] = await namesIn(join(data, "commits"));
  return join(data, "commits", name!);
};

describe("a job at a commit", () => {
  it("runs that commit, says so in its statement, with what was measured around it, and prepares once", async () => {
    const jobs = [jobAt(good), jobAt(good)];
    site.queue.push(...jobs);
    const { end } = await runner();
    await until(() => site.results.length === 2 && site.claims.some(({ tracks }) => tracks));
    await end();
    const { publicKey } = await ensureKey(data);
    const [first, second] = site.results.map(({ envelope }) => openStatement(envelope, publicKey).predicate);
    expect(first).toMatchObject({
      job: { id: jobs[0]!.id, kind: "confirm" },
      code: { commit: good, dirty: false, version: VERSION },
      measured: {
        peakRssBytes: 123_456_789,
        packageBytes: expect.any(Number),
        overheadSeconds: expect.any(Number),
        codeDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    });
    expect(first!.measured!.packageBytes).toBeGreaterThan(1_000);
    expect(second!.testbed).toEqual(first!.testbed);
    expect(site.claims.find(({ tracks }) => tracks)!.tracks).toEqual({ repository: source.folder, pulls: false });
    expect(said).toContainEqual(`Runs commits of ${source.folder}: main`);
    expect(said).toContainEqual(expect.stringMatching(`^✓ dense seed 0`));
    expect(await namesIn(join(await folders(), "trees"))).toEqual([good]);
  });

  it("sees no secret and none of this process's settings", async () => {
    const commit = await commitThat("{ run: () => { throw new Error(JSON.stringify(Object.keys(process.env))); } }");
    const message = await faultOf(jobAt(commit));
    expect(message).toContain('"PATH"');
    expect(message).not.toMatch(/TICKETMARK|TOKEN|VITEST/);
    expect(message).toContain(` ${BEHAVE}:1`); // the stack, for everybody to read
    expect(message).not.toContain(data);
  });

  it("opens each tree's engine once before its first run", async () => {
    const second = await commitThat("{ }");
    site.queue.push(jobAt(good), jobAt(second), jobAt(good));
    const { end } = await runner();
    await until(() => site.results.length === 3);
    await end();
    for (const commit of [good, second])
      expect(await readFile(join(await folders(), "trees", commit, "home/probed"), "utf8")).toBe("once ");
  });

  it("that cannot be built says where, without this machine's folders, and its packages take no room for long", async () => {
    const broken = await source.commit({ [BUILDER]: 'throw new Error("kernels.c:7");\n' });
    const message = await faultOf(jobAt(broken), { diskBytes: 1 });
    expect(message).toMatch(/^building the kernels .* ended with exit code 1: /);
    expect(message).toContain(`${BUILDER}:1`);
    expect(message).not.toContain(data);
    expect(await namesIn(join(await folders(), "installs"))).toEqual([]);
  });

  it("is a fault when another commit says hello", async () => {
    const liar = await commitThat(`{ code: { commit: "${"a".repeat(40)}" } }`);
    expect(await faultOf(jobAt(liar))).toBe(`expected commit ${liar} to run; the worker said ${"a".repeat(40)}`);
  });

  it("is a fault when its tree is not the commit's any more", async () => {
    const edit = `{ run: async () => (await import("node:fs")).appendFileSync("${BEHAVE}", "// more") }`;
    const editor = await commitThat(edit);
    expect(await faultOf(jobAt(editor))).toBe(`commit ${editor}: its tree was changed while it ran`);
  });

  it("whose worker talks nonsense is a fault, as often as it comes, and the runner goes on", async () => {
    const mad = await commitThat('{ run: () => new Promise(() => process.stdout.write("Segmentation fault\\n")) }');
    const [one, two] = [jobAt(mad), jobAt(mad)];
    site.queue.push(one, two, jobAt(good), exampleJob());
    const { end } = await runner();
    await until(() => site.results.length === 2);
    await end();
    const message = expect.stringMatching(
      /^the worker spoke out of turn: message: expected JSON; got "Segmentation fault"$/,
    );
    expect(site.handBacks).toEqual(
      [one, two].map(({ id }) => expect.objectContaining({ job: id, reason: "fault", message })),
    );
  });

  it("is refused, and the site hears why, where the runner's owner does not allow it", async () => {
    source.git("checkout", "-q", "-b", "other");
    const aside = await source.commit({ "note.txt": "1" });
    source.git("update-ref", "refs/pull/7/head", aside);
    source.git("checkout", "-q", "main");
    expect(await faultOf(jobAt(aside))).toMatch(`commit ${aside}: expected one of a branch that may run (main) of`);
    site.handBacks.length = 0;
    expect(await faultOf(jobAt(aside, 7))).toMatch(
      /of pull request 7: this runner was started without --allow-pull-re/,
    );
  });

  it("of a pull request leaves nothing behind", async () => {
    source.git("checkout", "-q", "--detach", good);
    const pulled = await source.commit({ "note.txt": "2" });
    source.git("update-ref", "refs/pull/8/head", pulled);
    source.git("checkout", "-q", "main");
    site.queue.push(jobAt(pulled, 8));
    const { end } = await runner({ pulls: true });
    await until(() => site.results.length === 1);
    await until(async () => (await namesIn(join(await folders(), "isolated"))).length === 0);
    await until(() => site.claims.some(({ tracks }) => tracks));
    await end();
    expect(site.claims.find(({ tracks }) => tracks)!.tracks).toEqual({ repository: source.folder, pulls: true });
    expect(await namesIn(join(await folders(), "trees"))).toEqual([]);
  });

  it("is refused by a runner that runs no code but its own", async () => {
    site.queue.push(jobAt(good));
    const { end } = await world().runner();
    await until(() => site.handBacks.length === 1);
    await end();
    expect(site.handBacks[0]!.message).toMatch(/this runner runs no code but its own/);
    expect(site.claims[0]!.tracks).toBeUndefined();
  });

  it("keeps its lease and says what it does while it is prepared; cancelled, it stops at once", async () => {
    const slow = await source.commit({ [BUILDER]: "setInterval(() => {}, 1_000);\n" });
    site.queue.push(jobAt(slow));
    const { end } = await runner();
    const isPreparing = (progress: Progress | null) => progress?.phaseName === `preparing ${slow.slice(0, 10)}`;
    await until(() => site.beats.filter(({ progress }) => isPreparing(progress)).length > 2);
    site.command = "cancel";
    await until(() => site.handBacks.length === 1);
    expect(site.handBacks[0]).toMatchObject({ reason: "cancelled" });
    await until(async () => (await namesIn(join(await folders(), "trees"))).length === 0);
    await end();
    expect(workersOf(process.pid)).toEqual([]);
  });

  it("is handed back when the runner is told to stop while it is prepared", async () => {
    const slow = await source.commit({ [BUILDER]: "setInterval(() => {}, 1_000);\n" });
    site.queue.push(jobAt(slow));
    const { end } = await runner();
    await until(() => site.beats.some(({ progress }) => progress?.phaseName.startsWith("preparing")));
    await end();
    expect(site.handBacks).toEqual([expect.objectContaining({ reason: "stopping", snapshotIteration: null })]);
  });

  it("that was finished and not signed when its runner was killed is signed as what it was", async () => {
    // A folder, which no file can replace, keeps the entry from being made.
    const obstacle = '{ run: async ({ outDir }) => (await import("node:fs")).mkdirSync(outDir + "/../job.json") }';
    const commit = await commitThat(obstacle);
    const job = jobAt(commit);
    site.queue.push(job);
    const first = await runner();
    await until(() => said.some((line) => line.includes("the result cannot be kept, trying again")));
    await first.end();
    await rm(join(data, "spool", `.ticketmark-${job.id}`, "job.json"), { recursive: true });
    const second = await world().runner(); // without the repository: there is nothing left to run
    await until(() => site.results.length === 1);
    await second.end();
    const { predicate } = openStatement(site.results[0]!.envelope, (await ensureKey(data)).publicKey);
    expect(predicate).toMatchObject({
      code: { commit, dirty: false },
      measured: { peakRssBytes: 123_456_789, packageBytes: expect.any(Number), codeDigest: expect.any(String) },
    });
  });

  it("leaves no more on the disk than it may", async () => {
    const [first, second] = [good, await commitThat("{ }")];
    site.queue.push(jobAt(first), jobAt(second));
    const { end } = await runner({ diskBytes: 0 });
    await until(() => site.results.length === 2);
    const trees = join(await folders(), "trees");
    await until(() => !existsSync(join(trees, first)) && !existsSync(join(trees, second)));
    await end();
  });
});

describe("a runner whose repository is not there", () => {
  it("says so, takes no commits, and runs what else there is", async () => {
    site.queue.push(exampleJob());
    const { end } = await runner({ repository: join(data, "nowhere") });
    await until(() => site.results.length === 1);
    await end();
    expect(site.claims[0]!.tracks).toBeUndefined();
    expect(said).toContainEqual(expect.stringMatching(/^Takes no commits for now: .*nowhere cannot be reached: /));
    await rm(join(data, "commits"), { recursive: true });
    site.queue.push(exampleJob());
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const waiting = await runner({ repository: `https://127.0.0.1:${port}/r.git` });
    await until(() => site.results.length === 2);
    await waiting.end();
    silent.close();
    site.queue.push(exampleJob());
    const other = await runner({ repository: "ext::sh -c date" });
    await until(() => site.results.length === 3);
    await other.end();
    expect(said).toContainEqual(expect.stringMatching(/^Takes no commits: repository: expected https/));
  });
});
