/**
 * The lease protocol: claim, heartbeat, hand back. Each is one statement, conditional on state, lease and runner, so a
 * runner that lost its lease can change nothing, however late its request comes. Time is the database's.
 *
 * A lease that expires is not taken away until a claim comes by (that claim reaps it), and even then its last holder is
 * remembered: while nobody else has claimed the job, a heartbeat takes it up again. Its result counts in any case, as
 * long as the job has none: what was computed is right whoever holds the job now.
 */
import {
  type Claim,
  type ClaimedJob,
  type Command,
  type HAND_BACK_REASONS,
  MAX_ATTEMPTS,
  Problem,
  type Progress,
  repositoryName,
} from "@ticketmark/core";
import { and, eq, getTableColumns, inArray, sql } from "drizzle-orm";
import type { Db } from "./client.ts";
import { type Job, jobs, leases, runners } from "./schema.ts";

type Rows<T> = { readonly rows: readonly T[] };

/** What of a claim says which jobs the runner may get. */
export type Offer = Pick<Claim, "kinds" | "engines" | "environment" | "snapshots" | "tracks">;

export interface NewLease {
  /** sha256 of the token that the runner made. */
  readonly hash: string;
  readonly nonce: string;
  readonly seconds: number;
}

export type Claimed = Omit<ClaimedJob, "lease"> & { readonly nonce: string };

/**
 * Takes the best job there is for this runner; the same job again, renewed, when its token holds one already: the reply
 * was lost. `repository`: the one this site follows; only who tracks it gets jobs that name a commit.
 */
export async function claim(
  db: Db,
  runnerId: string,
  offer: Offer,
  lease: NewLease,
  repository: string | null,
): Promise<Claimed | null> {
  const again = () => claimedBefore(db, runnerId, lease);
  const found = await again();
  if (found) return found;
  try {
    return await claimNew(db, runnerId, offer, lease, repository);
  } catch (error) {
    if (!isRunningLease(error)) throw error;
    return again(); // the first of two claims with this token came in between
  }
}

const isRunningLease = (error: unknown): boolean => {
  const { cause } = error as { cause?: { constraint?: string } };
  return cause?.constraint === "jobs_running_lease";
};

async function claimedBefore(db: Db, runnerId: string, { hash, seconds }: NewLease): Promise<Claimed | null> {
  const { rows } = (await db.execute(sql`
    update jobs set
      state = 'running',
      attempts = lease_attempt - 1,
      lease_expires_at = now() + make_interval(secs => ${seconds}),
      finished_at = null
    from leases
    where leases.job_id = jobs.id and leases.hash = jobs.lease_hash and leases.hash = ${hash}
      and jobs.runner_id = ${runnerId} and lease_expires_at is not null and state in ('running', 'queued', 'failed')
    returning ${claimed}, leases.nonce`)) as unknown as Rows<Claimed>;
  return rows[0] ?? null;
}

const claimed = sql`jobs.id, jobs.kind, jobs.spec, jobs.spec_digest as "specDigest", jobs.engine, jobs.lease_attempt as attempt,
  case when jobs.commit is not null then json_build_object('commit', jobs.commit, 'pull', jobs.pull) end as code`;

/**
 * Own snapshots first, then by priority, then in queue order. Reaps expired leases on the way: back to the queue, failed
 * when the attempts are used up, cancelled where that was asked.
 */
async function claimNew(
  db: Db,
  runnerId: string,
  offer: Offer,
  lease: NewLease,
  repository: string | null,
): Promise<Claimed | null> {
  const { tracks: own } = offer;
  const tracks =
    repository !== null && own !== undefined && repositoryName(own.repository) === repositoryName(repository);
  const pulls = tracks && own.pulls;
  const mayRun = sql`(commit is null or (${tracks}::boolean and (pull is null or ${pulls}::boolean)))
    and (only_runner is null or only_runner = ${runnerId})`;
  const { rows } = (await db.execute(sql`
    with seen as (
      update runners set last_seen_at = now(),
        environment = ${sql.param(offer.environment, runners.environment)},
        kinds = ${sql.param(offer.kinds, runners.kinds)},
        engines = ${sql.param(offer.engines, runners.engines)},
        tracks = ${sql.param(offer.tracks ?? null, runners.tracks)}
      where id = ${runnerId}
    ), picked as materialized (
      select id, state = 'running' as expired, (${inArray(jobs.id, offer.snapshots)}) as mine from jobs
      where ${inArray(jobs.kind, offer.kinds)} and ${inArray(jobs.engine, offer.engines)} and ${mayRun}
        and (state = 'queued'
          or (state = 'running' and lease_expires_at < now() and command <> 'cancel' and lease_attempt < ${MAX_ATTEMPTS}::int))
      order by mine desc, priority desc, position
      limit 1
      for update skip locked
    ), expired as materialized (
      select id from jobs
      where state = 'running' and lease_expires_at < now() and id not in (select id from picked)
      for update skip locked
    ), reaped as (
      update jobs set
        attempts = lease_attempt,
        state = (case when command = 'cancel' then 'cancelled'
                      when lease_attempt >= ${MAX_ATTEMPTS}::int then 'failed' else 'queued' end)::job_state,
        finished_at = case when command = 'cancel' or lease_attempt >= ${MAX_ATTEMPTS}::int then now() end,
        message = case when command = 'cancel' then message
                       else 'attempt ' || lease_attempt || ' of ' || ${MAX_ATTEMPTS}::int || ': its runner fell silent' end
      from expired where jobs.id = expired.id
    ), taken as (
      update jobs set
        state = 'running',
        runner_id = ${runnerId},
        lease_hash = ${lease.hash},
        attempts = case when picked.expired then lease_attempt else attempts end,
        lease_attempt = case when picked.expired then lease_attempt else attempts end + 1,
        lease_expires_at = now() + make_interval(secs => ${lease.seconds}),
        command = 'continue',
        progress = case when picked.mine then progress end,
        message = case when picked.expired then 'attempt ' || lease_attempt || ' of ' || ${MAX_ATTEMPTS}::int || ': its runner fell silent'
                       else message end,
        started_at = coalesce(started_at, now()),
        finished_at = null
      from picked where jobs.id = picked.id
      returning ${claimed}
    ), leased as (
      insert into leases (job_id, hash, runner_id, nonce, attempt)
      select id, ${lease.hash}, ${runnerId}, ${lease.nonce}, attempt from taken
      on conflict (job_id, hash) do update set nonce = excluded.nonce, attempt = excluded.attempt, claimed_at = now()
      returning nonce
    )
    select taken.*, leased.nonce from taken, leased`)) as unknown as Rows<Claimed>;
  return rows[0] ?? null;
}

