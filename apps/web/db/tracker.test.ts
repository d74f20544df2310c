/**
 * The tracker against a simulated branch: a runner that claims what is queued and returns made-up measurements. Planted
 * changes are found on their commit, harmless commits raise no alert.
 */
import { type Finding, type Policy, type Result, type Spec, type Testbed, testbedDigest } from "@ticketmark/core";
import { asc, eq } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { pass } from "../track/pass.ts";
import type { Db } from "./client.ts";
import { addTry, findInvestigation } from "./investigations.ts";
import { claim } from "./leases.ts";
import { addResult } from "./results.ts";
import { alerts, branches, commits, investigations, jobs, runners } from "./schema.ts";
import { addRunner, clear, environment, someDigest, testServers } from "./test-databases.ts";

const REPOSITORY = "https://example.org/sparse.git";
process.env.TICKETMARK_REPOSITORY = REPOSITORY;
/** The same, as runners name it. */
const NAMED = "ssh://git@example.org/sparse";

const recipe = { epochs: 1 };
const specs = [0, 1].flatMap((seed) => [
  { dataset: "toy", model: "mlp-tiny", method: "dense", recipe, seed, protocol: "paper" as const },
  { dataset: "toy", model: "mlp-tiny", method: "random", sparsity: 0.5, recipe, seed, protocol: "paper" as const },
]);
const policy: Policy = {
  version: 1,
  track: { specs },
  backfill: 40,
  metrics: {
    accuracy: { floor: 0.002, spread: 3, rounds: 1 },
    "iteration-time": { floor: 0.05, spread: 3, rounds: 8 },
    "peak-memory": { floor: 0.05, spread: 3, rounds: 8 },
    "package-size": { floor: 0.01, spread: 3, rounds: 1 },
  },
};

/** What a commit does to a run of a spec. */
interface Made {
  readonly bits: number;
  readonly numerics: number;
  readonly values: Record<string, number>;
}
type World = (place: number, spec: Spec, noise: () => number) => Partial<Made> | "broken";

const nameOf = (place: number): string => (place + 1).toString(16).padStart(40, "0");
const placeOf = (commit: string): number => Number.parseInt(commit, 16) - 1;

/** Repeatable noise, roughly normal, of unit size. */
function noiseFrom(seed: number): () => number {
  let state = seed;
  const uniform = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return () => uniform() + uniform() + uniform() + uniform() - 2;
}

