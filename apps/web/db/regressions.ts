/** What the pages of regressions ask: the tracked line, what was measured along it, on what, and what waits. */
import {
  canonicalJson,
  compareBits,
  DEFAULT_POLICY,
  isExact,
  lineOf,
  type Policy,
  Problem,
  parseSpec,
  specDigest,
  specsOfPolicy,
  type Testbed,
} from "@ticketmark/core";
import { group as groupBy } from "d3-array";
import { and, asc, count, desc, eq, inArray, isNotNull, max, sql } from "drizzle-orm";
import { groupNames } from "../components/group-names.ts";
import { env } from "../env.ts";
import type { Db } from "./client.ts";
import { listBranches } from "./commits.ts";
import { online } from "./pages.ts";
import { listPoints, type PointRun } from "./points.ts";
import {
  type Alert,
  alerts,
  type Branch,
  type Commit,
  commits,
  type Investigation,
  investigations,
  jobs,
  type Pull,
  pulls,
  results,
  runners,
  testbeds,
} from "./schema.ts";
import { listTestbeds } from "./testbeds.ts";

/** The branch whose line is tracked; null before its head is known. */
export async function trackedBranch(db: Db): Promise<Branch | null> {
  const [branch] = await listBranches(db, env().branches.slice(0, 1));
  return branch ?? null;
}

/** In force: the last good one of the repository, or the defaults. */
export const policyOf = (branch: Branch | null): Policy => branch?.policy ?? DEFAULT_POLICY;

/** From `head` back along first parents as far as commits are known, newest first, at most `most`. */
export async function listLine(db: Db, head: string, most: number): Promise<Commit[]> {
  const rows = await db
    .select()
    .from(commits)
    .where(sql`${commits.hash} in (
    with recursive line(hash, parent, place) as (
      select hash, parents[1], 1 from commits where hash = ${head}
      union all
      select c.hash, c.parents[1], place + 1 from commits c join line on c.hash = line.parent where place < ${most}::int
    ) select hash from line)`);
  const byHash = new Map(rows.map((commit) => [commit.hash, commit]));
  return lineOf(head, (hash) => byHash.get(hash)?.parents ?? undefined, most).flatMap((hash) => byHash.get(hash) ?? []);
}

/** Fewest digits of a commit's name that are taken for it. */
const FEWEST_DIGITS = 7;

/** By its name or the first digits of it. Throws Problem "bad-request", "not-found", and "conflict" where several begin so. */
export async function findCommit(db: Db, name: string): Promise<Commit> {
  const digits = name.trim().toLowerCase();
  if (!/^[0-9a-f]{1,40}$/.test(digits) || digits.length < FEWEST_DIGITS)
    throw new Problem(
      "bad-request",
      `commit ${JSON.stringify(name.slice(0, 100))}: expected ${FEWEST_DIGITS} to 40 hex digits`,
    );
  const found = await db
    .select()
    .from(commits)
    .where(sql`starts_with(${commits.hash}, ${digits})`)
    .orderBy(asc(commits.hash))
    .limit(2);
  if (found.length === 0) throw new Problem("not-found", `commit ${digits}: there is none in the followed repository`);
  if (found.length > 1)
    throw new Problem("conflict", `commit ${digits}: expected more digits; several begin with them`);
  return found[0]!;
}

export interface Relatives {
  /** In git's order; null = not known yet. A parent may be unknown itself. */
  readonly parents: readonly { readonly hash: string; readonly subject: string | null }[] | null;
  readonly children: readonly Pick<Commit, "hash" | "subject">[];
}

/** Most children that are named. */
const CHILDREN = 20;

export async function relativesOf(db: Db, { hash, parents }: Commit): Promise<Relatives> {
  const columns = { hash: commits.hash, subject: commits.subject };
  const [known, children] = await Promise.all([
    parents && parents.length > 0 ? db.select(columns).from(commits).where(inArray(commits.hash, parents)) : [],
    db
      .select(columns)
      .from(commits)
      .where(sql`${hash} = any(${commits.parents})`)
      .orderBy(asc(commits.committedAt), asc(commits.hash))
      .limit(CHILDREN),
  ]);
  const subjects = new Map(known.map((parent) => [parent.hash, parent.subject]));
  return {
    parents: parents?.map((parent) => ({ hash: parent, subject: subjects.get(parent) ?? null })) ?? null,
    children,
  };
}

/** Of the groups run at a commit, how many gave other bits than at the nearest commit before that ran them there. */
export interface BitsAt {
  readonly groups: number;
  readonly changed: number;
  /** Of those, with NUMERICS raised. */
  readonly intended: number;
  /** Runs of the one commit that do not agree among themselves. */
  readonly mixed: number;
}

