/** The log of results: appended by one transaction each, listed newest first, checked later. */
import { Problem, type Result, type Score, type Spec, type Testbed, testbedDigest } from "@ticketmark/core";
import { and, asc, desc, eq, gt, isNull, lt, sql } from "drizzle-orm";
import type { Db } from "./client.ts";
import {
  files,
  jobs,
  leases,
  results,
  runners,
  type StoredCheck,
  type StoredFile,
  type StoredResult,
  testbeds,
} from "./schema.ts";

/** A submission that was verified: every digest holds, the result agrees with its statement. */
export interface Verified {
  readonly jobId: string;
  readonly leaseHash: string;
  readonly runnerId: string;
  readonly keyId: string;
  readonly spec: Spec;
  readonly specDigest: string;
  readonly groupDigest: string;
  readonly result: Result;
  readonly resultDigest: string;
  readonly envelope: Uint8Array;
  readonly envelopeDigest: string;
  /** What the result names: public from now on. */
  readonly files: readonly StoredFile[];
  readonly point: Point;
}

/** What makes a result a point of series. */
export interface Point {
  /** Null where the code was no clean checkout. */
  readonly commit: string | null;
  readonly testbed: Testbed | null;
  /** By metric id. */
  readonly values: Readonly<Record<string, number>>;
  readonly codeDigest?: string | null;
  /** Run for the series alone. */
  readonly tracked: boolean;
}

export interface Receipt {
  readonly resultId: string;
  readonly level: StoredResult["level"];
}

/** The receipt of an envelope that is stored already; null if it is not. Throws Problem "conflict" if the job has another. */
export async function findReceipt(db: Db, jobId: string, envelopeDigest: string): Promise<Receipt | null> {
  const [row] = await db
    .select({ resultId: results.id, level: results.level, envelopeDigest: results.envelopeDigest })
    .from(results)
    .where(eq(results.jobId, jobId));
  if (!row) return null;
  if (row.envelopeDigest !== envelopeDigest)
    throw new Problem("conflict", `job ${jobId}: it has a result already (${row.resultId}), with another envelope`);
  return { resultId: row.resultId, level: row.level };
}

/**
 * Stores the result, makes its files public and ends its job, all or nothing. Any of the job's leases will do: the job may
 * have been given to somebody else since. The same envelope again gives the same receipt.
 */
export async function addResult(db: Db, verified: Verified): Promise<Receipt> {
  const { jobId, leaseHash, spec, result } = verified;
  const share = (score: Score | null | undefined) => (score ? score.correct / score.total : null);
  return db.transaction(async (tx) => {
    const ended = await tx
      .update(jobs)
      .set({
        state: "done",
        runnerId: verified.runnerId,
        leaseHash,
        leaseExpiresAt: null,
        finishedAt: sql`now()`,
        message: result.message,
      })
      .from(leases)
      .where(
        and(
          eq(jobs.id, jobId),
          eq(leases.jobId, jobs.id),
          eq(leases.hash, leaseHash),
          eq(leases.runnerId, verified.runnerId),
          sql`${jobs.state} in ('running', 'queued', 'failed')`,
        ),
      )
      .returning({ id: jobs.id });
    if (ended.length === 0) {
      const receipt = await findReceipt(tx, jobId, verified.envelopeDigest); // the same post, a moment earlier
      if (receipt) return receipt;
      throw new Problem("lease-lost", `job ${jobId}: the lease is none of the job's, or the job was cancelled`);
    }
    if (verified.files.length > 0)
      await tx
        .insert(files)
        .values([...verified.files])
        .onConflictDoNothing();
    const { testbed, ...point } = verified.point;
    const onTestbed = testbed && testbedDigest(testbed);
    if (testbed) await tx.insert(testbeds).values({ digest: onTestbed!, testbed }).onConflictDoNothing();
    const [row] = await tx
      .insert(results)
      .values({
        ...point,
        testbed: onTestbed,
        numerics: result.numerics,
        traceHead: result.trace.head,
        jobId,
        spec,
        dataset: spec.dataset,
        model: spec.model,
        method: spec.method.id,
        sparsity: spec.sparsity,
        seed: spec.seed,
        specDigest: verified.specDigest,
        groupDigest: verified.groupDigest,
        outcome: result.outcome,
        result,
        resultDigest: verified.resultDigest,
        ticketDigest: result.ticketDigest,
        trainedDigest: result.trainedDigest,
        envelope: verified.envelope,
        envelopeDigest: verified.envelopeDigest,
        keyId: verified.keyId,
        runnerId: verified.runnerId,
        accuracy: share(result.accuracy?.last),
        afterCutAccuracy: share(result.accuracy?.afterCut),
      })
      .returning({ resultId: results.id, level: results.level });
    return row!;
  });
}

