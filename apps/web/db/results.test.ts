import { MAX_ATTEMPTS, type Result, type Score } from "@ticketmark/core";
import { eq, sql } from "drizzle-orm";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Db } from "./client.ts";
import { addJob, cancelJob } from "./jobs.ts";
import { handBack, heartbeat } from "./leases.ts";
import {
  addResult,
  findEnvelope,
  findReceipt,
  findResult,
  listResults,
  nextUnchecked,
  setCheck,
  type Verified,
} from "./results.ts";
import { jobs, results } from "./schema.ts";
import { addSuiteJob, queueAgain, statesOfSpecs } from "./suites.ts";
import { addRunner, clear, someDigest, someJob, somePoint, takeJob, testServers } from "./test-databases.ts";

const score = (correct: number): Score => ({ correct, total: 200, loss: 0.1 + 0.2 });
/** What these queries read of a result. */
const someResult = {
  outcome: "completed",
  message: null,
  accuracy: {
    last: score(190),
    best: { score: score(195), iteration: 5 },
    afterCut: score(50),
    beforeCut: null,
    validation: null,
  },
  ticketDigest: someDigest(),
  trainedDigest: someDigest(),
  seconds: 1.5,
  trace: { every: 100, blocks: 1, head: someDigest() },
} as unknown as Result;

