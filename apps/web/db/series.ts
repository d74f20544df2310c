/**
 * Series: one metric of one group of specs on one testbed, a point for each commit of the tracked line. Which there are,
 * and one of them with all that its page draws. What was read is kept until results, commits, policy or alerts change.
 */
import {
  type Band,
  DEFAULT_DETECTOR,
  isExact,
  lineOf,
  metrics,
  type Policy,
  Problem,
  type Rule,
  type Run,
  type Spec,
  seriesId,
  type Testbed,
} from "@ticketmark/core";
import { and, asc, count, eq, inArray, isNotNull, max, sql } from "drizzle-orm";
import { groupNames } from "../components/group-names.ts";
import type { Db } from "./client.ts";
import { graphOf } from "./commits.ts";
import { listPoints, type PointRun } from "./points.ts";
import { policyOf, trackedBranch } from "./regressions.ts";
import { type Alert, alerts, branches, commits, results, testbeds } from "./schema.ts";
import { type Change, changesOf } from "./series-changes.ts";
import {
  bandAt,
  bitsStates,
  type Level,
  levelsOf,
  metricOn,
  missingAt,
  type Standing,
  type Step,
  spreadOf,
  standingOf,
  stepAt,
} from "./series-points.ts";

/** Longest line that is followed back, and most points of a series that are shown: the newest. */
const MOST_COMMITS = 10_000;
const MOST_POINTS = 2_000;

/** What a series is of. */
export interface SeriesHead {
  readonly id: string;
  readonly groupDigest: string;
  /** Digest. */
  readonly testbed: string;
  readonly onTestbed: Testbed;
  /** Id, of core's list. */
  readonly metric: string;
  readonly dataset: string;
  readonly model: string;
  readonly method: string;
  readonly sparsity: number;
  /** Of the group, for people: "LeNet-300-100 on MNIST, RST at 98 %". */
  readonly name: string;
  /** Null = the policy does not watch the metric. */
  readonly rule: Rule | null;
}

export interface ListedSeries extends SeriesHead {
  /** Commits of the line that have a point. */
  readonly commits: number;
  readonly latest: Standing | null;
  readonly lastChange: Change | null;
  /** Runs at commits that are not on the line. */
  readonly offLine: number;
  /** When the latest of its runs came in. */
  readonly receivedAt: Date;
}

export interface SeriesRun {
  readonly seed: number;
  readonly value: number;
  readonly resultId: string;
  readonly purpose: PointRun["purpose"];
}

export interface SeriesPoint {
  readonly commit: string;
  readonly subject: string;
  readonly author: string;
  readonly committedAt: Date;
  readonly value: number;
  readonly runs: readonly SeriesRun[];
  /** Quartiles of the runs; null for less than three. */
  readonly low: number | null;
  readonly high: number | null;
  /** Commits of the line between the point before and this one: nobody measured them. */
  readonly skipped: number;
  /** From the point before, of an exact metric over the seeds of both; null for a first one. */
  readonly step: Step | null;
  /** Seeds that its neighbours ran, and it did not or not yet; none where that makes no difference. */
  readonly missing: readonly number[];
  /** Number of the bits that came out, from 0; null on engines whose bits are not promised. */
  readonly bits: number | null;
  readonly numerics: number;
  /** Where the gate expected it; null for a first point and where no rule watches the metric. */
  readonly band: Band | null;
}

export interface SeriesAlert extends Pick<Alert, "id" | "state" | "commit"> {
  /** Place of its commit among the points. */
  readonly index: number;
  /** One of its findings is this series'; else only others of the same commit. */
  readonly own: boolean;
}

export interface Series extends SeriesHead {
  readonly spec: Omit<Spec, "seed">;
  /** Oldest first. */
  readonly points: readonly SeriesPoint[];
  /** Id of the detector that found them. */
  readonly detector: string;
  readonly changePoints: readonly Change[];
  readonly alerts: readonly SeriesAlert[];
  readonly latest: Standing | null;
  /** Points before those shown, and runs at commits that are not on the line. */
  readonly older: number;
  readonly offLine: number;
}

interface Cached {
  readonly version: string;
  list: Promise<ListedSeries[]> | null;
  readonly series: Map<string, Promise<Series>>;
}
const cached = new WeakMap<Db, Cached>();
const MOST_CACHED = 50;

async function cacheOf(db: Db): Promise<Cached> {
  const version = await seriesVersion(db);
  const known = cached.get(db);
  if (known?.version === version) return known;
  const fresh = { version, list: null, series: new Map() };
  cached.set(db, fresh);
  return fresh;
}

/** Changes with everything that series are made of; counts, as transactions need not end in their order of seq. */
export async function seriesVersion(db: Db): Promise<string> {
  const rows = await Promise.all([
    db.select({ seq: max(results.seq), stored: count() }).from(results),
    db.select({ stored: count(), known: count(commits.parents) }).from(commits),
    db.select({ name: branches.name, head: branches.head, policy: sql`md5(${branches.policy}::text)` }).from(branches),
    db.select({ stored: count(), changed: sql`max(extract(epoch from ${alerts.updatedAt}))` }).from(alerts),
  ]);
  return JSON.stringify(rows);
}

