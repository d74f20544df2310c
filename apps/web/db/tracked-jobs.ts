/** Jobs that name a commit, and the runners that take them. */
import { type JobState, repositoryName } from "@ticketmark/core";
import { and, eq, inArray, isNotNull, isNull, ne, sql } from "drizzle-orm";
import type { Db } from "./client.ts";
import { commits, investigations, type Job, jobs, results, runners } from "./schema.ts";

export interface TrackingRunner {
  readonly id: string;
  /** Takes pull requests' commits. */
  readonly pulls: boolean;
  readonly online: boolean;
}

/**
 * Runners whose owners let them run this repository's commits, whom maintainers trust, and whom nobody told to stop. Trusted, since
 * nobody else recomputes what they measure: a made-up change would be confirmed by its maker.
 */
export async function trackingRunners(db: Db, repository: string, onlineSeconds: number): Promise<TrackingRunner[]> {
  const rows = await db
    .select({
      id: runners.id,
      tracks: runners.tracks,
      online: sql<boolean>`${runners.lastSeenAt} > now() - make_interval(secs => ${onlineSeconds})`,
    })
    .from(runners)
    .where(and(isNull(runners.revokedAt), runners.trusted, eq(runners.command, "continue"), isNotNull(runners.tracks)))
    .orderBy(runners.id);
  const name = repositoryName(repository);
  return rows.flatMap(({ id, tracks, online }) =>
    tracks && repositoryName(tracks.repository) === name ? [{ id, online, pulls: tracks.pulls }] : [],
  );
}

export type TrackedJob = Pick<
  Job,
  "id" | "specDigest" | "groupDigest" | "state" | "priority" | "onlyRunner" | "investigationId" | "message"
> & {
  readonly commit: string;
  readonly purpose: NonNullable<Job["purpose"]>;
  /** Of its result; null = none yet, or one that names none. */
  readonly testbed: string | null;
};

/** In queue order. Of `commits`, or of an investigation. */
export async function listTrackedJobs(
  db: Db,
  of: { readonly commits: readonly string[] } | { readonly investigationId: string },
): Promise<TrackedJob[]> {
  if ("commits" in of && of.commits.length === 0) return [];
  const rows = await db
    .select({
      id: jobs.id,
      specDigest: jobs.specDigest,
      groupDigest: jobs.groupDigest,
      state: jobs.state,
      priority: jobs.priority,
      onlyRunner: jobs.onlyRunner,
      investigationId: jobs.investigationId,
      message: jobs.message,
      commit: jobs.commit,
      purpose: jobs.purpose,
      testbed: results.testbed,
    })
    .from(jobs)
    .leftJoin(results, eq(results.jobId, jobs.id))
    .where("commits" in of ? inArray(jobs.commit, [...of.commits]) : eq(jobs.investigationId, of.investigationId))
    .orderBy(jobs.position);
  return rows.map((row) => ({ ...row, commit: row.commit!, purpose: row.purpose! }));
}

/** Changes with every job that ends, every result, every commit that gets its parents, and every step of an investigation. */
export async function trackingCounts(db: Db): Promise<unknown> {
  const [row] = await db
    .select({
      jobs: sql<string>`(select json_object_agg(state, n) from (select state, count(*) as n from ${jobs} where ${isNotNull(jobs.purpose)} group by state) by_state)`,
      results: sql<number>`(select max(seq) from ${results})`,
      commits: sql<number>`(select count(parents) from ${commits})`,
      investigations: sql<string>`(select json_object_agg(state, n) from (select state, count(*) as n from ${investigations} group by state) by_state)`,
    })
    .from(sql`(select 1) as one`);
  return row;
}

export type NewTrackedJob = Pick<
  Job,
  "spec" | "specDigest" | "groupDigest" | "plan" | "kind" | "purpose" | "priority" | "onlyRunner" | "pull"
> & {
  readonly commit: string;
  readonly investigationId: string | null;
};

/** In this order. One that another site has queued in the meantime (same commit, spec and runner, to follow the branch) is left out. */
export async function addTrackedJobs(db: Db, wanted: readonly NewTrackedJob[]): Promise<void> {
  for (const job of wanted)
    await db
      .insert(jobs)
      .values({ ...job, engine: "auto", createdBy: "the tracker" })
      .onConflictDoNothing();
}

/** A newer head goes first: jobs of older ones that nobody has taken wait behind. */
export const demote = (db: Db, head: string, priority: number) =>
  db
    .update(jobs)
    .set({ priority, purpose: "backfill" })
    .where(and(eq(jobs.purpose, "track"), eq(jobs.state, "queued"), ne(jobs.commit, head)));

/** Jobs that nobody has taken and that no longer make sense. */
export const cancelTracked = (db: Db, ids: readonly string[], message: string) =>
  db
    .update(jobs)
    .set({ state: "cancelled" satisfies JobState, command: "cancel", finishedAt: sql`now()`, message })
    .where(and(inArray(jobs.id, [...ids]), eq(jobs.state, "queued")));
