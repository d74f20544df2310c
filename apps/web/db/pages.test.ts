import type { Result, Score, Spec } from "@ticketmark/core";
import { eq } from "drizzle-orm";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Db } from "./client.ts";
import { addJob } from "./jobs.ts";
import { listPairs, listRuns } from "./leaderboard.ts";
import { groupOf, latestResults, listRunners, provenanceOf, siteCounts } from "./pages.ts";
import { addResult, setCheck } from "./results.ts";
import { files, jobs, results, runners } from "./schema.ts";
import { addRunner, clear, someDigest, someJob, somePoint, takeJob, testServers } from "./test-databases.ts";

const score = (correct: number): Score => ({ correct, total: 10_000, loss: 0.1 });

function specOf(more: Partial<Spec> = {}): Spec {
  return {
    ...{ dataset: "mnist", model: "lenet-300-100", method: { id: "rst" }, sparsity: 0.98, scope: "uniform", seed: 0 },
    ...{ recipe: {} as never, protocol: "paper" },
    ...more,
  } as Spec;
}

const trace = { every: 100, blocks: 1, head: someDigest() };
const completed = (correct: number) =>
  ({
    outcome: "completed",
    message: null,
    accuracy: {
      last: score(correct),
      best: { score: score(correct + 1), iteration: 5 },
      afterCut: score(5_000),
      beforeCut: null,
      validation: null,
    },
    sparsity: { real: 0.976, effective: null, compression: 39.7, theoreticalSpeedup: 42 },
    cost: { methodIterations: 2_000, methodExamples: 120_000, finalIterations: 5_000, finalExamples: 300_000 },
    seconds: 12.5,
    trace,
  }) as unknown as Result;

const diverged = {
  outcome: "diverged",
  message: "final training, iteration 6: the loss is not finite",
  accuracy: null,
  sparsity: null,
  cost: { methodIterations: 0, methodExamples: 0, finalIterations: 6, finalExamples: 360 },
  seconds: 0.1,
  trace,
} as unknown as Result;

for (const server of await testServers()) {
  describe(`pages on ${server.name}`, () => {
    let db: Db;
    let runner: string;
    beforeAll(async () => {
      const database = await server.empty();
      await database.migrate();
      db = database.db;
    });
    beforeEach(async () => {
      await clear(db);
      runner = await addRunner(db, "desk");
    });

    async function take(spec: Spec) {
      await addJob(db, someJob({ spec }));
      return takeJob(db, runner);
    }

    async function store(spec: Spec, result: Result, groupDigest = someDigest()): Promise<string> {
      const { resultId } = await addResult(db, {
        ...(await take(spec)),
        ...{ spec, result, groupDigest, keyId: someDigest(), specDigest: someDigest(), resultDigest: someDigest() },
        ...{ envelope: new Uint8Array([1]), envelopeDigest: someDigest(), files: [], point: somePoint },
      });
      return resultId;
    }

    it("reads a leaderboard's runs with their measures, oldest first; a diverged one has none", async () => {
      const group = someDigest();
      const first = await store(specOf(), completed(9_570), group);
      await store(specOf({ seed: 1 }), diverged, group);
      await store(specOf({ dataset: "toy" }), completed(9_000));
      const runs = await listRuns(db, "mnist", "lenet-300-100");
      expect(runs).toHaveLength(2);
      expect(runs[0]).toMatchObject({
        ...{ id: first, groupDigest: group, outcome: "completed", message: null, accuracy: 0.957, afterCut: 0.5 },
        ...{
          testImages: 10_000,
          realSparsity: 0.976,
          compression: 39.7,
          methodExamples: 120_000,
          finalExamples: 300_000,
        },
        ...{ methodIterations: 2_000, finalIterations: 5_000, seconds: 12.5, level: "signed", refuted: false },
        runner: "desk",
      });
      expect(runs[0]!.receivedAt).toBeInstanceOf(Date);
      expect(runs[1]).toMatchObject({
        outcome: "diverged",
        message: diverged.message,
        accuracy: null,
        testImages: null,
      });
      expect(await groupOf(db, group)).toMatchObject([{ seed: 0 }, { seed: 1 }]);
    });

    it("what was read is read again when a result comes in or a check ends", async () => {
      const id = await store(specOf(), completed(9_570));
      const before = await listRuns(db, "mnist", "lenet-300-100");
      expect(await listRuns(db, "mnist", "lenet-300-100")).toBe(before);
      await setCheck(db, id, { ok: false, message: "9,569 images", last: score(9_569), afterCut: null, at: 0 });
      expect((await listRuns(db, "mnist", "lenet-300-100"))[0]).toMatchObject({ refuted: true, level: "signed" });
      await store(specOf({ seed: 1 }), completed(9_580));
      expect(await listRuns(db, "mnist", "lenet-300-100")).toHaveLength(2);
    });

    it("what was read is read again when a result commits after one with a later number", async () => {
      const early = await store(specOf(), completed(9_570));
      await db.update(results).set({ seq: 1_000_000 }).where(eq(results.id, early));
      expect(await listRuns(db, "mnist", "lenet-300-100")).toHaveLength(1);
      await store(specOf({ seed: 1 }), completed(9_580));
      expect(await listRuns(db, "mnist", "lenet-300-100")).toHaveLength(2);
    });

    it("pairs come with most results first", async () => {
      await store(specOf({ dataset: "toy" }), completed(9_000));
      await store(specOf(), completed(9_570));
      await store(specOf({ seed: 1 }), completed(9_580));
      const pairs = await listPairs(db);
      expect(pairs.map((pair) => [pair.dataset, pair.results])).toEqual([
        ["mnist", 2],
        ["toy", 1],
      ]);
    });

    it("counts results, runners online, and jobs; lists the newest results and what runners do", async () => {
      await store(specOf(), completed(9_570));
      const newest = await store(specOf({ seed: 1 }), completed(9_580));
      const { jobId } = await take(specOf({ seed: 2 }));
      await addJob(db, someJob({ spec: specOf({ seed: 3 }) }));
      const away = await addRunner(db, "away");
      await db
        .update(runners)
        .set({ lastSeenAt: new Date(0) })
        .where(eq(runners.id, away));

      expect(await siteCounts(db)).toEqual({ results: 2, online: 1, running: 1, queued: 1 });
      expect(await latestResults(db, 1)).toMatchObject([{ id: newest, seed: 1, accuracy: 0.958, runner: "desk" }]);
      expect(await listRunners(db)).toMatchObject([
        { name: "desk", online: true, results: 2, job: { id: jobId, commit: null } },
        { name: "away", online: false, results: 0, job: null },
      ]);
    });

    it("a runner with a lost job's lease is listed once, with the job it took last", async () => {
      await take(specOf());
      await db.update(jobs).set({ startedAt: new Date(0) });
      const { jobId } = await take(specOf({ seed: 1 }));
      expect((await listRunners(db)).map((row) => row.job?.id)).toEqual([jobId]);
    });

    it("a result's page has the key that signed it and the sizes of its files", async () => {
      const digest = someDigest();
      await db.insert(files).values({ kind: "ticket", digest, bytes: 1_234 });
      const found = await provenanceOf(db, { runnerId: runner, digests: [digest, someDigest()] });
      expect(found.publicKey).toHaveLength(32);
      expect(found.revokedAt).toBeNull();
      expect([...found.sizes]).toEqual([[digest, 1_234]]);
    });
  });
}