/** By testbed, group and metric, each in the order of its list. */
export async function listSeries(db: Db): Promise<ListedSeries[]> {
  const cache = await cacheOf(db);
  if (cache.list) return cache.list;
  const list = readList(db);
  cache.list = list;
  list.catch(() => (cache.list = null)); // the caller sees the fault; the next one asks again
  return list;
}

/** `id`: of core's `seriesId`. Throws Problem "not-found". */
export async function readSeries(db: Db, id: string): Promise<Series> {
  const { series } = await cacheOf(db);
  const known = series.get(id);
  if (known) return known;
  const read = readOne(db, id);
  if (series.size >= MOST_CACHED) series.clear();
  series.set(id, read);
  read.catch(() => series.delete(id));
  return read;
}

interface Group {
  readonly groupDigest: string;
  readonly spec: Spec;
  readonly name: string;
}

/** Specs that have points, one a group, and their names. */
async function groupsOf(db: Db): Promise<Map<string, Group>> {
  const rows = await db
    .selectDistinctOn([results.groupDigest], { groupDigest: results.groupDigest, spec: results.spec })
    .from(results)
    .where(isPoint())
    .orderBy(asc(results.groupDigest), asc(results.seq));
  const names = groupNames(rows);
  return new Map(rows.map((row) => [row.groupDigest, { ...row, name: names.get(row.groupDigest)! }]));
}

const isPoint = () => and(isNotNull(results.commit), isNotNull(results.testbed));

interface Line {
  /** Oldest first. */
  readonly commits: readonly string[];
  readonly policy: Policy;
}

async function readLine(db: Db): Promise<Line> {
  const branch = await trackedBranch(db);
  const policy = policyOf(branch);
  if (!branch) return { commits: [], policy };
  const graph = await graphOf(db);
  const line = lineOf(branch.head, (commit) => graph.get(commit), MOST_COMMITS);
  return { commits: line.filter((commit) => graph.has(commit)).reverse(), policy }; // where history is cut, a last parent is a name only
}

const listAlerts = (db: Db) =>
  db
    .select({ id: alerts.id, state: alerts.state, commit: alerts.commit, findings: alerts.findings })
    .from(alerts)
    .orderBy(asc(alerts.seq));
type AlertRow = Awaited<ReturnType<typeof listAlerts>>[number];

const isOwn = ({ findings }: AlertRow, { groupDigest, testbed, metric }: Omit<SeriesHead, "id">): boolean =>
  findings.some((one) => one.groupDigest === groupDigest && one.testbed === testbed && one.metric === metric);

/** Places of points with a confirmed change, ascending: of this very series (the gate begins anew there), of its group. */
function confirmedOf(levels: readonly Level<Run>[], rows: readonly AlertRow[], head: SeriesHead) {
  const { groupDigest, testbed } = head;
  const places = (is: (row: AlertRow) => boolean): number[] => {
    const at = new Set(rows.filter(is).map(({ commit }) => commit));
    return levels.flatMap(({ commit }, i) => (at.has(commit) ? [i] : []));
  };
  return {
    own: places((row) => isOwn(row, head)),
    group: places((row) => row.findings.some((one) => one.groupDigest === groupDigest && one.testbed === testbed)),
  };
}

type Bed = Pick<typeof testbeds.$inferSelect, "digest" | "testbed">;

function headOf(metric: string, { groupDigest, spec, name }: Group, bed: Bed, policy: Policy): SeriesHead {
  return {
    id: seriesId(groupDigest, bed.digest, metric),
    ...{ groupDigest, testbed: bed.digest, onTestbed: bed.testbed, metric, name },
    ...{ dataset: spec.dataset, model: spec.model, method: spec.method.id, sparsity: spec.sparsity },
    rule: policy.metrics[metric] ?? null,
  };
}

