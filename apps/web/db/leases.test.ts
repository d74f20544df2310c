import { JOB_KINDS, MAX_ATTEMPTS } from "@ticketmark/core";
import { eq, sql } from "drizzle-orm";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Db } from "./client.ts";
import { addJob, cancelJob, findJob } from "./jobs.ts";
import { claim, type Holder, handBack, heartbeat, requireLease } from "./leases.ts";
import { revokeRunner, tellRunner } from "./runners.ts";
import { jobs, runners } from "./schema.ts";
import { addRunner, clear, environment, someDigest, someJob, testServers } from "./test-databases.ts";

const offer = {
  kinds: [...JOB_KINDS],
  engines: ["auto" as const, "cpu" as const],
  environment,
  snapshots: [] as string[],
};
const progress = {
  phase: 0,
  phaseName: "dense training",
  iteration: 7,
  iterations: 10,
  loss: null,
  accuracy: 0.5,
  iterationsPerSecond: 1,
};

for (const server of await testServers()) {
  describe(`leases on ${server.name}`, () => {
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

    const newLease = () => ({ hash: someDigest(), nonce: `nonce-${someDigest()}`, seconds: 120 });
    /** Claims as `by`; the holder, or null if there was no job. */
    async function take(by = runner, more: Partial<typeof offer> = {}): Promise<(Holder & { attempt: number }) | null> {
      const lease = newLease();
      const job = await claim(db, by, { ...offer, ...more }, lease, null);
      return job && { jobId: job.id, runnerId: by, leaseHash: lease.hash, attempt: job.attempt };
    }
    const expire = (id: string) =>
      db.update(jobs).set({ leaseExpiresAt: sql`now() - interval '1 second'` }).where(eq(jobs.id, id));
    const state = async (id: string) => (await db.select().from(jobs).where(eq(jobs.id, id)))[0]!;
    const add = async (more = {}) => (await addJob(db, someJob(more))).id;
    const fails = (code: string) => expect.objectContaining({ code });
    const fault = { reason: "fault", message: "the child died", snapshotIteration: null } as const;
    const stopping = { reason: "stopping", message: "ctrl-c", snapshotIteration: 70 } as const;

    it("gives each job to one of 20 claims at once, and nothing to the rest", async () => {
      const ids = await Promise.all(Array.from({ length: 10 }, () => add()));
      const holders = await Promise.all(Array.from({ length: 20 }, (_, i) => take(i % 2 ? runner : other)));
      expect(
        holders
          .filter((h) => h !== null)
          .map((h) => h.jobId)
          .sort(),
      ).toEqual([...ids].sort());
    });

    it("returns what the runner needs, and marks the runner as seen with what it offers", async () => {
      const wish = someJob({ engine: "cpu" });
      await addJob(db, wish);
      const job = await claim(db, runner, offer, newLease(), null);
      expect(job).toMatchObject({
        kind: "run",
        spec: wish.spec,
        specDigest: wish.specDigest,
        engine: "cpu",
        attempt: 1,
      });
      const [row] = await db.select().from(runners).where(eq(runners.id, runner));
      expect(row).toMatchObject({ kinds: offer.kinds, engines: offer.engines, environment });
    });

    it("takes own snapshots first, then by priority, then in queue order; only engines on offer", async () => {
      const first = await add();
      const urgent = await add({ priority: 5 });
      const snapshot = await add();
      await add({ engine: "reference" });
      expect((await take(runner, { snapshots: [snapshot] }))?.jobId).toBe(snapshot);
      expect((await take())?.jobId).toBe(urgent);
      expect((await take())?.jobId).toBe(first);
      expect(await take()).toBeNull();
      await add();
      expect(await take(other, { engines: ["cpu"] as never })).toBeNull(); // it does not offer to choose
    });

    it("lets an expired job be claimed by another, counts the attempt, and lets the old holder end it only by a result", async () => {
      const id = await add();
      const old = (await take())!;
      expect(await take(other)).toBeNull();
      await expire(id);
      const now = (await take(other))!;
      expect(now).toMatchObject({ jobId: id, attempt: 2 });
      await expect(heartbeat(db, old, progress, 120)).rejects.toEqual(fails("lease-lost"));
      await expect(handBack(db, old, fault)).rejects.toEqual(fails("lease-lost"));
      expect(await requireLease(db, old)).toMatchObject({ id, attempt: 1 });
      expect(await requireLease(db, now)).toMatchObject({ id, attempt: 2 });
      const made = { ...old, leaseHash: someDigest() };
      await expect(requireLease(db, made)).rejects.toEqual(fails("lease-lost"));
      await expect(requireLease(db, { ...old, runnerId: other })).rejects.toEqual(fails("lease-lost"));
      expect(await state(id)).toMatchObject({ state: "running", attempts: 1, runnerId: other, progress: null });
      expect(await heartbeat(db, now, progress, 120)).toBe("continue");
    });

    it("gives the same job, nonce and attempt to a claim that is sent again, and renews the lease", async () => {
      const id = await add();
      await add();
      const lease = newLease();
      const first = await claim(db, runner, offer, lease, null);
      expect(first).toMatchObject({ id, attempt: 1, nonce: lease.nonce });
      await expire(id);
      const later = { ...lease, nonce: "another nonce, made for nothing" };
      expect(await claim(db, runner, offer, later, null)).toEqual(first);
      expect((await state(id)).leaseExpiresAt!.getTime()).toBeGreaterThan(Date.now());
      expect((await claim(db, other, offer, newLease(), null))?.id).not.toBe(id);
      await handBack(db, { jobId: id, runnerId: runner, leaseHash: lease.hash }, fault);
      expect(await claim(db, runner, offer, newLease(), null)).toMatchObject({ id, attempt: 2 });
    });

    it("gives one job to claims that come with one token at once", async () => {
      for (let n = 0; n < 4; n++) await add();
      const lease = newLease();
      const claims = await Promise.all(
        Array.from({ length: 4 }, (_, n) => claim(db, runner, offer, { ...lease, nonce: `nonce-${n}` }, null)),
      );
      for (const job of claims) expect(job).toEqual(claims[0]);
      expect(await db.$count(jobs, eq(jobs.state, "running"))).toBe(1);
    });

    it("gives no job to who uses another runner's token", async () => {
      const [id] = [await add()];
      const lease = newLease();
      expect((await claim(db, runner, offer, lease, null))?.id).toBe(id);
      expect(await claim(db, other, offer, lease, null)).toBeNull();
    });

    it("tells a runner that is to drain so with each heartbeat; a cancel goes before", async () => {
      const id = await add();
      const holder = (await take())!;
      await tellRunner(db, runner, "drain");
      expect(await heartbeat(db, holder, null, 120)).toBe("drain");
      await cancelJob(db, id, "me");
      expect(await heartbeat(db, holder, null, 120)).toBe("cancel");
      await expect(tellRunner(db, id, "drain")).rejects.toEqual(fails("not-found"));
    });

    it("frees a revoked runner's job without counting a fault", async () => {
      const id = await add();
      const holder = (await take())!;
      expect(await revokeRunner(db, runner)).toEqual([{ jobId: id, leaseHash: holder.leaseHash }]);
      expect(await revokeRunner(db, runner)).toEqual([]);
      expect(await state(id)).toMatchObject({
        state: "queued",
        attempts: 0,
        message: expect.stringContaining("revoked"),
      });
      await expect(heartbeat(db, holder, null, 120)).rejects.toEqual(fails("lease-lost"));
      expect(await take(other)).toMatchObject({ jobId: id, attempt: 1 });
    });

    it("renews an expired lease while nobody else has claimed the job", async () => {
      const id = await add();
      const holder = (await take())!;
      await expire(id);
      expect(await heartbeat(db, holder, progress, 120)).toBe("continue");
      expect(await take(other)).toBeNull();
      expect(await state(id)).toMatchObject({ state: "running", attempts: 0, progress });
    });

    it("reaps in the same statement: another expired job goes back to the queue, and its holder may take it up again", async () => {
      const urgent = await add({ priority: 1 });
      const id = await add();
      const [a, b] = [(await take())!, (await take())!];
      await expire(urgent);
      await expire(id);
      expect((await take(other))?.jobId).toBe(urgent);
      expect(await state(id)).toMatchObject({
        state: "queued",
        attempts: 1,
        message: expect.stringContaining("fell silent"),
      });
      expect(await heartbeat(db, b, null, 120)).toBe("continue");
      expect(await state(id)).toMatchObject({ state: "running", attempts: 0 });
      await expect(heartbeat(db, a, null, 120)).rejects.toEqual(fails("lease-lost"));
    });

    it("fails a job whose attempts are used up, by silence or by fault", async () => {
      const silent = await add();
      for (let n = 1; n <= MAX_ATTEMPTS; n++) {
        expect(await take()).toMatchObject({ jobId: silent, attempt: n });
        await expire(silent);
      }
      expect(await take()).toBeNull();
      expect(await state(silent)).toMatchObject({
        state: "failed",
        attempts: MAX_ATTEMPTS,
        finishedAt: expect.any(Date),
      });

      const faulty = await add();
      for (let n = 1; n <= MAX_ATTEMPTS; n++) {
        const holder = (await take())!;
        expect(holder).toMatchObject({ jobId: faulty, attempt: n });
        await handBack(db, holder, fault);
      }
      expect(await take()).toBeNull();
      const ended = await state(faulty);
      expect(ended).toMatchObject({ state: "failed", attempts: MAX_ATTEMPTS });
      expect(ended.message).toContain("the child died");
    });

    it("takes a job back from a stopping runner without counting an attempt, in its old place, with its snapshot", async () => {
      const id = await add();
      await add();
      const holder = (await take())!;
      await handBack(db, holder, stopping);
      await handBack(db, holder, stopping); // the reply was lost
      expect(await state(id)).toMatchObject({
        state: "queued",
        attempts: 0,
        snapshotIteration: 70,
      });
      await expect(heartbeat(db, holder, null, 120)).rejects.toEqual(fails("lease-lost"));
      expect(await take(other)).toMatchObject({ jobId: id, attempt: 1 });
      await expect(handBack(db, holder, stopping)).rejects.toEqual(fails("lease-lost"));
    });

    it("cancels a queued job at once and a running one when its runner obeys", async () => {
      const id = await add();
      await cancelJob(db, id, "me");
      await cancelJob(db, id, "me");
      expect(await state(id)).toMatchObject({ state: "cancelled", message: "cancelled by me" });
      expect(await take()).toBeNull();

      const running = await add();
      const holder = (await take())!;
      await cancelJob(db, running, "me");
      expect(await state(running)).toMatchObject({ state: "running" });
      expect(await heartbeat(db, holder, progress, 120)).toBe("cancel");
      await handBack(db, holder, { ...stopping, reason: "cancelled" });
      await handBack(db, holder, { ...stopping, reason: "cancelled" });
      expect(await state(running)).toMatchObject({ state: "cancelled", message: "cancelled by me" });
      await expect(requireLease(db, holder)).rejects.toEqual(fails("lease-lost"));
    });

    it("cancels a job whose runner fell silent: by the next claim, or at once", async () => {
      const id = await add();
      await take();
      await cancelJob(db, id, "me");
      await expire(id);
      expect(await take(other)).toBeNull();
      expect(await state(id)).toMatchObject({ state: "cancelled" });

      const silent = await add();
      await take();
      await expire(silent);
      await cancelJob(db, silent, "me");
      expect(await state(silent)).toMatchObject({ state: "cancelled" });
    });

    it("refuses another runner's lease, and an unknown job", async () => {
      await add();
      const holder = (await take())!;
      await expect(heartbeat(db, { ...holder, runnerId: other }, null, 120)).rejects.toEqual(fails("lease-lost"));
      const unknown = { ...holder, jobId: "00000000-0000-4000-8000-000000000000" };
      await expect(heartbeat(db, unknown, null, 120)).rejects.toEqual(fails("not-found"));
      await expect(cancelJob(db, unknown.jobId, "me")).rejects.toEqual(fails("not-found"));
    });

    it("tells each waiting job's place and the first thing that keeps it waiting", async () => {
      const first = await add();
      const second = await add({ engine: "reference" });
      const third = await add();
      await db.update(runners).set({ lastSeenAt: sql`now() - interval '1 hour'` });
      expect((await findJob(db, first, 60)).queue).toEqual({ ahead: 0, why: "no runner is online" });
      await db.update(runners).set({ lastSeenAt: sql`now()`, kinds: ["run"], engines: ["cpu"] });
      expect((await findJob(db, first, 60)).queue).toEqual({ ahead: 0, why: "no runner online offers engine auto" });
      await db.update(runners).set({ engines: ["auto", "cpu"] });
      expect((await findJob(db, first, 60)).queue?.ahead).toBe(0);
      expect((await findJob(db, second, 60)).queue).toEqual({
        ahead: 1,
        why: "no runner online offers engine reference",
      });
      expect((await findJob(db, third, 60)).queue).toEqual({ ahead: 2, why: "2 jobs before it" });
      await take();
      expect(await findJob(db, first, 60)).toMatchObject({ queue: null, runner: { id: runner, name: "one" } });
    });
  });
}
