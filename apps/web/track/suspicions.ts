/**
 * What is to be looked into: on each testbed the oldest change that nothing explains yet, one at a time, since what is
 * found of one series often explains the others.
 */
import {
  DEFAULT_DETECTOR,
  detectors,
  differentSeeds,
  type Finding,
  isExact,
  levelOf,
  type Metric,
  metrics,
  suspect,
} from "@ticketmark/core";
import type { Suspicion } from "../db/investigations.ts";
import type { PointRun } from "../db/points.ts";
import type { Alert, Investigation } from "../db/schema.ts";
import type { Situation } from "./situation.ts";

export interface History {
  /** Of whatever state. */
  readonly investigations: readonly Investigation[];
  readonly alerts: readonly Pick<Alert, "commit" | "parent" | "findings">[];
}

/** One for each testbed at most, and none where something is being looked into. */
export function findSuspicions(situation: Situation, history: History): Suspicion[] {
  const ours = new Set(situation.runners.map(({ id }) => id));
  const runs = situation.runs.filter(({ runnerId }) => ours.has(runnerId)); // nobody else would run them again
  const byTestbed = groupedBy(runs, ({ testbed }) => testbed);
  return [...byTestbed].flatMap(([testbed, runs]) => {
    const isBusy = history.investigations.some((one) => one.state === "running" && one.testbed === testbed);
    const found = isBusy ? null : firstSuspicion(situation, history, testbed, runs);
    return found ? [found] : [];
  });
}

function firstSuspicion(
  situation: Situation,
  history: History,
  testbed: string,
  all: readonly PointRun[],
): Suspicion | null {
  const engine = situation.testbeds.get(testbed)!.engine;
  const groups = [...new Set(situation.specs.map(({ groupDigest }) => groupDigest))];
  const watched = metrics.list.filter(({ id }) => situation.policy.metrics[id]);
  const bits: Suspicion[] = [];
  const levels: Suspicion[] = [];
  for (const [i, groupDigest] of groups.entries()) {
    const runs = all.filter((run) => run.groupDigest === groupDigest);
    const measured = measuredCommits(situation, runs);
    if (isExact(engine)) bits.push(...suspectBits(situation, history, testbed, groupDigest, measured));
    for (const metric of watched) {
      if (metric.unit === "bytes" && metric.kind === "exact" && i > 0) continue; // of the commit, not of the group
      if (isExact(engine) && isOfBits(metric)) continue; // the bits tell, without a threshold
      levels.push(...suspectLevels(situation, history, testbed, groupDigest, measured, metric));
    }
  }
  // Bits are sure and cost few runs; what may be noise waits until the head is run.
  const found = bits.length > 0 ? bits : isHeadWaiting(situation, all) ? [] : levels;
  const place = ({ head }: Suspicion) => situation.place.get(head)!;
  const [first] = found.toSorted((a, b) => place(a) - place(b));
  return first ? narrowed(first, situation, history) : null;
}

const isHeadWaiting = ({ jobs }: Situation, runs: readonly PointRun[]): boolean => {
  const runner = runs.at(-1)?.runnerId;
  const isWaiting = (state: string) => state === "queued" || state === "running";
  return jobs.some((job) => job.onlyRunner === runner && job.purpose === "track" && isWaiting(job.state));
};

/** Follows from the bits alone, on an engine that promises them. */
export const isOfBits = ({ id }: Pick<Metric, "id">): boolean => id === "accuracy" || id === "final-loss";

/** Map.groupBy, which Node 20 does not have. */
export function groupedBy<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  return groups;
}

interface Measured {
  readonly commit: string;
  readonly runs: readonly PointRun[];
}

/** Commits of the line with runs, oldest first; without those whose runs are still under way. */
function measuredCommits({ line, jobs }: Situation, runs: readonly PointRun[]): Measured[] {
  const byCommit = groupedBy(runs, ({ commit }) => commit);
  const group = runs[0]?.groupDigest;
  const runner = runs.at(-1)?.runnerId;
  const waiting = new Set(
    jobs
      .filter((job) => job.groupDigest === group && job.onlyRunner === runner && job.investigationId === null)
      .filter(({ state }) => state === "queued" || state === "running")
      .map(({ commit }) => commit),
  );
  return line.flatMap((commit) => {
    const of = byCommit.get(commit);
    return of && !waiting.has(commit) ? [{ commit, runs: of }] : [];
  });
}

