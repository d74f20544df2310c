/**
 * What is known of commits and their comparisons, and the same as public JSON. What pages poll has a `version`: while it
 * stays the same, so does the page.
 */
import { createHash } from "node:crypto";
import { type ComparedGroup, type ComparedTestbed, verdictOf } from "./components/regression-compare.ts";
import { alertCounts } from "./db/alerts.ts";
import type { Db } from "./db/client.ts";
import { compareCommits, measuredAt } from "./db/comparisons.ts";
import { listInvestigations } from "./db/investigations.ts";
import type { PointRun } from "./db/points.ts";
import {
  alertsAt,
  jobsAt,
  latestAlertChange,
  policyOf,
  queueCounts,
  relativesOf,
  trackedBranch,
} from "./db/regressions.ts";
import type { Commit, Investigation } from "./db/schema.ts";
import { env } from "./env.ts";

/** The version changes with anything that `value` holds. */
const versioned = <T extends object>(value: T): T & { readonly version: string } => ({
  version: createHash("sha256").update(JSON.stringify(value)).digest("base64url").slice(0, 22),
  ...value,
});

/** What the overview rests on: small, as it is polled. */
export async function overviewJson(db: Db) {
  const [branch, alerts, latest, investigations, queue] = await Promise.all([
    trackedBranch(db),
    alertCounts(db),
    latestAlertChange(db),
    listInvestigations(db, { state: "running" }),
    queueCounts(db),
  ]);
  return versioned({
    repository: env().repository === null ? null : { branch: env().branches[0]!, head: branch?.head ?? null },
    policyProblem: branch?.policyProblem ?? null,
    alerts,
    alertsChanged: latest,
    investigations: investigations.map(publicInvestigation),
    queue,
  });
}

const publicInvestigation = ({ runnerId: _, createdBy: __, ...shown }: Investigation) => shown;

/** All that is known of a commit. */
export async function readCommit(db: Db, commit: Commit) {
  const policy = policyOf(await trackedBranch(db));
  const [relatives, measured, jobs, alerts, investigations] = await Promise.all([
    relativesOf(db, commit),
    measuredAt(db, commit.hash, policy),
    jobsAt(db, commit.hash),
    alertsAt(db, [commit.hash]),
    listInvestigations(db, { commits: [commit.hash], limit: 50 }),
  ]);
  const testbeds = measured.filter(({ groups }) => groups.length > 0);
  return { commit, relatives, testbeds, jobs, alert: alerts.get(commit.hash) ?? null, investigations };
}

export function commitJson(known: Awaited<ReturnType<typeof readCommit>>) {
  const { commit, relatives, testbeds, jobs, alert, investigations } = known;
  const { hash, subject, author, committedAt } = commit;
  return versioned({
    ...{ hash, subject, author, committedAt },
    parents: relatives.parents?.map((parent) => parent.hash) ?? null,
    children: relatives.children.map((child) => child.hash),
    testbeds: testbeds.map(publicTestbed),
    jobs: jobs.map(({ id, state, purpose }) => ({ id, state, purpose })),
    alert,
    investigations: investigations.map(publicInvestigation),
  });
}

/** Two commits beside each other. */
export async function readComparison(db: Db, base: Commit, head: Commit) {
  const policy = policyOf(await trackedBranch(db));
  return { base, head, testbeds: await compareCommits(db, base.hash, head.hash, policy) };
}

export const comparisonJson = ({ base, head, testbeds }: Awaited<ReturnType<typeof readComparison>>) => ({
  base: base.hash,
  head: head.hash,
  verdict: verdictOf(testbeds),
  testbeds: testbeds.map((one) => ({
    ...publicTestbed(one),
    notCompared: { base: one.onlyBase, head: one.onlyHead },
  })),
});

const publicTestbed = ({ digest, testbed, groups }: ComparedTestbed) => ({
  ...{ digest, testbed },
  groups: groups.map(publicGroup),
});

const publicGroup = ({ groupDigest, name, base, baseRuns, runs, bits, first, metrics }: ComparedGroup) => ({
  ...{ groupDigest, name, base },
  bits: bits && { ...bits, first },
  metrics: metrics.map(({ metric, series, level, compared }) => ({ metric, series, level, compared })),
  runs: { base: baseRuns.map(publicRun), head: runs.map(publicRun) },
});

const publicRun = ({ resultId, seed, outcome, purpose, values, ticketDigest, trainedDigest, trace }: PointRun) => ({
  ...{ resultId, seed, outcome, purpose, values, ticketDigest, trainedDigest },
  traceHead: trace.head,
});
