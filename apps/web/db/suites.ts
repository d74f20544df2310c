/**
 * Suites in the queue: each spec of a suite is one job, whoever asks how often. What became of a spec is looked up by its
 * digest, in whatever job it was run: two suites may share it.
 */
import type { ClassFolder, JobState, Progress, Result } from "@ticketmark/core";
import { and, eq, inArray, isNull, ne, sql } from "drizzle-orm";
import type { Db } from "./client.ts";
import type { NewJob } from "./jobs.ts";
import { jobs, results } from "./schema.ts";

export interface SpecState {
  readonly state: JobState;
  readonly jobId: string;
  readonly resultId: string | null;
  readonly outcome: Result["outcome"] | null;
  readonly accuracy: number | null;
  readonly progress: Progress | null;
  readonly message: string | null;
}

/** Of several jobs of one spec, the one that is furthest. */
const FURTHEST: readonly JobState[] = ["done", "running", "queued", "failed", "cancelled"];

/** By digest; specs that nobody has queued are left out. */
export async function statesOfSpecs(db: Db, digests: readonly string[]): Promise<Map<string, SpecState>> {
  const rows = await db
    .select({
      specDigest: jobs.specDigest,
      state: jobs.state,
      jobId: jobs.id,
      resultId: results.id,
      outcome: results.outcome,
      accuracy: results.accuracy,
      progress: jobs.progress,
      message: jobs.message,
    })
    .from(jobs)
    .leftJoin(results, eq(results.jobId, jobs.id))
    .where(and(inArray(jobs.specDigest, [...digests]), isNull(jobs.commit)))
    .orderBy(jobs.position);
  const states = new Map<string, SpecState>();
  for (const { specDigest, ...row } of rows) {
    const known = states.get(specDigest);
    if (!known || FURTHEST.indexOf(row.state) < FURTHEST.indexOf(known.state)) states.set(specDigest, row);
  }
  return states;
}

/** Digests of the specs that a suite has queued, first queued first. What was cancelled is as if it had not been queued. */
export async function digestsOfSuite(db: Db, suite: string): Promise<string[]> {
  const rows = await db
    .select({ specDigest: jobs.specDigest })
    .from(jobs)
    .where(and(eq(jobs.suite, suite), ne(jobs.state, "cancelled")))
    .orderBy(jobs.position);
  return rows.map(({ specDigest }) => specDigest);
}

/** The list of classes in one spec of a suite. */
export async function classesOfSpec(
  db: Db,
  suite: string,
  digest: string,
): Promise<readonly ClassFolder[] | undefined> {
  const classes = sql<readonly ClassFolder[] | null>`${jobs.spec} -> 'classes'`;
  const [row] = await db
    .select({ classes })
    .from(jobs)
    .where(and(eq(jobs.suite, suite), eq(jobs.specDigest, digest)));
  return row?.classes ?? undefined;
}

export interface SuiteJob extends NewJob {
  readonly suite: string;
}

/** Is it new? Not where somebody else queued it at the same time. */
export async function addSuiteJob(db: Db, job: SuiteJob): Promise<boolean> {
  const added = await db
    .insert(jobs)
    .values(job)
    .onConflictDoNothing({ target: [jobs.suite, jobs.specDigest] })
    .returning({ id: jobs.id });
  return added.length > 0;
}

/** Failed and cancelled jobs wait again, with all their attempts. Returns how many that were. */
export async function queueAgain(db: Db, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0;
  const queued = await db
    .update(jobs)
    .set({
      state: "queued",
      attempts: 0,
      command: "continue",
      leaseExpiresAt: null, // its last holder cannot take it up behind the queue's back
      message: null,
      finishedAt: null,
      queuedAt: sql`now()`,
    })
    .where(and(inArray(jobs.id, [...ids]), inArray(jobs.state, ["failed", "cancelled"])))
    .returning({ id: jobs.id });
  return queued.length;
}

const waiting = (suite: string) => and(eq(jobs.suite, suite), eq(jobs.state, "queued"));

/** Jobs that the suite queued and nobody has taken. */
export const countWaiting = (db: Db, suite: string): Promise<number> => db.$count(jobs, waiting(suite));

/** Cancels them. Returns how many that were. */
export async function cancelWaiting(db: Db, suite: string, by: string): Promise<number> {
  const cancelled = await db
    .update(jobs)
    .set({ command: "cancel", state: "cancelled", finishedAt: sql`now()`, message: `cancelled by ${by}` })
    .where(waiting(suite))
    .returning({ id: jobs.id });
  return cancelled.length;
}
