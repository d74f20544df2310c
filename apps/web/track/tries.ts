/**
 * Tries: a commit beside its merge base on one runner, every group of the policy, in turns. Nothing is suspected, so
 * nothing is located: what differs is told, and no alert is opened.
 */
import { differentSeeds, type Finding, isExact, judge, metrics, type Rule, roundsOf } from "@ticketmark/core";
import { groupNames } from "../components/group-names.ts";
import type { Db } from "../db/client.ts";
import { assignTry, progress } from "../db/investigations.ts";
import { listPoints, type PointRun } from "../db/points.ts";
import type { Investigation } from "../db/schema.ts";
import { addTrackedJobs, listTrackedJobs, type NewTrackedJob } from "../db/tracked-jobs.ts";
import { planOf } from "../plans.ts";
import { onTryFinished } from "./announce.ts";
import { type Between, bitsFindings, levelFinding } from "./findings.ts";
import { PRIORITIES } from "./queueing.ts";
import type { Situation } from "./situation.ts";
import { isOfBits } from "./suspicions.ts";

/** What a confirmation takes at least. */
const FEWEST_ROUNDS = 8;

/** True where it ended. */
export async function advanceTry(db: Db, investigation: Investigation, situation: Situation): Promise<boolean> {
  const jobs = await listTrackedJobs(db, { investigationId: investigation.id });
  if (jobs.length === 0) {
    await begin(db, investigation, situation);
    return false;
  }
  if (jobs.some(({ state }) => state === "queued" || state === "running")) return false;
  const failed = jobs.find(({ state }) => state === "failed" || state === "cancelled");
  const runs = await listPoints(db, { investigationId: investigation.id });
  const [testbed] = new Set(runs.map((run) => run.testbed));
  const isMixed = new Set(runs.map((run) => run.testbed)).size > 1;
  if (!testbed || isMixed || failed) {
    const why = failed
      ? `${failed.commit.slice(0, 8)} cannot be run: ${(failed.message ?? "").slice(0, 500)}`
      : isMixed
        ? "its runner changed in the middle: two testbeds are never mixed"
        : "no run named its testbed";
    await progress(db, investigation, { state: "abandoned", step: why });
    await onTryFinished(db, investigation.id);
    return true;
  }
  const findings = await findingsOf(db, runs, investigation, situation, testbed);
  const step =
    findings.length === 0 ? "no difference beyond noise, and the same bits" : `${findings.length} differences`;
  await progress(db, investigation, {
    ...{ state: findings.length === 0 ? "dismissed" : "confirmed", testbed, findings, step },
  });
  await onTryFinished(db, investigation.id);
  return true;
}

/** Rounds enough for the metric that wants most; without anyone to run it, it waits. */
async function begin(db: Db, investigation: Investigation, { runners, specs, policy }: Situation): Promise<void> {
  const runner = runners.find(({ online, pulls }) => online && (investigation.pull === null || pulls));
  if (!runner) return;
  const rounds = Math.max(FEWEST_ROUNDS, ...Object.values(policy.metrics).map((rule) => rule.rounds));
  const { id, base, head, pull } = investigation;
  const wanted: NewTrackedJob[] = [];
  for (const group of new Set(specs.map(({ groupDigest }) => groupDigest))) {
    const seeds = specs.filter(({ groupDigest }) => groupDigest === group);
    for (let round = 0; round < Math.max(rounds, seeds.length); round++) {
      const one = seeds[round < seeds.length ? round : 0]!;
      const plan = await planOf(one.spec, group);
      for (const commit of round % 2 === 0 ? [base, head] : [head, base])
        wanted.push({
          ...{ ...one, plan, commit, kind: "confirm", purpose: "try", priority: PRIORITIES.try },
          ...{ onlyRunner: runner.id, investigationId: id, pull: commit === head ? pull : null },
        });
    }
  }
  await addTrackedJobs(db, wanted);
  await assignTry(db, investigation, runner.id);
}

async function findingsOf(
  db: Db,
  runs: readonly PointRun[],
  { base, head }: Investigation,
  { specs, policy, testbeds }: Situation,
  testbed: string,
): Promise<Finding[]> {
  const engine = testbeds.get(testbed)!.engine;
  const names = groupNames(specs);
  const found: Finding[] = [];
  for (const [i, groupDigest] of [...new Set(specs.map((one) => one.groupDigest))].entries()) {
    const ours = runs.filter((run) => run.groupDigest === groupDigest);
    const at = (commit: string) => ours.filter((run) => run.commit === commit);
    const between = { groupDigest, testbed, name: names.get(groupDigest)!, base: at(base), head: at(head) };
    const seeds = isExact(engine) ? differentSeeds(between.base, between.head) : [];
    if (seeds.length > 0) found.push(...(await bitsFindings(db, between, seeds, policy)));
    found.push(...levelFindings(between, i === 0, engine, policy.metrics));
  }
  return found;
}

function levelFindings(
  between: Between,
  isFirst: boolean,
  engine: string,
  rules: Readonly<Record<string, Rule>>,
): Finding[] {
  return metrics.list.flatMap((metric) => {
    const rule = rules[metric.id];
    const isOfCommit = metric.unit === "bytes" && metric.kind === "exact";
    if (!rule || (isExact(engine) && isOfBits(metric)) || (isOfCommit && !isFirst)) return [];
    const runs = [...between.base, ...between.head]
      .filter(({ values }) => metric.id in values)
      .map(({ receivedAt, ...run }) => ({ ...run, at: receivedAt.getTime(), asked: true }));
    const commits = [between.base[0]?.commit, between.head[0]?.commit].filter((commit) => commit !== undefined);
    if (commits.length < 2) return [];
    const [before, after] = roundsOf(runs, metric.id, commits);
    // As many rounds as there are: what they do not decide stays undecided.
    // Nothing raised a suspicion, so only what is as large as the floor is told; `judge` asks for half of what it is given.
    const found = judge(before!, after!, { ...rule, floor: 2 * rule.floor }, isOfCommit);
    return found.state === "changed" ? [levelFinding(between, metric, found, isOfCommit)] : [];
  });
}
