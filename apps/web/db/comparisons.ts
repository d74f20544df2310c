/** What the pages of commits ask: a commit beside the one before it, and two commits beside each other. */
import { firstDifference, HISTORY, type Policy, type Result } from "@ticketmark/core";
import { group as groupBy } from "d3-array";
import { inArray, sql } from "drizzle-orm";
import { groupNames } from "../components/group-names.ts";
import { type ComparedGroup, type ComparedTestbed, compareGroup } from "../components/regression-compare.ts";
import type { Db } from "./client.ts";
import { listPoints, type PointRun } from "./points.ts";
import { listLine } from "./regressions.ts";
import { results } from "./schema.ts";
import { listTestbeds } from "./testbeds.ts";

/**
 * Each group and testbed that was run at `commit`, beside the nearest commit before it on its line that ran the same there;
 * by testbed, most runs first.
 */
export async function measuredAt(db: Db, commit: string, policy: Policy): Promise<ComparedTestbed[]> {
  const line = (await listLine(db, commit, LOOKED_BACK)).map(({ hash }) => hash);
  const points = await listPoints(db, { commits: line });
  const before = line.slice(1);
  return compareAll(db, {
    points,
    policy,
    head: commit,
    baseFor: (ran) => before.find((hash) => ran.has(hash)) ?? null,
    history: before,
  });
}

/** How far back on a line a commit's numbers are held against, and a series' noise is looked for. */
const LOOKED_BACK = 2 * HISTORY;

/** Two commits, testbed by testbed. What was not run on both sides of a testbed is named and not compared. */
export async function compareCommits(db: Db, base: string, head: string, policy: Policy): Promise<ComparedTestbed[]> {
  const line = (await listLine(db, base, LOOKED_BACK)).map(({ hash }) => hash);
  const points = await listPoints(db, { commits: [...new Set([...line, head])] });
  const compared = await compareAll(db, {
    ...{ points, policy, head, history: line },
    baseFor: (ran) => (ran.has(base) ? base : null),
  });
  const names = groupNames(points);
  return compared.flatMap((one): ComparedTestbed[] => {
    const groups = one.groups.filter((group) => group.base !== null);
    const onlyHead = one.groups.filter((group) => group.base === null).map(({ name }) => name);
    const here = points.filter(({ testbed, commit }) => testbed === one.digest && commit === base);
    const onlyBase = [...new Set(here.map(({ groupDigest }) => groupDigest))]
      .filter((digest) => !one.groups.some(({ groupDigest }) => groupDigest === digest))
      .map((digest) => names.get(digest)!)
      .sort();
    return groups.length + onlyHead.length + onlyBase.length === 0 ? [] : [{ ...one, groups, onlyHead, onlyBase }];
  });
}

interface Wanted {
  readonly points: readonly PointRun[];
  readonly policy: Policy;
  readonly head: string;
  /** What a group is held against, of the commits that ran it on that testbed. */
  baseFor(ran: ReadonlySet<string>): string | null;
  /** Commits before, newest first. */
  readonly history: readonly string[];
}

/** Every testbed that any of the points is from; groups by name. */
async function compareAll(db: Db, { points, policy, head, baseFor, history }: Wanted): Promise<ComparedTestbed[]> {
  const names = groupNames(points);
  const digests = new Set(points.map(({ testbed }) => testbed));
  const known = [...(await listTestbeds(db))].flatMap(([digest, testbed]) =>
    digests.has(digest) ? [{ digest, testbed }] : [],
  );
  const oldestFirst = history.toReversed();
  const found = known.map(({ digest, testbed }): ComparedTestbed => {
    const here = points.filter((point) => point.testbed === digest);
    const groups = [...new Set(here.map(({ groupDigest }) => groupDigest))].flatMap((groupDigest): ComparedGroup[] => {
      const own = here.filter((point) => point.groupDigest === groupDigest);
      const byCommit = groupBy(own, ({ commit }) => commit);
      const runs = byCommit.get(head);
      if (!runs) return [];
      const base = baseFor(new Set(byCommit.keys()));
      const baseRuns = (base && byCommit.get(base)) || [];
      const before = oldestFirst.flatMap((commit) => (byCommit.has(commit) ? [byCommit.get(commit)!] : []));
      const sides = { groupDigest, name: names.get(groupDigest)!, base, baseRuns, runs, history: before };
      return [compareGroup(sides, { digest, testbed }, policy)];
    });
    return { digest, testbed, groups: groups.sort((a, b) => (a.name < b.name ? -1 : 1)), onlyBase: [], onlyHead: [] };
  });
  const placed = await placeFirsts(db, found);
  return placed.sort((a, b) => b.groups.length - a.groups.length || (a.digest < b.digest ? -1 : 1));
}

/** Blocks of traces as phases and iterations: phases are in the results, which points leave in the database. */
async function placeFirsts(db: Db, found: readonly ComparedTestbed[]): Promise<ComparedTestbed[]> {
  const pairs = found.flatMap(({ groups }) =>
    groups.flatMap((group) => {
      const seed = group.bits?.first?.seed;
      const [base, head] = [group.baseRuns, group.runs].map((runs) => runs.find((run) => run.seed === seed));
      return base && head ? [{ group, base, head }] : [];
    }),
  );
  if (pairs.length === 0) return [...found];
  const rows = await db
    .select({ id: results.id, phases: sql<Result["phases"]>`${results.result} -> 'phases'` })
    .from(results)
    .where(
      inArray(
        results.id,
        pairs.map(({ base }) => base.resultId),
      ),
    );
  const phases = new Map(rows.map((row) => [row.id, row.phases]));
  const firsts = new Map(
    pairs.map(({ group, base, head }) => [group, firstDifference(base, head, phases.get(base.resultId)!)]),
  );
  return found.map((one) => ({
    ...one,
    groups: one.groups.map((group) => ({ ...group, first: firsts.get(group) ?? null })),
  }));
}