for (const server of await testServers()) {
  describe(`the tracker on ${server.name}`, () => {
    let db: Db;
    let runner: string;
    const testbed: Testbed = {
      ...{ cpu: "a chip", cores: 2, memoryBytes: 2 ** 33, os: "Linux", arch: "x64", node: "v20" },
      ...{ engine: "cpu", compiler: "cc", threads: null, key: someDigest() },
    };
    beforeAll(async () => {
      const database = await server.empty();
      await database.migrate();
      db = database.db;
    });
    beforeEach(async () => {
      await clear(db);
      runner = await addRunner(db, "tracker");
      await track(runner);
    });
    afterAll(() => {
      delete process.env.TICKETMARK_REPOSITORY;
    });

    const track = (id: string) =>
      db
        .update(runners)
        .set({ trusted: true, tracks: { repository: NAMED, pulls: false } })
        .where(eq(runners.id, id));

    async function branchOf(length: number): Promise<void> {
      await db
        .insert(commits)
        .values(
          Array.from({ length }, (_, place) => ({
            ...{ hash: nameOf(place), subject: `change ${place}`, author: "tests" },
            parents: place === 0 ? [] : [nameOf(place - 1)],
            committedAt: new Date(1_700_000_000_000 + place * 60_000),
          })),
        )
        .onConflictDoNothing();
      const head = nameOf(length - 1);
      await db
        .insert(branches)
        .values({ name: "main", head, scannedHead: head, policy })
        .onConflictDoUpdate({ target: branches.name, set: { head, scannedHead: head } });
    }

    /** Runs everything that is queued, pass by pass, until nothing is left. Returns the order of commits that were run. */
    async function runAll(world: World, { most = 3_000, on = testbed } = {}): Promise<number[]> {
      const noise = noiseFrom(7);
      const order: number[] = [];
      for (let n = 0; n < most; n++) {
        await pass(db);
        const lease = { hash: someDigest(), nonce: someDigest(), seconds: 120 };
        const offer = {
          ...{ kinds: ["run" as const, "confirm" as const], engines: ["auto" as const], environment, snapshots: [] },
          tracks: { repository: NAMED, pulls: false },
        };
        const job = await claim(db, runner, offer, lease, REPOSITORY);
        if (!job) return order;
        const spec = job.spec as Spec;
        const place = placeOf(job.code!.commit);
        order.push(place);
        const made = world(place, spec, noise);
        if (made === "broken") {
          await db.update(jobs).set({ state: "failed", message: "no such workspace" }).where(eq(jobs.id, job.id));
          continue;
        }
        const bits = `${made.bits ?? 0}${spec.seed}`.padStart(64, "0");
        const result = {
          ...{
            outcome: "completed",
            numerics: made.numerics ?? 1,
            ticketDigest: bits,
            trainedDigest: bits,
            message: null,
          },
          trace: { every: 100, blocks: 1, head: bits, marks: bits.slice(-8) },
          phases: [{ name: "final training", part: "final", iterations: 80, batchSize: 60, sparsity: 0, seconds: 1 }],
          accuracy: { last: { correct: 900 - (made.bits ?? 0), total: 1_000, loss: 0.3 } },
        } as unknown as Result;
        const [row] = await db.select().from(jobs).where(eq(jobs.id, job.id));
        await addResult(db, {
          ...{ jobId: job.id, leaseHash: lease.hash, runnerId: runner, keyId: someDigest(), spec, result },
          ...{ specDigest: row!.specDigest, groupDigest: row!.groupDigest, resultDigest: someDigest() },
          ...{ envelope: new Uint8Array([1]), envelopeDigest: someDigest(), files: [] },
          point: { commit: job.code!.commit, testbed: on, values: valuesOf(made, noise), tracked: true },
        });
      }
      throw new Error(`still not done after ${most} jobs`);
    }

    /** 1 % of noise on a machine that sometimes takes half as long again. */
    function valuesOf({ bits = 0, values = {} }: Partial<Made>, noise: () => number): Record<string, number> {
      const slow = noise() > 1.2 ? 1.5 : 1;
      return {
        accuracy: (900 - bits) / 1_000,
        "final-loss": 0.3 + bits / 100,
        "package-size": values["package-size"] ?? 1e6,
        "peak-memory": (values["peak-memory"] ?? 2e8) * (1 + 0.005 * noise()),
        "iteration-time": (values["iteration-time"] ?? 1) * slow * (1 + 0.01 * noise()),
      };
    }

    const found = () => db.select().from(alerts).orderBy(asc(alerts.seq));
    const lines = (all: readonly { readonly commit: string; readonly findings: readonly Finding[] }[]) =>
      Object.fromEntries(
        all.map(({ commit, findings }) => [
          placeOf(commit),
          [...new Set(findings.map(({ kind, metric }) => `${kind} ${metric}`))].sort(),
        ]),
      );

    it("runs the head first, then the oldest, then middles of gaps; a new head before what is left", async () => {
      await branchOf(9);
      const order = await runAll(() => ({}), { most: 400 });
      const first = [...new Set(order)];
      expect(first.slice(0, 3)).toEqual([8, 0, 4]);
      expect(first.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
      await branchOf(10);
      await pass(db);
      const waiting = await db.select().from(jobs).where(eq(jobs.state, "queued"));
      expect(new Set(waiting.map(({ commit, purpose }) => `${placeOf(commit!)} ${purpose}`))).toEqual(
        new Set(["9 track"]),
      );
      await branchOf(12);
      await pass(db);
      const now = await db.select().from(jobs).where(eq(jobs.state, "queued")).orderBy(asc(jobs.position));
      expect(now.map(({ commit, priority }) => [placeOf(commit!), priority])).toEqual([
        ...new Array(4).fill([9, -10]),
        ...new Array(4).fill([11, 0]),
      ]);
    });

    it("runs nothing of a head whose policy no scan has told", async () => {
      await branchOf(3);
      await db.update(branches).set({ scannedHead: nameOf(1) });
      expect(await runAll(() => ({}))).toEqual([]);
      await db.update(branches).set({ scannedHead: nameOf(2) });
      expect(new Set(await runAll(() => ({})))).toEqual(new Set([2, 0, 1]));
    });

    it("goes on with what it looks into when a push comes before its scan", async () => {
      await branchOf(6);
      const world: World = (place) => ({ bits: place >= 3 ? 1 : 0 });
      await runAll(world, { most: 10 }).catch(() => {});
      expect((await db.select().from(investigations)).some(({ state }) => state === "running")).toBe(true);
      await db.insert(commits).values({
        ...{ hash: nameOf(6), subject: "pushed", author: "tests", parents: null, committedAt: new Date() },
      });
      await db.update(branches).set({ head: nameOf(6) });
      await pass(db);
      expect((await db.select().from(investigations)).map(({ state }) => state)).not.toContain("abandoned");
      await db
        .update(commits)
        .set({ parents: [nameOf(5)] })
        .where(eq(commits.hash, nameOf(6)));
      await db.update(branches).set({ scannedHead: nameOf(6) });
      await runAll(world);
      expect(lines(await found())).toEqual({ 3: ["behaviour behaviour"] });
    });

    it("follows no runner that nobody trusts", async () => {
      await branchOf(3);
      await db.update(runners).set({ trusted: false });
      expect(await runAll(() => ({}))).toEqual([]);
    });

    it("finds planted changes on their commits, and nothing on harmless ones", async () => {
      await branchOf(24);
      await runAll((place) => ({
        bits: place >= 9 ? 1 : 0,
        values: {
          "iteration-time": place >= 5 ? 1.1 : 1,
          "peak-memory": place >= 15 ? 2.4e8 : 2e8,
          "package-size": place >= 19 ? 1.2e6 : 1e6,
        },
      }));
      const all = await found();
      expect(lines(all)).toEqual({
        5: ["regression iteration-time"],
        9: ["behaviour behaviour"],
        15: ["regression peak-memory"],
        19: ["regression package-size"],
      });
      for (const { commit, parent, state } of all) {
        expect(placeOf(parent)).toBe(placeOf(commit) - 1);
        expect(state).toBe("open");
      }
      const [slow, other, leak] = all.toSorted((a, b) => placeOf(a.commit) - placeOf(b.commit));
      expect(slow!.findings).toHaveLength(2); // both groups, one alert
      for (const { change, p, interval, rounds } of slow!.findings) {
        expect(change).toBeCloseTo(0.1, 1);
        expect(p).toBeLessThanOrEqual(0.01);
        expect(interval![0]).toBeLessThanOrEqual(change!);
        expect(rounds).toBeGreaterThanOrEqual(8);
      }
      expect(other!.findings[0]).toMatchObject({ first: { seed: 0, block: 0, phase: "final training", iteration: 0 } });
      expect(leak!.findings[0]!.change).toBeCloseTo(0.2, 1);
    });

    it("finds two changes that hide behind each other in one gap", async () => {
      await branchOf(2);
      await db.update(branches).set({ policy: { ...policy, backfill: 0 } });
      const world: World = (place) => ({
        bits: place >= 8 ? 2 : place >= 3 ? 1 : 0,
        values: { "iteration-time": place >= 10 ? 1.5 : place >= 5 ? 1.2 : 1 },
      });
      await runAll(world);
      await branchOf(13);
      await runAll(world);
      expect(lines(await found())).toEqual({
        3: ["behaviour behaviour"],
        5: ["regression iteration-time"],
        8: ["behaviour behaviour"],
        10: ["regression iteration-time"],
      });
    });

    it("an A/A line of 30 commits raises no alert, whatever the machine does", async () => {
      await branchOf(30);
      await runAll(() => ({}));
      expect(await found()).toEqual([]);
    });

    it("calls other bits intended where NUMERICS was raised, and tells what became better", async () => {
      await branchOf(6);
      await runAll((place) => ({
        bits: place >= 3 ? 1 : 0,
        numerics: place >= 3 ? 2 : 1,
        values: { "iteration-time": place >= 4 ? 0.8 : 1 },
      }));
      const all = await found();
      expect(lines(all)).toEqual({ 3: ["intended behaviour"], 4: ["improvement iteration-time"] });
      expect(all.map(({ state }) => state).sort()).toEqual(["intended", "resolved"]);
    });

    it("passes by commits that cannot be run, and says between which two the change lies", async () => {
      await branchOf(8);
      await runAll((place) => (place === 4 ? "broken" : { bits: place >= 4 ? 1 : 0 }));
      const all = await found();
      expect(all.map(({ commit, parent }) => [placeOf(parent), placeOf(commit)])).toEqual([[3, 5]]);
    });

    it("never holds two testbeds against each other", async () => {
      await branchOf(4);
      await runAll(() => ({}));
      await branchOf(8);
      const faster = { ...testbed, os: "Linux 2" };
      expect(testbedDigest(faster)).not.toBe(testbedDigest(testbed));
      await runAll(() => ({ values: { "iteration-time": 0.5 } }), { on: faster });
      expect(await found()).toEqual([]);
      expect(await db.select().from(investigations)).toEqual([]);
    });

    it("a try runs both commits in turns, opens no alert, and says what differs", async () => {
      await branchOf(3);
      await db.insert(commits).values({
        ...{ hash: nameOf(90), subject: "a fork", author: "tests", parents: [nameOf(1)], committedAt: new Date() },
      });
      await runAll(() => ({}));
      const { id } = await addTry(db, { base: nameOf(1), head: nameOf(90), pull: null, createdBy: "tests" });
      await runAll((place) => ({ values: { "iteration-time": place === 90 ? 1.3 : 1 } }));
      const one = (await findInvestigation(db, id))!;
      expect(one.state).toBe("confirmed");
      expect(one.findings.map(({ kind, metric }) => `${kind} ${metric}`)).toEqual(
        new Array(2).fill("regression iteration-time"),
      );
      expect(await found()).toEqual([]);
      const again = await addTry(db, { base: nameOf(1), head: nameOf(90), pull: null, createdBy: "tests" });
      await runAll(() => ({}));
      expect(await findInvestigation(db, again.id)).toMatchObject({ state: "dismissed", findings: [] });
    });

    it("gives up what its runner can no longer measure on the same testbed", async () => {
      await branchOf(2);
      await runAll((place) => ({ bits: place }), { most: 8 }).catch(() => {});
      expect(await db.select().from(investigations)).toMatchObject([{ state: "running", metrics: ["behaviour"] }]);
      await runAll((place) => ({ bits: place }), { on: { ...testbed, os: "Linux 2" } });
      const [one] = await db
        .select()
        .from(investigations)
        .where(eq(investigations.testbed, testbedDigest(testbed)));
      expect(one).toMatchObject({ state: "abandoned" });
      expect(one!.steps.at(-1)!.text).toMatch(/testbed is no more/);
    });
  });
}