/** What became of a commit of the line, for the overview. */
export interface LineCommit extends Commit {
  /** Specs of the policy that have a result at it, of how many. */
  readonly measured: number;
  readonly wanted: number;
  readonly waiting: number;
  readonly running: number;
  readonly bits: BitsAt;
  /** A commit shortly before it was measured too. */
  readonly compared: boolean;
}

/** Commits behind those shown, in which what was run before the oldest of them is looked for. */
const BEHIND = 10;

/** The newest commits of the tracked line, newest first. */
export async function readLine(db: Db, branch: Branch, most: number): Promise<LineCommit[]> {
  const line = await listLine(db, branch.head, most + BEHIND);
  const hashes = line.map(({ hash }) => hash);
  const wanted = digestsOfPolicy(policyOf(branch));
  const [points, queue, beds] = await Promise.all([
    listPoints(db, { commits: hashes }),
    queueOf(db, hashes),
    listTestbeds(db),
  ]);
  const exact = new Set([...beds].flatMap(([digest, { engine }]) => (isExact(engine) ? digest : [])));
  const series = groupBy(
    points.filter(({ testbed }) => exact.has(testbed)),
    ({ testbed, groupDigest }) => `${testbed} ${groupDigest}`,
    ({ commit }) => commit,
  );
  const byCommit = groupBy(points, ({ commit }) => commit);
  return line.slice(0, most).map((commit, i) => ({
    ...commit,
    measured: new Set(
      (byCommit.get(commit.hash) ?? []).flatMap((run) => (wanted.has(run.specDigest) ? run.specDigest : [])),
    ).size,
    wanted: wanted.size,
    bits: bitsAt([...series.values()], hashes.slice(i)),
    compared: hashes.slice(i + 1).some((hash) => byCommit.has(hash)),
    ...(queue.get(commit.hash) ?? { waiting: 0, running: 0 }),
  }));
}

/** @param line the commit, and those before it, newest first */
function bitsAt(
  series: readonly ReadonlyMap<string, readonly PointRun[]>[],
  [hash, ...before]: readonly string[],
): BitsAt {
  const states = series.flatMap((runsAt) => {
    const base = before.find((commit) => runsAt.has(commit));
    return runsAt.has(hash!) && base ? [compareBits(runsAt.get(base)!, runsAt.get(hash!)!).state] : [];
  });
  const those = (...wanted: (typeof states)[number][]) => states.filter((state) => wanted.includes(state)).length;
  return {
    groups: those("same", "changed", "intended", "mixed"),
    changed: those("changed", "intended"),
    intended: those("intended"),
    mixed: those("mixed"),
  };
}

/** Jobs of the tracking that wait and run. */
export async function queueCounts(db: Db): Promise<{ waiting: number; running: number }> {
  const [row] = await db
    .select(inQueue)
    .from(jobs)
    .where(and(isNotNull(jobs.commit), inArray(jobs.state, ["queued", "running"])));
  return row!;
}

const inQueue = {
  waiting: sql<number>`(count(*) filter (where ${jobs.state} = 'queued'))::int`,
  running: sql<number>`(count(*) filter (where ${jobs.state} = 'running'))::int`,
};

/** What became of an investigation's jobs. */
export async function jobCountsOf(db: Db, investigationId: string) {
  const [row] = await db
    .select({
      ...inQueue,
      done: sql<number>`(count(*) filter (where ${jobs.state} = 'done'))::int`,
      failed: sql<number>`(count(*) filter (where ${jobs.state} in ('failed', 'cancelled')))::int`,
    })
    .from(jobs)
    .where(eq(jobs.investigationId, investigationId));
  return row!;
}

async function queueOf(db: Db, hashes: readonly string[]): Promise<Map<string, { waiting: number; running: number }>> {
  if (hashes.length === 0) return new Map();
  const rows = await db
    .select({ commit: jobs.commit, ...inQueue })
    .from(jobs)
    .where(and(inArray(jobs.commit, [...hashes]), inArray(jobs.state, ["queued", "running"])))
    .groupBy(jobs.commit);
  return new Map(rows.map(({ commit, ...n }) => [commit!, n]));
}

/** Specs are completed and hashed once for what is tracked. */
const digests = new Map<string, ReadonlySet<string>>();
const KEPT = 20;

function digestsOfPolicy(policy: Policy): ReadonlySet<string> {
  const key = canonicalJson(policy.track);
  const known = digests.get(key);
  if (known) return known;
  if (digests.size >= KEPT) digests.clear();
  const made = new Set(specsOfPolicy(policy).map((spec) => specDigest(parseSpec(spec))));
  digests.set(key, made);
  return made;
}

