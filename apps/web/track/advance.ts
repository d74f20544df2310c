/**
 * One step of each investigation: core says what is next (series/investigate.ts), and here it is done. While runs of an
 * investigation are under way it waits.
 */
import {
  type Case,
  differentSeeds,
  type EvidenceRun,
  type Finding,
  isExact,
  judgementOf,
  metrics,
  type Next,
  nextStep,
  type Rule,
  type Wanted,
} from "@ticketmark/core";
import { groupNames } from "../components/group-names.ts";
import { openAlert } from "../db/alerts.ts";
import type { Db } from "../db/client.ts";
import { progress } from "../db/investigations.ts";
import type { PointRun } from "../db/points.ts";
import type { Investigation } from "../db/schema.ts";
import { addTrackedJobs, cancelTracked, listTrackedJobs, type TrackedJob } from "../db/tracked-jobs.ts";
import { planOf } from "../plans.ts";
import { bitsFindings, levelFinding } from "./findings.ts";
import { PRIORITIES } from "./queueing.ts";
import type { Situation } from "./situation.ts";
import { isOfBits } from "./suspicions.ts";

/** A search that takes more runs than this does not end by itself. */
const MOST_JOBS = 200;
/** Jobs at one of the two ends that could not be run, after which it is given up. */
const MOST_FAILED = 2;

/** True where it went on: there may be a next step at once. */
export async function advance(db: Db, investigation: Investigation, situation: Situation): Promise<boolean> {
  const jobs = await listTrackedJobs(db, { investigationId: investigation.id });
  const abandon = async (reason: string): Promise<true> => {
    await cancelTracked(
      db,
      jobs.map(({ id }) => id),
      reason,
    );
    await progress(db, investigation, { state: "abandoned", step: reason });
    return true;
  };
  if (!situation.runners.some(({ id }) => id === investigation.runnerId))
    return abandon("its runner no longer follows the repository");
  if (jobs.some(({ state }) => state === "queued" || state === "running")) return false;
  const reason = whyAbandoned(investigation, situation, jobs);
  if (reason !== null) return abandon(reason);
  const next = nextStep(caseOf(investigation, situation, jobs));
  if (next.type === "run" && next.runs.length === 0) return abandon("nothing is left to run, and it is not decided");
  if (next.type === "run") {
    await queueRuns(db, investigation, situation, next.runs);
    await progress(db, investigation, { step: next.text });
  } else if (next.type === "narrow") {
    await progress(db, investigation, { base: next.base, head: next.head, step: next.text });
  } else await conclude(db, investigation, situation, next);
  return next.type !== "run";
}

const placesOf = ({ place }: Situation, { base, head }: Pick<Investigation, "base" | "head">) =>
  [place.get(base), place.get(head)] as const;

function whyAbandoned(investigation: Investigation, situation: Situation, jobs: readonly TrackedJob[]): string | null {
  const [metric] = investigation.metrics;
  const [from, to] = placesOf(situation, investigation);
  if (from === undefined || to === undefined || from >= to) return "one of its commits is no longer on the branch";
  if (metric !== "behaviour" && !situation.policy.metrics[metric!]) return `the policy no longer watches ${metric}`;
  if (!situation.specs.some(({ groupDigest }) => groupDigest === investigation.groupDigest))
    return "the policy no longer runs these specs";
  if (jobs.some(({ state, testbed }) => state === "done" && testbed !== null && testbed !== investigation.testbed))
    return "the testbed is no more: its runner now measures on another";
  for (const commit of [investigation.base, investigation.head]) {
    const failed = failedAt(jobs, commit);
    if (failed.length >= MOST_FAILED)
      return `${commit.slice(0, 8)} cannot be run: ${(failed.at(-1)!.message ?? "").slice(0, 500)}`;
    if (silentRuns(investigation, situation, commit) >= MOST_FAILED)
      return `${commit.slice(0, 8)} runs without measuring ${metric}`;
  }
  return jobs.length > MOST_JOBS ? `no answer after ${jobs.length} runs` : null;
}

const failedAt = (jobs: readonly TrackedJob[], commit: string): TrackedJob[] =>
  jobs.filter((job) => job.commit === commit && (job.state === "failed" || job.state === "cancelled"));

/** Runs of this investigation at a commit that do not have what it asks about: diverged, or from before it was measured. */
function silentRuns(investigation: Investigation, situation: Situation, commit: string): number {
  const metric = investigation.metrics[0]!;
  if (metric === "behaviour") return 0;
  return runsOf(situation, investigation).filter(
    (run) => run.commit === commit && run.investigationId === investigation.id && !(metric in run.values),
  ).length;
}

