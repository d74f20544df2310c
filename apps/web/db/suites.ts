/** Suites are queued once: each place of a suite is one job, whoever asks how often. */
import type { Db } from "./client.ts";
import type { NewJob } from "./jobs.ts";
import { jobs } from "./schema.ts";

/** Queues what is missing of the suite, in its order. `list` is the whole suite. */
export async function addSuite(
  db: Db,
  suite: string,
  list: readonly NewJob[],
): Promise<{ queued: number; existing: number }> {
  const added = await db
    .insert(jobs)
    .values(list.map((job, suiteIndex) => ({ ...job, suite, suiteIndex })))
    .onConflictDoNothing({ target: [jobs.suite, jobs.suiteIndex] })
    .returning({ id: jobs.id });
  return { queued: added.length, existing: list.length - added.length };
}
