/** Jobs as people see them: queue one, cancel it, list them with their place in the queue and why they wait. */
import { type JobState, type Plan, Problem, type Spec } from "@ticketmark/core";
import { and, desc, eq, getTableColumns, lt, type SQL, sql } from "drizzle-orm";
import type { Db } from "./client.ts";
import { onlineRunners } from "./runners.ts";
import { type Job, jobs, results, runners } from "./schema.ts";

export interface NewJob {
  readonly spec: Spec;
  readonly specDigest: string;
  readonly groupDigest: string;
  readonly engine: string;
  readonly priority: number;
  readonly plan: Plan;
  readonly createdBy: string;
}

export async function addJob(db: Db, job: NewJob): Promise<{ id: string }> {
  const [row] = await db.insert(jobs).values(job).returning({ id: jobs.id });
  return row!;
}

/**
 * A queued job is cancelled at once, as is one whose runner fell silent; a running one when its runner obeys. Doing it
 * twice is doing it once. Throws Problem "not-found", and "conflict" for a job that ended otherwise.
 */
export async function cancelJob(db: Db, id: string, by: string): Promise<void> {
  const atOnce = sql`(${jobs.state} = 'queued' or ${jobs.leaseExpiresAt} < now())`;
  const [job] = await db
    .update(jobs)
    .set({
      command: "cancel",
      state: sql`(case when ${atOnce} then 'cancelled' else 'running' end)::job_state`,
      finishedAt: sql`case when ${atOnce} then now() end`,
      message: `cancelled by ${by}`,
    })
    .where(and(eq(jobs.id, id), sql`${jobs.state} in ('queued', 'running')`))
    .returning({ id: jobs.id });
  if (job) return;
  const [now] = await db.select({ state: jobs.state }).from(jobs).where(eq(jobs.id, id));
  if (!now) throw new Problem("not-found", `job ${id}: there is none`);
  if (now.state !== "cancelled")
    throw new Problem("conflict", `job ${id}: expected a queued or running job; it is ${now.state}`);
}

/** A job with what a page or the public JSON shows beside it; nothing secret. */
export interface JobView extends Omit<Job, "position" | "runnerId" | "leaseHash" | "leaseAttempt"> {
  /** How many classes its spec names; null where it names none, as its data set has its own. */
  readonly classCount: number | null;
  /** Who holds it, or held it last. */
  readonly runner: { readonly id: string; readonly name: string } | null;
  readonly resultId: string | null;
  /** For a queued job: jobs before it, and why it is not running yet. */
  readonly queue: { readonly ahead: number; readonly why: string } | null;
}

export interface JobPage {
  readonly state?: JobState;
  /** Position of the last job of the page before. */
  readonly after?: number;
  readonly limit: number;
  /** A runner that was heard of within so many seconds is online. */
  readonly onlineSeconds: number;
}

/** Newest first. Of a spec's classes they have the number alone: a hundred lists of a thousand classes are megabytes. */
export async function listJobs(db: Db, page: JobPage): Promise<{ jobs: JobView[]; next: number | null }> {
  const rows = await select(
    db,
    and(
      page.state ? eq(jobs.state, page.state) : undefined,
      page.after === undefined ? undefined : lt(jobs.position, page.after),
    ),
    page.limit + 1,
    sql<Spec>`${jobs.spec} - 'classes'`,
  );
  const shown = rows.slice(0, page.limit);
  return {
    jobs: await view(db, shown, page.onlineSeconds),
    next: rows.length > shown.length ? shown.at(-1)!.job.position : null,
  };
}

/** Throws Problem "not-found". */
export async function findJob(db: Db, id: string, onlineSeconds: number): Promise<JobView> {
  const [job] = await view(db, await select(db, eq(jobs.id, id), 1), onlineSeconds);
  if (!job) throw new Problem("not-found", `job ${id}: there is none`);
  return job;
}

type Row = Awaited<ReturnType<typeof select>>[number];

const classCount = sql<number | null>`jsonb_array_length(${jobs.spec} -> 'classes')`;

/** Jobs before this one in the queue. */
const ahead = sql<number>`case when ${jobs.state} = 'queued' then (
  select count(*)::int from jobs before where before.state = 'queued' and (before.priority > ${jobs.priority}
    or (before.priority = ${jobs.priority} and before.position < ${jobs.position}))) end`;

const select = (db: Db, where: SQL | undefined, limit: number, spec: SQL<Spec> | typeof jobs.spec = jobs.spec) =>
  db
    .select({
      job: { ...getTableColumns(jobs), spec },
      classCount,
      runner: { id: runners.id, name: runners.name },
      resultId: results.id,
      ahead,
    })
    .from(jobs)
    .leftJoin(runners, eq(runners.id, jobs.runnerId))
    .leftJoin(results, eq(results.jobId, jobs.id))
    .where(where)
    .orderBy(desc(jobs.position))
    .limit(limit);

async function view(db: Db, rows: readonly Row[], onlineSeconds: number): Promise<JobView[]> {
  const anyQueued = rows.some(({ job }) => job.state === "queued");
  const online = anyQueued ? await onlineRunners(db, onlineSeconds) : [];
  return rows.map(({ job, classCount, runner, resultId, ahead }) => {
    const { position, runnerId, leaseHash, leaseAttempt, ...shown } = job;
    const queue = ahead === null ? null : { ahead, why: whyWaiting(job, ahead, online) };
    return { ...shown, classCount, runner, resultId, queue };
  });
}

/** One line for the person who waits: the first thing that keeps the job from running. */
export function whyWaiting(
  job: { readonly kind: string; readonly engine: string },
  ahead: number,
  online: readonly { readonly kinds: readonly string[]; readonly engines: readonly string[] }[],
): string {
  if (online.length === 0) return "no runner is online";
  const able = online.filter(({ kinds }) => kinds.includes(job.kind));
  if (able.length === 0) return `no runner online takes ${job.kind} jobs`;
  if (!able.some(({ engines }) => engines.includes(job.engine))) return `no runner online offers engine ${job.engine}`;
  if (ahead > 0) return `${ahead} ${ahead === 1 ? "job" : "jobs"} before it`;
  return "next in line, as soon as a runner asks";
}
