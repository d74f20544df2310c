/** Suites are queued once: each place of a suite is one job, whoever asks how often. */
import { eq } from "drizzle-orm";
import type { Db } from "./client.ts";
import type { NewJob } from "./jobs.ts";
import { jobs } from "./schema.ts";

/** Places of the suite that have their job. */
export async function queuedPlaces(db: Db, suite: string): Promise<Set<number>> {
  const rows = await db.select({ place: jobs.suiteIndex }).from(jobs).where(eq(jobs.suite, suite));
  return new Set(rows.map(({ place }) => place!));
}

export interface SuiteJob extends NewJob {
  readonly suite: string;
  readonly suiteIndex: number;
}

/** Queues those that have no job yet, in the order given. Returns how many that were. */
export async function addSuiteJobs(db: Db, list: readonly SuiteJob[]): Promise<number> {
  if (list.length === 0) return 0;
  const added = await db
    .insert(jobs)
    .values([...list])
    .onConflictDoNothing({ target: [jobs.suite, jobs.suiteIndex] }) // somebody else asked at the same time
    .returning({ id: jobs.id });
  return added.length;
}