/** The oldest result after `seq` that this site has not looked at yet; null if there is none. */
export async function nextUnchecked(db: Db, seq: number): Promise<StoredResult | null> {
  const [row] = await db
    .select()
    .from(results)
    .where(and(isNull(results.check), gt(results.seq, seq)))
    .orderBy(asc(results.seq))
    .limit(1);
  return row ?? null;
}

/** Stores what the check found; a result that is right rises to "checked", never falls. */
export const setCheck = (db: Db, id: string, check: StoredCheck) =>
  db
    .update(results)
    .set({ check, ...(check.ok ? { level: sql`greatest(${results.level}, 'checked')` } : {}) })
    .where(eq(results.id, id));

const listed = {
  id: results.id,
  seq: results.seq,
  jobId: results.jobId,
  spec: results.spec,
  outcome: results.outcome,
  level: results.level,
  accuracy: sql<Result["accuracy"]>`${results.result} -> 'accuracy'`, // the curves stay in the database
  sparsity: sql<Result["sparsity"]>`${results.result} -> 'sparsity'`,
  cost: sql<Result["cost"]>`${results.result} -> 'cost'`,
  seconds: sql<number>`(${results.result} ->> 'seconds')::float8`,
  specDigest: results.specDigest,
  groupDigest: results.groupDigest,
  resultDigest: results.resultDigest,
  ticketDigest: results.ticketDigest,
  trainedDigest: results.trainedDigest,
  envelopeDigest: results.envelopeDigest,
  keyId: results.keyId,
  runner: { id: runners.id, name: runners.name },
  check: results.check,
  receivedAt: results.receivedAt,
};

export type ListedResult = Awaited<ReturnType<typeof listResults>>["results"][number];

/** Newest first; `after` is the seq of the last of the page before. */
export async function listResults(db: Db, { after, limit }: { after?: number; limit: number }) {
  const rows = await db
    .select(listed)
    .from(results)
    .innerJoin(runners, eq(runners.id, results.runnerId))
    .where(after === undefined ? undefined : lt(results.seq, after))
    .orderBy(desc(results.seq))
    .limit(limit + 1);
  const shown = rows.slice(0, limit);
  return { results: shown, next: rows.length > shown.length ? shown.at(-1)!.seq : null };
}

/** With the whole result, curves and all. Throws Problem "not-found". */
export async function findResult(db: Db, id: string): Promise<ListedResult & { result: Result }> {
  const [row] = await db
    .select({ ...listed, result: results.result })
    .from(results)
    .innerJoin(runners, eq(runners.id, results.runnerId))
    .where(eq(results.id, id));
  if (!row) throw new Problem("not-found", `result ${id}: there is none`);
  return row;
}

/** The exact signed bytes. Throws Problem "not-found". */
export async function findEnvelope(db: Db, id: string): Promise<{ envelope: Uint8Array; envelopeDigest: string }> {
  const [row] = await db
    .select({ envelope: results.envelope, envelopeDigest: results.envelopeDigest })
    .from(results)
    .where(eq(results.id, id));
  if (!row) throw new Problem("not-found", `result ${id}: there is none`);
  return row;
}
