import {
  DEFAULT_POLICY,
  groupDigest,
  metrics,
  parseSpec,
  type Spec,
  type SpecInput,
  seriesId,
  specDigest,
  type Testbed,
  testbedDigest,
  valuesOf,
} from "@ticketmark/core";
import { eq } from "drizzle-orm";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Db } from "./client.ts";
import { addCommits } from "./commits.ts";
import { addJob } from "./jobs.ts";
import { addResult } from "./results.ts";
import { alerts, branches, commits } from "./schema.ts";
import { listSeries, readSeries } from "./series.ts";
import { addRunner, clear, someDigest, someJob, takeJob, testServers } from "./test-databases.ts";

const input: SpecInput = { dataset: "toy", model: "mlp-tiny", method: "l1", sparsity: 0.5, recipe: { epochs: 1 } };
const spec = parseSpec(input);
const group = groupDigest(spec);
const testbed: Testbed = {
  ...{ cpu: "test", cores: 2, memoryBytes: 2 ** 33, os: "linux", arch: "x64", node: "v20", engine: "cpu" },
  ...{ compiler: "gcc", threads: null, key: "0".repeat(64) },
};
const bed = testbedDigest(testbed);
const hash = (i: number) => i.toString(16).padStart(40, "0");
const idOf = (metric: string) => seriesId(group, bed, metric);

