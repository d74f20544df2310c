/** What the pages of commits ask: a commit beside the one before it, and two commits beside each other. */
import { type Finding, firstDifference, HISTORY, type Policy } from "@ticketmark/core";
import { group as groupBy } from "d3-array";
import { groupNames } from "../components/group-names.ts";
import { type ComparedGroup, type ComparedTestbed, compareGroup } from "../components/regression-compare.ts";
import type { Db } from "./client.ts";
import { listPoints, listTraces, type PointRun } from "./points.ts";
import { listLine } from "./regressions.ts";
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
  const both = compared.flatMap((one): ComparedTestbed[] => {
    const groups = one.groups.filter((group) => group.base !== null);
    const onlyHead = one.groups.filter((group) => group.base === null).map(({ name }) => name);
    const here = points.filter(({ testbed, commit }) => testbed === one.digest && commit === base);
    const onlyBase = [...new Set(here.map(({ groupDigest }) => groupDigest))]
      .filter((digest) => !one.groups.some(({ groupDigest }) => groupDigest === digest))
      .map((digest) => names.get(digest)!)
      .sort();
    return groups.length + onlyHead.length + onlyBase.length === 0 ? [] : [{ ...one, groups, onlyHead, onlyBase }];
  });
  return fullestFirst(both);
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
  return fullestFirst(placed);
}

const fullestFirst = (found: readonly ComparedTestbed[]): ComparedTestbed[] =>
  found.toSorted((a, b) => b.groups.length - a.groups.length || (a.digest < b.digest ? -1 : 1));

/** Where bits first differ: traces and phases are in the results, which points leave in the database. */
async function placeFirsts(db: Db, found: readonly ComparedTestbed[]): Promise<ComparedTestbed[]> {
  const pairs = found.flatMap(({ groups }) =>
    groups.flatMap((group) =>
      (group.bits?.differing ?? []).map((seed) => {
        const of = (runs: readonly PointRun[]) => runs.find((run) => run.seed === seed)!.resultId;
        return { group, seed, base: of(group.baseRuns), head: of(group.runs) };
      }),
    ),
  );
  const traces = await listTraces(
    db,
    pairs.flatMap(({ base, head }) => [base, head]),
  );
  const firsts = new Map<ComparedGroup, NonNullable<Finding["first"]>>();
  for (const { group, seed, base, head } of pairs) {
    const [before, after] = [traces.get(base)!, traces.get(head)!];
    const first = firstDifference({ seed, ...before }, { seed, ...after }, before.phases);
    if (first && first.block < (firsts.get(group)?.block ?? Number.POSITIVE_INFINITY)) firsts.set(group, first);
  }
  return found.map((one) => ({
    ...one,
    groups: one.groups.map((group) => ({ ...group, first: firsts.get(group) ?? null })),
  }));
}
