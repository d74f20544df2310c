/** Suites are queued once: each spec of a suite is one job, whoever asks how often, and wherever it stands in the suite. */
import { eq } from "drizzle-orm";
import type { Db } from "./client.ts";
import type { NewJob } from "./jobs.ts";
import { jobs } from "./schema.ts";

/** Digests of the suite's specs that have their job. */
export async function queuedSpecs(db: Db, suite: string): Promise<Set<string>> {
  const rows = await db.select({ specDigest: jobs.specDigest }).from(jobs).where(eq(jobs.suite, suite));
  return new Set(rows.map(({ specDigest }) => specDigest));
}

export interface SuiteJob extends NewJob {
  readonly suite: string;
}

/** Queues those that have no job yet, in the order given. Returns how many that were. */
export async function addSuiteJobs(db: Db, list: readonly SuiteJob[]): Promise<number> {
  if (list.length === 0) return 0;
  const added = await db
    .insert(jobs)
    .values([...list])
    .onConflictDoNothing({ target: [jobs.suite, jobs.specDigest] }) // somebody else asked at the same time
    .returning({ id: jobs.id });
  return added.length;
}
