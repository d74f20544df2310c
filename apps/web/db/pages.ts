/** Small queries behind single pages: counts in the header line, the latest rows, runners with what they do. */
import type { Spec } from "@ticketmark/core";
import { and, count, desc, eq, inArray, not, sql } from "drizzle-orm";
import { onlineSeconds } from "../env.ts";
import type { Db } from "./client.ts";
import type { findResult } from "./results.ts";
import { files, type Job, jobs, type Runner, results, runners } from "./schema.ts";

/** A runner that was heard of lately; some missed polls are no absence. */
export const online = () =>
  sql<boolean>`${runners.revokedAt} is null and ${runners.lastSeenAt} > now() - make_interval(secs => ${onlineSeconds()})`;

interface SiteCounts {
  readonly results: number;
  readonly online: number;
  readonly running: number;
  readonly queued: number;
}

export async function siteCounts(db: Db): Promise<SiteCounts> {
  const [[stored], [present], [queue]] = await Promise.all([
    db.select({ n: count() }).from(results).where(not(results.tracked)),
    db.select({ n: count() }).from(runners).where(online()),
    db
      .select({
        running: sql<number>`count(*) filter (where ${jobs.state} = 'running')::int`,
        queued: sql<number>`count(*) filter (where ${jobs.state} = 'queued')::int`,
      })
      .from(jobs),
  ]);
  return { results: stored!.n, online: present!.n, ...queue! };
}

const latestColumns = {
  dataset: results.dataset,
  model: results.model,
  id: results.id,
  method: results.method,
  sparsity: results.sparsity,
  seed: results.seed,
  outcome: results.outcome,
  accuracy: results.accuracy,
  level: results.level,
  check: results.check,
  runner: runners.name,
  receivedAt: results.receivedAt,
};
const selectLatest = (db: Db, limit: number) =>
  db
    .select(latestColumns)
    .from(results)
    .innerJoin(runners, eq(runners.id, results.runnerId))
    .where(not(results.tracked))
    .orderBy(desc(results.seq))
    .limit(limit);
export type LatestResult = Awaited<ReturnType<typeof selectLatest>>[number];

/** Newest first. */
export const latestResults = (db: Db, limit: number): Promise<LatestResult[]> => selectLatest(db, limit);

export interface RunnerRow
  extends Pick<
    Runner,
    "id" | "name" | "keyId" | "environment" | "engines" | "trusted" | "tracks" | "command" | "lastSeenAt" | "revokedAt"
  > {
  readonly online: boolean;
  readonly results: number;
  /** What it runs now. */
  readonly job: {
    readonly id: string;
    readonly spec: Spec;
    /** Null = the runner's own code. */
    readonly commit: string | null;
    readonly purpose: Job["purpose"];
  } | null;
}

/** Online ones first, then by when they were last heard of. */
export async function listRunners(db: Db): Promise<RunnerRow[]> {
  const rows = await db
    .select({
      id: runners.id,
      name: runners.name,
      keyId: runners.keyId,
      environment: runners.environment,
      engines: runners.engines,
      trusted: runners.trusted,
      tracks: runners.tracks,
      command: runners.command,
      lastSeenAt: runners.lastSeenAt,
      revokedAt: runners.revokedAt,
      online: online(),
      results: sql<number>`(select count(*)::int from ${results} where ${results.runnerId} = ${runners.id})`,
      jobId: jobs.id,
      spec: jobs.spec,
      commit: jobs.commit,
      purpose: jobs.purpose,
    })
    .from(runners)
    .leftJoin(jobs, and(eq(jobs.runnerId, runners.id), eq(jobs.state, "running")))
    .orderBy(sql`${online()} desc`, desc(runners.lastSeenAt), runners.id, desc(jobs.startedAt));
  // A runner that was killed may still hold the lease of an older job: the one it took last is what it runs.
  const latest = rows.filter((row, i) => row.id !== rows[i - 1]?.id);
  return latest.map(({ jobId, spec, commit, purpose, ...runner }) => ({
    ...runner,
    job: jobId && spec ? { id: jobId, spec, commit, purpose } : null,
  }));
}

/** A result with its curves, as its own page has it. */
export type WholeResult = Awaited<ReturnType<typeof findResult>>;

/** What a result page shows beside the row: the key that signed it, and how large its files are. */
export async function provenanceOf(
  db: Db,
  { runnerId, digests }: { readonly runnerId: string; readonly digests: readonly string[] },
): Promise<{ publicKey: Uint8Array; revokedAt: Date | null; sizes: Map<string, number> }> {
  const [[runner], stored] = await Promise.all([
    db
      .select({ publicKey: runners.publicKey, revokedAt: runners.revokedAt })
      .from(runners)
      .where(eq(runners.id, runnerId)),
    db
      .select({ digest: files.digest, bytes: files.bytes })
      .from(files)
      .where(inArray(files.digest, [...digests])),
  ]);
  return {
    publicKey: runner!.publicKey,
    revokedAt: runner!.revokedAt,
    sizes: new Map(stored.map(({ digest, bytes }) => [digest, bytes])),
  };
}

/** Results with the same spec but another seed, or the same spec again: the rest of the group, by seed. */
export const groupOf = (db: Db, groupDigest: string) =>
  db
    .select({ id: results.id, seed: results.seed, outcome: results.outcome, accuracy: results.accuracy })
    .from(results)
    .where(and(eq(results.groupDigest, groupDigest), not(results.tracked)))
    .orderBy(results.seed, results.seq);