async function readList(db: Db): Promise<ListedSeries[]> {
  const [groups, { commits: line, policy }, beds, alertRows, rows] = await Promise.all([
    groupsOf(db),
    readLine(db),
    db.select().from(testbeds).orderBy(asc(testbeds.firstSeenAt), asc(testbeds.digest)),
    listAlerts(db),
    db
      .select({
        groupDigest: results.groupDigest,
        testbed: results.testbed,
        commit: results.commit,
        seed: results.seed,
        values: results.values,
        receivedAt: results.receivedAt,
      })
      .from(results)
      .where(isPoint())
      .orderBy(asc(results.seq)),
  ]);
  const onLine = new Set(line);
  const byPlace = new Map<string, (Run & { commit: string; receivedAt: Date })[]>();
  for (const { groupDigest, testbed, commit, seed, values, receivedAt } of rows) {
    const key = `${testbed} ${groupDigest}`;
    const runs = byPlace.get(key) ?? [];
    byPlace.set(key, runs);
    runs.push({ commit: commit!, seed, values, receivedAt });
  }
  const ordered = [...groups.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return beds.flatMap((bed) =>
    ordered.flatMap((group) => {
      const runs = byPlace.get(`${bed.digest} ${group.groupDigest}`) ?? [];
      return metrics.list.flatMap((listed): ListedSeries[] => {
        const metric = metricOn(listed, bed.testbed.engine);
        const measured = runs.filter(({ values }) => metric.id in values);
        if (measured.length === 0) return [];
        const head = headOf(metric.id, group, bed, policy);
        const levels = levelsOf(metric, measured, line).slice(-MOST_POINTS);
        const confirmed = confirmedOf(levels, alertRows, head);
        return [
          {
            ...head,
            commits: levels.length,
            latest: standingOf(metric, levels, confirmed, head.rule),
            lastChange: changesOf(db, head.id, levels).at(-1) ?? null,
            offLine: measured.filter(({ commit }) => !onLine.has(commit)).length,
            receivedAt: measured.at(-1)!.receivedAt,
          },
        ];
      });
    }),
  );
}

async function readOne(db: Db, id: string): Promise<Series> {
  const place = await placeOf(db, id);
  const [groups, { commits: line, policy }, [bed], alertRows, all] = await Promise.all([
    groupsOf(db),
    readLine(db),
    db.select().from(testbeds).where(eq(testbeds.digest, place.testbed)),
    listAlerts(db),
    listPoints(db, place),
  ]);
  const metric = metricOn(metrics.get(place.metric), bed!.testbed.engine);
  const group = groups.get(place.groupDigest)!;
  const head = headOf(metric.id, group, bed!, policy);
  const measured = all.filter(({ values }) => metric.id in values);
  const everything = levelsOf(metric, measured, line);
  const levels = everything.slice(-MOST_POINTS);
  const confirmed = confirmedOf(levels, alertRows, head);
  const bits = isExact(bed!.testbed.engine) ? bitsStates(levels.map(({ runs }) => runs)) : null;
  const told = new Map((await commitsOf(db, levels)).map((commit) => [commit.hash, commit]));
  const onLine = new Set(line);
  const { seed: _, ...spec } = group.spec;
  return {
    ...head,
    spec,
    points: levels.map((level, i) => {
      const [low, high] = spreadOf(level, metric) ?? [null, null];
      const { subject, author, committedAt } = told.get(level.commit)!;
      return {
        ...{ commit: level.commit, subject, author, committedAt, value: level.value },
        runs: level.runs.map(({ seed, values, resultId, purpose }) => ({
          ...{ seed, resultId, purpose },
          value: values[metric.id]!,
        })),
        ...{
          low,
          high,
          skipped: level.skipped,
          bits: bits?.[i] ?? null,
          step: stepAt(metric, levels, i),
          missing: missingAt(metric, levels, i),
          band: head.rule && bandAt(metric, i, levels, confirmed.own, head.rule),
        },
        numerics: level.runs[0]!.numerics,
      };
    }),
    detector: DEFAULT_DETECTOR,
    changePoints: changesOf(db, id, levels),
    alerts: alertRows.flatMap((row) => {
      const index = levels.findIndex(({ commit }) => commit === row.commit);
      return index < 0 ? [] : [{ id: row.id, state: row.state, commit: row.commit, index, own: isOwn(row, head) }];
    }),
    latest: standingOf(metric, levels, confirmed, head.rule),
    older: everything.length - levels.length,
    offLine: measured.filter(({ commit }) => !onLine.has(commit)).length,
  };
}

/** Digests in full, and the metric. Throws Problem "not-found". */
async function placeOf(db: Db, id: string): Promise<{ groupDigest: string; testbed: string; metric: string }> {
  const [, group, testbed, metric] = /^([0-9a-f]{16})-([0-9a-f]{16})-([a-z-]{1,100})$/.exec(id) ?? [];
  const missing = new Problem("not-found", `series ${id.slice(0, 150)}: there is none`);
  if (!group || !testbed || !metric || !metrics.ids.includes(metric)) throw missing;
  const [row] = await db
    .select({ groupDigest: results.groupDigest, testbed: results.testbed })
    .from(results)
    .where(
      and(
        isNotNull(results.commit),
        sql`starts_with(${results.groupDigest}, ${group})`,
        sql`starts_with(${results.testbed}, ${testbed})`,
        sql`${results.values} ? ${metric}`,
      ),
    )
    .orderBy(asc(results.seq))
    .limit(1);
  if (!row) throw missing;
  return { groupDigest: row.groupDigest, testbed: row.testbed!, metric };
}

const commitsOf = (db: Db, levels: readonly Level<Run>[]) =>
  levels.length === 0
    ? Promise.resolve([])
    : db
        .select({
          hash: commits.hash,
          subject: commits.subject,
          author: commits.author,
          committedAt: commits.committedAt,
        })
        .from(commits)
        .where(
          inArray(
            commits.hash,
            levels.map(({ commit }) => commit),
          ),
        );