for (const server of await testServers()) {
  describe(`series on ${server.name}`, () => {
    let db: Db;
    let runner: string;
    beforeAll(async () => {
      const database = await server.empty();
      await database.migrate();
      db = database.db;
    });
    beforeEach(async () => {
      await clear(db);
      for (const table of [alerts, branches, commits]) await db.delete(table);
      runner = await addRunner(db, "desk");
    });

    /** Commits 0 … n − 1, one after the other, the last at the head of main. */
    async function makeLine(n: number): Promise<void> {
      await addCommits(
        db,
        Array.from({ length: n }, (_, i) => ({
          ...{ hash: hash(i), parents: [i === 0 ? "f".repeat(40) : hash(i - 1)] },
          ...{ subject: `change ${i}`, author: "somebody", committedAt: i * 1_000 },
        })),
      );
      await db.insert(branches).values({ name: "main", head: hash(n - 1) });
    }

    interface Measured {
      readonly seed?: number;
      readonly bits?: string;
      readonly on?: Testbed;
      readonly of?: Spec;
      readonly numerics?: number;
    }
    async function measure(commit: string, time: number, more: Measured = {}): Promise<string> {
      const { seed = 0, bits = "same", on = testbed, of = spec, numerics = 1 } = more;
      const seeded = { ...of, seed };
      await addJob(db, someJob({ spec: seeded }));
      const result = {
        ...{ outcome: "completed", message: null, numerics, ticketDigest: null, trainedDigest: someDigest() },
        ...{ trace: { head: bits, blocks: 1 }, iterationTime: { q25: time }, trainedDigest: bits },
        accuracy: { last: { correct: 90 + seed, total: 100, loss: 0.1 } },
      } as never;
      const { resultId } = await addResult(db, {
        ...(await takeJob(db, runner)),
        ...{ spec: seeded, result, specDigest: specDigest(seeded), groupDigest: groupDigest(seeded) },
        ...{ keyId: someDigest(), resultDigest: someDigest(), envelope: new Uint8Array([1]), files: [] },
        ...{ envelopeDigest: someDigest() },
        point: { commit, testbed: on, values: valuesOf(result, {}), tracked: true },
      });
      return resultId;
    }

    it("before anything is measured there is no series, and none is found", async () => {
      expect(await listSeries(db)).toEqual([]);
      for (const id of [
        "",
        "x",
        idOf("accuracy"),
        `${idOf("accuracy")}' or 1=1`,
        idOf("constructor"),
        "9".repeat(5_000),
      ])
        await expect(readSeries(db, id), id).rejects.toMatchObject({ code: "not-found" });
    });

    it("has a point a commit in the order of the line, whatever came first, and leaves other commits out", async () => {
      await makeLine(6);
      const late = await measure(hash(4), 3);
      await measure(hash(1), 1);
      await measure(hash(1), 2, { seed: 1 });
      await measure("e".repeat(40), 9);
      const series = await readSeries(db, idOf("iteration-time"));
      expect(series.points).toMatchObject([
        { commit: hash(1), subject: "change 1", author: "somebody", value: 1.5, skipped: 0, low: null },
        { commit: hash(4), value: 3, skipped: 2, runs: [{ resultId: late, seed: 0, value: 3, purpose: null }] },
      ]);
      expect(series.points[0]!.committedAt).toEqual(new Date(1_000));
      expect(series).toMatchObject({ offLine: 1, older: 0, metric: "iteration-time", groupDigest: group });
      expect(series.onTestbed).toEqual(testbed);
      expect(series.name).toBe("MLP (tiny) on Toy patterns, L1 at 50 %");
    });

    it("keeps testbeds and groups apart", async () => {
      await makeLine(2);
      const other = { ...testbed, threads: 1 };
      const dense = parseSpec({ ...input, method: "dense", sparsity: 0 });
      await measure(hash(0), 1);
      await measure(hash(0), 5, { on: other });
      await measure(hash(1), 7, { of: dense });
      expect((await readSeries(db, idOf("iteration-time"))).points.map(({ value }) => value)).toEqual([1]);
      const all = await listSeries(db);
      expect(
        all
          .filter(({ metric }) => metric === "iteration-time")
          .map(({ latest }) => latest!.value)
          .sort(),
      ).toEqual([1, 5, 7]);
      expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
      expect(all.every(({ metric }) => metrics.ids.includes(metric))).toBe(true);
    });

    it("three runs have quartiles; exact metrics are the mean over seeds", async () => {
      await makeLine(1);
      for (const [seed, time] of [10, 20, 30].entries()) await measure(hash(0), time, { seed });
      expect((await readSeries(db, idOf("iteration-time"))).points[0]).toMatchObject({ value: 20, low: 15, high: 25 });
      expect((await readSeries(db, idOf("accuracy"))).points[0]!.value).toBeCloseTo(0.91, 12);
    });

    it("holds exact metrics against each other over the seeds of both, and says which are missing", async () => {
      await makeLine(3);
      for (const seed of [0, 1, 2]) await measure(hash(0), 1, { seed });
      for (const seed of [0, 1]) await measure(hash(1), 1, { seed });
      const read = async () => readSeries(db, idOf("accuracy"));
      expect((await read()).points[1]).toMatchObject({
        value: 0.905,
        missing: [2],
        step: { before: 0.905, after: 0.905 },
      });
      expect((await read()).latest).toMatchObject({ value: 0.905, before: 0.905, change: 0, verdict: "steady" });
      expect((await readSeries(db, idOf("iteration-time"))).points[1]!.missing).toEqual([]);
      for (const seed of [1, 2]) await measure(hash(2), 1, { seed });
      const { points } = await read();
      expect(points.map(({ missing }) => missing)).toEqual([[], [2], [0]]);
      expect(points[2]!.step).toEqual({ before: expect.closeTo(0.91, 12), after: expect.closeTo(0.91, 12) });
      expect((await read()).latest).toMatchObject({ before: expect.closeTo(0.915, 12), verdict: "steady" });
      await measure(hash(1), 1, { seed: 2 });
      for (const seed of [7]) await measure(hash(2), 1, { seed, of: spec });
      expect((await read()).points[1]!.missing).toEqual([]);
    });

    it("a suspicion of a measured number is not certain before it is confirmed; an exact one is", async () => {
      await makeLine(4);
      for (let i = 0; i < 3; i++) await measure(hash(i), 1, { seed: 1 });
      await measure(hash(3), 2, { seed: 1 });
      const latest = async (metric: string) => (await readSeries(db, idOf(metric))).latest;
      expect(await latest("iteration-time")).toMatchObject({ verdict: "worse", certain: false });
      expect(await latest("accuracy")).toMatchObject({ verdict: "steady", certain: true });
      const finding = { groupDigest: group, testbed: bed, metric: "iteration-time" } as never;
      await db.insert(alerts).values({ commit: hash(3), parent: hash(2), findings: [finding] });
      expect(await latest("iteration-time")).toMatchObject({ verdict: "worse", certain: true });
    });

    it("all metrics of a group stand against the points since its last confirmed change", async () => {
      await makeLine(5);
      for (let i = 0; i < 5; i++) await measure(hash(i), i < 2 ? 1 : 2);
      const finding = { groupDigest: group, testbed: bed, metric: "accuracy" } as never;
      await db.insert(alerts).values({ commit: hash(2), parent: hash(1), findings: [finding] });
      expect((await readSeries(db, idOf("iteration-time"))).latest).toMatchObject({ before: 2, change: 0 });
    });

    it("numbers the bits; a change that is taken back gets its old number", async () => {
      await makeLine(5);
      const bits = ["a", "b", "b", "a", "c"];
      for (const [i, one] of bits.entries()) await measure(hash(i), 1, { bits: one, numerics: i === 4 ? 2 : 1 });
      const { points } = await readSeries(db, idOf("accuracy"));
      expect(points.map((point) => point.bits)).toEqual([0, 1, 1, 0, 2]);
      expect(points.map((point) => point.numerics)).toEqual([1, 1, 1, 1, 2]);
      await measure(hash(0), 1, { on: { ...testbed, engine: "cuda" } });
      const cuda = await readSeries(db, seriesId(group, testbedDigest({ ...testbed, engine: "cuda" }), "accuracy"));
      expect(cuda.points[0]!.bits).toBeNull();
    });

    it("finds a change of level and names the commits on both sides; the list has the last one", async () => {
      await makeLine(40);
      for (let i = 0; i < 40; i++) await measure(hash(i), (i < 20 ? 1 : 1.2) * (1 + ((i * 7) % 11) / 1_000));
      const series = await readSeries(db, idOf("iteration-time"));
      expect(series.changePoints).toMatchObject([{ index: 20, commit: hash(20), parent: hash(19) }]);
      expect(series.changePoints[0]!.change).toBeCloseTo(0.2, 2);
      const listed = (await listSeries(db)).find(({ id }) => id === series.id)!;
      expect(listed).toMatchObject({ commits: 40, lastChange: { commit: hash(20) }, latest: { commit: hash(39) } });
    });

    it("the band is the gate's: from the points before, anew after a confirmed change, none without a rule", async () => {
      await makeLine(10);
      for (let i = 0; i < 10; i++) await measure(hash(i), i < 8 ? 1 : 2);
      const bands = async () => (await readSeries(db, idOf("iteration-time"))).points.map(({ band }) => band?.level);
      expect(await bands()).toEqual([undefined, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
      expect((await readSeries(db, idOf("iteration-time"))).latest).toMatchObject({ before: 1, verdict: "worse" });
      const finding = { groupDigest: group, testbed: bed, metric: "iteration-time" } as never;
      const [alert] = await db
        .insert(alerts)
        .values({ commit: hash(8), parent: hash(7), findings: [finding] })
        .returning();
      expect(await bands()).toEqual([undefined, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
      const series = await readSeries(db, idOf("iteration-time"));
      expect(series.alerts).toEqual([{ id: alert!.id, state: "open", commit: hash(8), index: 8, own: true }]);
      expect(series.latest).toMatchObject({ before: 2, change: 0, verdict: "steady" });
      expect((await readSeries(db, idOf("accuracy"))).alerts).toMatchObject([{ own: false }]);

      const { "iteration-time": _, ...others } = DEFAULT_POLICY.metrics;
      await db.update(branches).set({ policy: { ...DEFAULT_POLICY, metrics: others } });
      const unwatched = await readSeries(db, idOf("iteration-time"));
      expect(unwatched.rule).toBeNull();
      expect(unwatched.points.every(({ band }) => band === null)).toBe(true);
    });

    it("what was read is read again when results, commits, heads or alerts change, and not before", async () => {
      await makeLine(3);
      await measure(hash(0), 1);
      const first = await readSeries(db, idOf("iteration-time"));
      expect(await readSeries(db, idOf("iteration-time"))).toBe(first);
      expect(await listSeries(db)).toBe(await listSeries(db));
      await measure(hash(2), 1);
      expect((await readSeries(db, idOf("iteration-time"))).points).toHaveLength(2);
      await db
        .update(branches)
        .set({ head: hash(1) })
        .where(eq(branches.name, "main"));
      expect((await readSeries(db, idOf("iteration-time"))).points).toHaveLength(1);
      await db.insert(alerts).values({ commit: hash(0), parent: hash(1), findings: [] });
      expect((await readSeries(db, idOf("iteration-time"))).alerts).toHaveLength(1);
    });
  });
}