/** The lease is the caller's, was not handed back, and nobody else took the job since. */
const held = (id: string, runnerId: string, leaseHash: string) =>
  sql`${jobs.id} = ${id} and ${jobs.runnerId} = ${runnerId} and ${jobs.leaseHash} = ${leaseHash}
    and ${jobs.leaseExpiresAt} is not null and ${jobs.state} in ('running', 'queued', 'failed')`;

export interface Holder {
  readonly jobId: string;
  readonly runnerId: string;
  readonly leaseHash: string;
}

/**
 * Renews the lease, also an expired one. Returns the command for the runner: the job's, else the runner's own. Throws
 * Problem "lease-lost", "not-found".
 */
export async function heartbeat(db: Db, holder: Holder, progress: Progress | null, seconds: number): Promise<Command> {
  const [job] = await db
    .update(jobs)
    .set({
      state: "running",
      attempts: sql`${jobs.leaseAttempt} - 1`, // what a reaper added is taken back
      leaseExpiresAt: sql`now() + make_interval(secs => ${seconds})`,
      finishedAt: null,
      ...(progress ? { progress, progressAt: sql`now()` } : {}),
    })
    .from(runners)
    .where(and(held(holder.jobId, holder.runnerId, holder.leaseHash), eq(runners.id, jobs.runnerId)))
    .returning({ job: jobs.command, runner: runners.command });
  if (!job) return lost(db, holder.jobId);
  return job.job === "continue" ? job.runner : job.job;
}

export interface HandBack {
  readonly reason: (typeof HAND_BACK_REASONS)[number];
  readonly message: string;
  readonly snapshotIteration: number | null;
}

/**
 * Gives a job back: cancelled where that was asked, else to the queue; a fault counts as an attempt and the last one
 * fails the job. Doing it twice is doing it once. Throws Problem "lease-lost", "not-found".
 */
export async function handBack(
  db: Db,
  holder: Holder,
  { reason, message, snapshotIteration }: HandBack,
): Promise<void> {
  const fault = reason === "fault";
  const ends = sql`(${jobs.command} = 'cancel' or (${fault}::boolean and ${jobs.leaseAttempt} >= ${MAX_ATTEMPTS}::int))`;
  const [job] = await db
    .update(jobs)
    .set({
      state: sql`(case when ${jobs.command} = 'cancel' then 'cancelled' when ${ends} then 'failed' else 'queued' end)::job_state`,
      attempts: sql`${jobs.leaseAttempt} - ${fault ? 0 : 1}::int`,
      message: sql`case when ${jobs.command} = 'cancel' then ${jobs.message}
        when ${fault}::boolean then 'attempt ' || ${jobs.leaseAttempt} || ' of ' || ${MAX_ATTEMPTS}::int || ': ' || ${message}::text
        else ${message}::text end`,
      finishedAt: sql`case when ${ends} then now() end`,
      leaseExpiresAt: null,
      snapshotIteration,
    })
    .where(held(holder.jobId, holder.runnerId, holder.leaseHash))
    .returning({ id: jobs.id });
  if (job) return;
  const [now] = await db.select().from(jobs).where(eq(jobs.id, holder.jobId));
  const again = now?.leaseHash === holder.leaseHash && now.runnerId === holder.runnerId && now.state !== "done";
  if (!again) await lost(db, holder.jobId);
}

/** A job, with what the statement signed under one of its leases must say. */
export type LeasedJob = Job & { readonly nonce: string; readonly attempt: number };

/**
 * The job, if the lease is one of its leases, latest or not, and it may still take a result; or took one: a reply may
 * have been lost, and then it is sent again. Throws Problem "lease-lost", "not-found".
 */
export async function requireLease(db: Db, holder: Holder): Promise<LeasedJob> {
  const [job] = await db
    .select({ ...getTableColumns(jobs), nonce: leases.nonce, attempt: leases.attempt })
    .from(leases)
    .innerJoin(jobs, eq(jobs.id, leases.jobId))
    .where(
      and(
        eq(leases.jobId, holder.jobId),
        eq(leases.hash, holder.leaseHash),
        eq(leases.runnerId, holder.runnerId),
        sql`${jobs.state} <> 'cancelled'`,
      ),
    );
  return job ?? lost(db, holder.jobId);
}

/** Says what became of a job whose lease is not the caller's. */
async function lost(db: Db, jobId: string): Promise<never> {
  const [job] = await db.select({ state: jobs.state }).from(jobs).where(eq(jobs.id, jobId));
  if (!job) throw new Problem("not-found", `job ${jobId}: there is none`);
  throw new Problem("lease-lost", `job ${jobId}: expected the lease of its holder; the job is ${job.state}`);
}