/** So long (ms), and so often at most, what could not be finished is left alone. */
const REOPENED_AFTER = 30 * 60_000;
const MOST_ABANDONED = 3;

/** Nothing more to look into there. What was found may hide another change; what was given up may go well another time. */
function isSettled(one: Investigation, _: number, all: readonly Investigation[]): boolean {
  if (one.state === "dismissed" || one.state === "running") return true;
  if (one.state !== "abandoned") return false;
  const alike = all.filter(({ state, firstHead }) => state === "abandoned" && firstHead === one.firstHead);
  return alike.length >= MOST_ABANDONED || Date.now() - (one.finishedAt?.getTime() ?? 0) < REOPENED_AFTER;
}

/** What is known of one series: where changes are confirmed, and what was looked into. */
function knownOf(situation: Situation, history: History, testbed: string, groupDigest: string, metric: string) {
  const place = (commit: string) => situation.place.get(commit) ?? -1;
  const isOurs = (finding: Finding) =>
    finding.testbed === testbed && finding.groupDigest === groupDigest && finding.metric === metric;
  const confirmed = history.alerts.filter(({ findings }) => findings.some(isOurs));
  const looked = new Set(
    history.investigations
      .filter((one) => one.kind === "confirm" && one.testbed === testbed && one.groupDigest === groupDigest)
      .filter((one) => one.metrics.includes(metric))
      .filter(isSettled)
      .flatMap((one) => [one.firstHead, one.head]),
  );
  return {
    /** A change that was not located further counts wherever it may be. */
    explained: (base: string, head: string) =>
      confirmed.some(({ commit, parent }) => place(base) < place(commit) && place(parent) < place(head)),
    looked: (head: string) => looked.has(head),
  };
}

function suspectBits(
  situation: Situation,
  history: History,
  testbed: string,
  groupDigest: string,
  measured: readonly Measured[],
): Suspicion[] {
  const known = knownOf(situation, history, testbed, groupDigest, "behaviour");
  for (let i = 1; i < measured.length; i++) {
    const [base, head] = [measured[i - 1]!, measured[i]!];
    if (known.explained(base.commit, head.commit) || known.looked(head.commit)) continue;
    const seeds = differentSeeds(base.runs, head.runs);
    if (seeds.length === 0) continue;
    const reason = `other bits than the measured commit before it, seed ${seeds.join(", ")}`;
    return [suspicionOf(head.runs, { base: base.commit, head: head.commit, metric: "behaviour", reason })];
  }
  return [];
}

function suspectLevels(
  situation: Situation,
  history: History,
  testbed: string,
  groupDigest: string,
  measured: readonly Measured[],
  metric: Metric,
): Suspicion[] {
  const levels = measured.flatMap(({ commit, runs }) => {
    const value = levelOf(metric, runs);
    const values = runs.flatMap((run) => (metric.id in run.values ? [run.values[metric.id]!] : []));
    return value === null ? [] : [{ commit, value, runs: values, code: runs.at(-1)!.codeDigest }];
  });
  const known = knownOf(situation, history, testbed, groupDigest, metric.id);
  const found = suspect(levels, situation.policy.metrics[metric.id]!, known, detectors.get(DEFAULT_DETECTOR));
  if (!found) return [];
  const { runs } = measured.find(({ commit }) => commit === found.head)!;
  return [suspicionOf(runs, { ...found, metric: metric.id })];
}

const suspicionOf = (
  runs: readonly PointRun[],
  found: Pick<Suspicion, "base" | "head" | "metric" | "reason">,
): Suspicion => {
  const { groupDigest, testbed, runnerId } = runs.at(-1)!;
  return { ...found, groupDigest, testbed, runnerId };
};

/** Where another series' change was located between the same two commits, it is looked for there first. */
function narrowed(found: Suspicion, { place }: Situation, { alerts, investigations }: History): Suspicion {
  const [from, to] = [place.get(found.base)!, place.get(found.head)!];
  const hint = alerts.find(({ commit, parent }) => {
    const [before, at] = [place.get(parent), place.get(commit)];
    if (before === undefined || at === undefined || at - before !== 1 || before < from || at > to) return false;
    if (before === from && at === to) return false;
    return !investigations.some(
      (one) =>
        one.firstHead === commit &&
        one.testbed === found.testbed &&
        one.groupDigest === found.groupDigest &&
        one.metrics.includes(found.metric),
    );
  });
  return hint
    ? { ...found, base: hint.parent, head: hint.commit, reason: `${found.reason}; first where another series changed` }
    : found;
}