for (const server of await testServers()) {
  describe(`results on ${server.name}`, () => {
    let db: Db;
    let runner: string;
    let other: string;
    beforeAll(async () => {
      const database = await server.empty();
      await database.migrate();
      db = database.db;
    });
    beforeEach(async () => {
      await clear(db);
      runner = await addRunner(db, "one");
      other = await addRunner(db, "two");
    });

    const take = (by: string) => takeJob(db, by);
    type Holder = Awaited<ReturnType<typeof take>>;
    const verified = (holder: Holder, more: Partial<Verified> = {}): Verified => ({
      ...holder,
      point: somePoint,
      keyId: someDigest(),
      spec: {
        ...{ dataset: "toy", model: "mlp-tiny", method: { id: "rst" }, sparsity: 0.98, scope: "uniform" },
        ...{ seed: 4_294_967_295, protocol: "paper", recipe: {} as never },
      } as Verified["spec"],
      specDigest: someDigest(),
      groupDigest: someDigest(),
      result: someResult,
      resultDigest: someDigest(),
      envelope: new Uint8Array([0, 255, 10]),
      envelopeDigest: someDigest(),
      files: [],
      ...more,
    });
    const expire = (id: string) =>
      db.update(jobs).set({ leaseExpiresAt: sql`now() - interval '1 second'` }).where(eq(jobs.id, id));
    const state = async (id: string) => (await db.select().from(jobs).where(eq(jobs.id, id)))[0]!.state;
    const stored = () => db.$count(results);
    const lost = expect.objectContaining({ code: "lease-lost" });

    it("stores a result and ends its job; what is read is what was stored", async () => {
      const { id } = await addJob(db, someJob());
      const one = verified(await take(runner));
      const { resultId, level } = await addResult(db, one);
      expect([level, await state(id)]).toEqual(["signed", "done"]);
      const found = await findResult(db, resultId);
      expect(found).toMatchObject({
        spec: one.spec,
        result: someResult,
        accuracy: someResult.accuracy,
        seconds: 1.5,
        runner: { id: runner, name: "one" },
      });
      const [row] = await db.select().from(results);
      expect(row).toMatchObject({
        seed: 4_294_967_295,
        accuracy: 0.95,
        afterCutAccuracy: 0.25,
      });
      expect([...(await findEnvelope(db, resultId)).envelope]).toEqual([0, 255, 10]);
    });

    it("gives the same receipt for the same envelope, also at once; another one is a conflict", async () => {
      await addJob(db, someJob());
      const one = verified(await take(runner));
      const [a, b] = await Promise.all([addResult(db, one), addResult(db, one)]);
      expect(a).toEqual(b);
      expect(await addResult(db, one)).toEqual(a);
      expect(await findReceipt(db, one.jobId, one.envelopeDigest)).toEqual(a);
      await expect(findReceipt(db, one.jobId, someDigest())).rejects.toEqual(
        expect.objectContaining({ code: "conflict" }),
      );
      expect(await stored()).toBe(1);
    });

    it("counts a late result if nobody took the job since: it may be queued again, or failed", async () => {
      const { id } = await addJob(db, someJob());
      const holder = await take(runner);
      await expire(id);
      await addJob(db, someJob({ priority: 9 }));
      await take(other); // reaps
      expect(await state(id)).toBe("queued");
      await addResult(db, verified(holder));
      expect(await state(id)).toBe("done");

      const failed = await addJob(db, someJob());
      let last = await take(runner);
      for (let n = 1; n <= 3; n++) {
        await handBack(db, last, { reason: "fault", message: "", snapshotIteration: null });
        if (n < 3) last = await take(runner);
      }
      expect(await state(failed.id)).toBe("failed");
      await addResult(db, verified(last));
      expect(await state(failed.id)).toBe("done");
    });

    it("counts a late result also when another runner has the job now, which hears so at its next heartbeat", async () => {
      const { id } = await addJob(db, someJob());
      const late = await take(runner);
      await expire(id);
      const now = await take(other);
      await addResult(db, verified(late));
      expect([await stored(), await state(id)]).toEqual([1, "done"]);
      await expect(heartbeat(db, now, null, 120)).rejects.toEqual(lost);
      await expect(addResult(db, verified(now))).rejects.toEqual(expect.objectContaining({ code: "conflict" }));
      expect(await stored()).toBe(1);
    });

    it("refuses a result under a lease that the job never had, or once it was cancelled", async () => {
      const { id } = await addJob(db, someJob());
      const now = await take(other);
      await expect(addResult(db, verified({ ...now, leaseHash: someDigest() }))).rejects.toEqual(lost);
      await expect(addResult(db, verified({ ...now, runnerId: runner }))).rejects.toEqual(lost);
      expect([await stored(), await state(id)]).toEqual([0, "running"]);
      await cancelJob(db, id, "me");
      await handBack(db, now, { reason: "cancelled", message: "", snapshotIteration: null });
      await expect(addResult(db, verified(now))).rejects.toEqual(lost);
      await expect(heartbeat(db, now, null, 120)).rejects.toEqual(lost);
      expect([await stored(), await state(id)]).toEqual([0, "cancelled"]);
    });

    it("lists newest first, in pages", async () => {
      const ids: string[] = [];
      for (let n = 0; n < 3; n++) {
        await addJob(db, someJob());
        ids.unshift((await addResult(db, verified(await take(runner)))).resultId);
      }
      const first = await listResults(db, { limit: 2 });
      const second = await listResults(db, { limit: 2, after: first.next! });
      expect([...first.results, ...second.results].map(({ id }) => id)).toEqual(ids);
      expect([first.results.length, second.next]).toEqual([2, null]);
    });

    it("hands out unchecked results oldest first; a check raises the level and never lowers it", async () => {
      const check = { message: "", last: score(1), afterCut: score(2), at: 0 };
      const ids: string[] = [];
      for (let n = 0; n < 3; n++) {
        await addJob(db, someJob());
        ids.push((await addResult(db, verified(await take(runner)))).resultId);
      }
      const first = (await nextUnchecked(db, 0))!;
      expect(first.id).toBe(ids[0]);
      expect((await nextUnchecked(db, first.seq))?.id).toBe(ids[1]);
      await setCheck(db, ids[0]!, { ...check, ok: true });
      await setCheck(db, ids[1]!, { ...check, ok: false });
      await db.update(results).set({ level: "repeated" }).where(eq(results.id, ids[2]!));
      await setCheck(db, ids[2]!, { ...check, ok: true });
      expect(await nextUnchecked(db, 0)).toBeNull();
      const levels = await Promise.all(ids.map(async (id) => (await findResult(db, id)).level));
      expect(levels).toEqual(["checked", "signed", "repeated"]);
    });

    it("queues each spec of a suite once, also when two ask at once; whatever its job, the furthest counts", async () => {
      const list = [0, 1, 2].map(() => ({ ...someJob(), suite: "s" }));
      const digests = list.map(({ specDigest }) => specDigest);
      const added = await Promise.all([...list, ...list].map((job) => addSuiteJob(db, job)));
      expect(added.filter(Boolean)).toHaveLength(3);
      expect((await statesOfSpecs(db, digests)).size).toBe(3);
      const taken = await take(runner); // any of them: they were added at once
      const { resultId } = await addResult(db, verified(taken));
      const done = [...(await statesOfSpecs(db, digests))].find(([, { jobId }]) => jobId === taken.jobId)![0];
      const { suite: _, ...again } = list.find(({ specDigest }) => specDigest === done)!;
      await addJob(db, again); // the same again, of no suite
      const states = await statesOfSpecs(db, [...digests, someJob().specDigest]);
      expect(states.get(done)).toMatchObject({ state: "done", resultId, outcome: "completed" });
      expect([...states.values()].map(({ state }) => state).sort()).toEqual(["done", "queued", "queued"]);
    });

    it("queues again what failed or was cancelled, and nothing else", async () => {
      const list = [0, 1, 2].map(() => ({ ...someJob(), suite: "s" }));
      for (const job of list) await addSuiteJob(db, job);
      const failing = await take(runner);
      await db.update(jobs).set({ leaseAttempt: MAX_ATTEMPTS }).where(eq(jobs.id, failing.jobId));
      await handBack(db, failing, { reason: "fault", message: "no disk", snapshotIteration: 7 });
      const digests = list.map(({ specDigest }) => specDigest);
      const idOf = async (i: number) => (await statesOfSpecs(db, digests)).get(digests[i]!)!.jobId;
      await cancelJob(db, await idOf(1), "me");
      const ids = await Promise.all([0, 1, 2].map(idOf));
      expect(await queueAgain(db, ids)).toBe(2);
      expect(await queueAgain(db, ids)).toBe(0);
      expect(await queueAgain(db, [])).toBe(0);
      const [again] = await db.select().from(jobs).where(eq(jobs.id, failing.jobId));
      expect(again).toMatchObject({
        state: "queued",
        attempts: 0,
        message: null,
        finishedAt: null,
        snapshotIteration: 7,
      });
      await expect(heartbeat(db, failing, null, 120)).rejects.toMatchObject({ code: "lease-lost" });
      expect((await take(runner)).jobId).toBe(failing.jobId);
    });
  });
}