function runsOf({ runs }: Situation, { groupDigest, testbed }: Investigation): PointRun[] {
  return runs.filter((run) => run.groupDigest === groupDigest && run.testbed === testbed);
}

function caseOf(investigation: Investigation, situation: Situation, jobs: readonly TrackedJob[]): Case {
  const { base, head, firstBase, firstHead, groupDigest, testbed, metrics: suspected } = investigation;
  const [from, to] = placesOf(situation, investigation);
  const metric = suspected[0]!;
  const seeds = situation.specs
    .filter((one) => one.groupDigest === groupDigest)
    .map(({ spec }) => spec.seed)
    .sort((a, b) => a - b);
  const rule: Rule = situation.policy.metrics[metric] ?? { floor: 0, spread: 0, rounds: 1 };
  return {
    ...{ base, head, seeds, rule },
    between: situation.line
      .slice(from! + 1, to!)
      .filter((commit) => failedAt(jobs, commit).length === 0 && silentRuns(investigation, situation, commit) === 0),
    isNarrowed: base !== firstBase || head !== firstHead,
    question:
      metric === "behaviour"
        ? ({ bits: true } as const)
        : ({ bits: false, metric, exact: hasNoNoise(metric, situation.testbeds.get(testbed!)!.engine) } as const),
    runs: runsOf(situation, investigation).map(
      ({ receivedAt, purpose, ...run }): EvidenceRun => ({
        ...run,
        at: receivedAt.getTime(),
        asked: run.investigationId === investigation.id || (isAsked(purpose) && receivedAt > investigation.createdAt),
      }),
    ),
  };
}

const isAsked = (purpose: PointRun["purpose"]): boolean =>
  purpose === "confirm" || purpose === "bisect" || purpose === "try";

/** Accuracy and loss are exact where the bits are. */
function hasNoNoise(id: string, engine: string): boolean {
  const metric = metrics.get(id);
  return metric.kind === "exact" && (isExact(engine) || !isOfBits(metric));
}

async function queueRuns(
  db: Db,
  { id, base, head, groupDigest, runnerId }: Investigation,
  { specs }: Situation,
  wanted: readonly Wanted[],
): Promise<void> {
  await addTrackedJobs(
    db,
    await Promise.all(
      wanted.map(async ({ commit, seed }) => {
        const one = specs.find(({ spec, ...digests }) => digests.groupDigest === groupDigest && spec.seed === seed)!;
        const purpose = commit === base || commit === head ? ("confirm" as const) : ("bisect" as const);
        return {
          ...{ ...one, commit, purpose, kind: "confirm" as const, priority: PRIORITIES[purpose] },
          ...{ onlyRunner: runnerId, pull: null, investigationId: id },
          plan: await planOf(one.spec, one.groupDigest),
        };
      }),
    ),
  );
}

async function conclude(
  db: Db,
  investigation: Investigation,
  situation: Situation,
  { state, judgement, text }: Extract<Next, { type: "end" }>,
): Promise<void> {
  if (state === "dismissed") return progress(db, investigation, { state, step: text });
  // What is sure of the two ends, and of no two commits between them, is told of the ends.
  const [base, head] =
    state === "confirmed"
      ? [investigation.base, investigation.head]
      : [investigation.firstBase, investigation.firstHead];
  const metric = investigation.metrics[0]!;
  const runs = runsOf(situation, investigation);
  const between = {
    groupDigest: investigation.groupDigest!,
    testbed: investigation.testbed!,
    name: groupNames(situation.specs).get(investigation.groupDigest!)!,
    base: runs.filter((run) => run.commit === base),
    head: runs.filter((run) => run.commit === head),
  };
  const findings = await findingsOf();
  if (findings.length === 0) return progress(db, investigation, { state: "dismissed", step: text });
  const { id } = await openAlert(db, { commit: head, parent: base, findings });
  await progress(db, investigation, { state, findings, alertId: id, step: text });

  async function findingsOf(): Promise<Finding[]> {
    if (metric === "behaviour") {
      const seeds = differentSeeds(between.base, between.head);
      return seeds.length === 0 ? [] : bitsFindings(db, between, seeds, situation.policy);
    }
    const one = metrics.get(metric);
    const exact = hasNoNoise(metric, situation.testbeds.get(between.testbed)!.engine);
    const found =
      state === "confirmed" ? judgement : judgementOf(caseOf({ ...investigation, base, head }, situation, []));
    return found && found.change !== 0 ? [levelFinding(between, one, found, exact)] : [];
  }
}