/** What series are measured on, and who measures. */
export interface TestbedRow {
  readonly digest: string;
  readonly testbed: Testbed;
  readonly runner: { readonly name: string; readonly online: boolean };
  readonly runs: number;
  readonly latest: Date;
}

/** Latest results first. */
export async function measuredOn(db: Db): Promise<TestbedRow[]> {
  const rows = await db
    .select({
      digest: testbeds.digest,
      testbed: testbeds.testbed,
      runner: { name: runners.name, online: online() },
      runs: count(),
      latest: max(results.receivedAt),
    })
    .from(results)
    .innerJoin(testbeds, eq(testbeds.digest, results.testbed))
    .innerJoin(runners, eq(runners.id, results.runnerId))
    .where(isNotNull(results.commit))
    .groupBy(testbeds.digest, runners.id)
    .orderBy(desc(max(results.receivedAt)));
  return rows.map((row) => ({ ...row, latest: row.latest! }));
}

/** Was any commit run? */
export async function isMeasured(db: Db): Promise<boolean> {
  const rows = await db.select({ id: results.id }).from(results).where(isNotNull(results.commit)).limit(1);
  return rows.length > 0;
}

/** Open ones, the latest change first. */
export const openPulls = (db: Db): Promise<Pull[]> =>
  db.select().from(pulls).where(eq(pulls.open, true)).orderBy(desc(pulls.updatedAt), desc(pulls.number)).limit(50);

/** A result's place among the series, for its page. */
export async function placeOfResult(db: Db, resultId: string) {
  const [row] = await db
    .select({
      commit: results.commit,
      tracked: results.tracked,
      purpose: jobs.purpose,
      investigationId: jobs.investigationId,
      /** Its commit is one of the followed repository. */
      known: isNotNull(commits.hash).mapWith(Boolean),
    })
    .from(results)
    .innerJoin(jobs, eq(jobs.id, results.jobId))
    .leftJoin(commits, eq(commits.hash, results.commit))
    .where(eq(results.id, resultId));
  return row!;
}

/** Alerts of some commits, by commit: one each at most. */
export async function alertsAt(
  db: Db,
  hashes: readonly string[],
): Promise<Map<string, Pick<Alert, "id" | "state" | "findings" | "parent">>> {
  if (hashes.length === 0) return new Map();
  const rows = await db
    .select({
      commit: alerts.commit,
      id: alerts.id,
      state: alerts.state,
      findings: alerts.findings,
      parent: alerts.parent,
    })
    .from(alerts)
    .where(inArray(alerts.commit, [...hashes]));
  return new Map(rows.map(({ commit, ...alert }) => [commit, alert]));
}

/** Null without any alert. */
export async function latestAlertChange(db: Db): Promise<Date | null> {
  const [row] = await db.select({ at: max(alerts.updatedAt) }).from(alerts);
  return row!.at;
}

/** What led to an alert, oldest first. */
export const investigationsOf = (db: Db, alertId: string): Promise<Investigation[]> =>
  db
    .select()
    .from(investigations)
    .where(eq(investigations.alertId, alertId))
    .orderBy(asc(investigations.createdAt), asc(investigations.id));

/** Subjects of commits, where they are known. */
export async function subjectsOf(db: Db, hashes: readonly string[]): Promise<Map<string, string>> {
  if (hashes.length === 0) return new Map();
  const rows = await db
    .select({ hash: commits.hash, subject: commits.subject })
    .from(commits)
    .where(inArray(commits.hash, [...new Set(hashes)]));
  return new Map(rows.map(({ hash, subject }) => [hash, subject]));
}

/** Of groups that have results, by digest. */
export async function namesOfGroups(db: Db, digests: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (digests.length === 0) return new Map();
  const rows = await db
    .selectDistinctOn([results.groupDigest], { groupDigest: results.groupDigest, spec: results.spec })
    .from(results)
    .where(inArray(results.groupDigest, [...digests]))
    .orderBy(asc(results.groupDigest), asc(results.seq));
  return groupNames(rows);
}

/** Jobs of a commit that wait or run: running ones first, then in the order of the queue. */
export const jobsAt = (db: Db, commit: string) =>
  db
    .select({
      id: jobs.id,
      spec: jobs.spec,
      state: jobs.state,
      purpose: jobs.purpose,
      progress: jobs.progress,
      runner: runners.name,
    })
    .from(jobs)
    .leftJoin(runners, eq(runners.id, jobs.runnerId))
    .where(and(eq(jobs.commit, commit), inArray(jobs.state, ["queued", "running"])))
    .orderBy(desc(jobs.state), desc(jobs.priority), asc(jobs.position))
    .limit(200);
