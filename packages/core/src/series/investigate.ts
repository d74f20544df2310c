/**
 * From a suspicion to the commit that caused it. First both ends are run again, in turns, until it is sure that they differ;
 * then the commits between are run, the middle one first, each time beside both ends; last the two neighbours that are
 * left are held against each other like the first pair. What does not hold is let go, and what cannot be located further
 * is said to lie between two commits. One step at a time: whoever calls carries it out and asks again.
 */
import { type Bits, bitsOf } from "./behaviour.ts";
import { type Judgement, judge, votes } from "./confirm.ts";
import { levelOf } from "./points.ts";
import type { Rule } from "./policy.ts";

/** A run at a commit, on the testbed and of the group in question. */
export interface EvidenceRun extends Bits {
  readonly commit: string;
  /** Milliseconds since 1970, when it ended. */
  readonly at: number;
  /** Asked for to confirm or locate: not what raised the suspicion. */
  readonly asked: boolean;
}

export interface Case {
  /** Newest measured commit of the old level, and oldest of the new one, as far as is known. */
  readonly base: string;
  readonly head: string;
  /** Commits between them, oldest first; those that cannot be run are left out. */
  readonly between: readonly string[];
  /** Where it began: it was sure of these two when it began to narrow. */
  readonly isNarrowed: boolean;
  /** "bits" = behaviour; else a metric, exact (no noise) or not. */
  readonly question:
    | { readonly bits: true }
    | { readonly bits: false; readonly metric: string; readonly exact: boolean };
  readonly rule: Rule;
  readonly runs: readonly EvidenceRun[];
  /** Seeds of the group, the one to run first. */
  readonly seeds: readonly number[];
}

/** What to run next: in this order, so that commits take turns. */
export interface Wanted {
  readonly commit: string;
  readonly seed: number;
}

export type Next =
  | { readonly type: "run"; readonly runs: readonly Wanted[]; readonly text: string }
  | { readonly type: "narrow"; readonly base: string; readonly head: string; readonly text: string }
  /** "unlocated": sure at first, and no longer for the neighbours that were left. */
  | {
      readonly type: "end";
      readonly state: "confirmed" | "dismissed" | "unlocated";
      readonly judgement: Judgement | null;
      readonly text: string;
    };

/** Rounds in which a commit between is run beside both ends: few if they agree, else some more. */
const FEW = 3;
const MORE = 5;
/** Runs further apart than this (ms) are no round: the machine was another. */
const APART = 60 * 60_000;

export function nextStep(one: Case): Next {
  return one.question.bits ? nextOfBits(one) : nextOfMetric(one, one.question.metric, one.question.exact);
}

const short = (commit: string): string => commit.slice(0, 8);

// ------------------------------------------------------------------------------------------------- bits

function nextOfBits({ base, head, between, isNarrowed, runs, seeds }: Case): Next {
  const asked = (commit: string) => runs.filter((run) => run.commit === commit && run.asked);
  const missing = [base, head].filter((commit) => asked(commit).length === 0);
  const seed = seedToRun(runs, base, head, seeds);
  if (missing.length > 0)
    return {
      type: "run",
      runs: missing.map((commit) => ({ commit, seed })),
      text: `runs ${missing.map(short).join(" and ")} again`,
    };

  const repeats = (commit: string) => isRepeatable(runs.filter((run) => run.commit === commit));
  if (!repeats(base)) return end("dismissed", `${short(base)} gives other bits each time, too: a fault of the machine`);
  const bits = (commit: string) => bitsOfSeed(runs, commit, seed);
  const [old, now] = [bits(base), bits(head)];
  if (old === now && repeats(head))
    return end(isNarrowed ? "unlocated" : "dismissed", "the bits are the same when both are run again");

  const middle = between[between.length >> 1];
  if (middle !== undefined) {
    const found = bits(middle);
    if (found === null)
      return { type: "run", runs: [{ commit: middle, seed }], text: `runs ${short(middle)}, between them` };
    return found === old
      ? { type: "narrow", base: middle, head, text: `${short(middle)} gives the bits of ${short(base)}` }
      : { type: "narrow", base, head: middle, text: `${short(middle)} gives other bits than ${short(base)}` };
  }
  // One run of a commit that was found on the way may be a fluke.
  const once = [base, head].filter(
    (commit) => runs.filter((run) => run.commit === commit && run.seed === seed).length < 2,
  );
  if (once.length > 0)
    return {
      type: "run",
      runs: once.map((commit) => ({ commit, seed })),
      text: `runs ${once.map(short).join(" and ")} once more`,
    };
  const rest = seeds.flatMap((one) =>
    [base, head].filter((commit) => bitsOfSeed(runs, commit, one) === null).map((commit) => ({ commit, seed: one })),
  );
  if (rest.length > 0) return { type: "run", runs: rest, text: "runs the other seeds of both" };
  const how = repeats(head) ? `other bits than ${short(base)}, each time the same` : "other bits each time it is run";
  return end("confirmed", `${short(head)} gives ${how}`);
}

const end = (
  state: "confirmed" | "dismissed" | "unlocated",
  text: string,
  judgement: Judgement | null = null,
): Next => ({
  ...{ type: "end", state, judgement, text },
});

function bitsOfSeed(runs: readonly EvidenceRun[], commit: string, seed: number): string | null {
  const run = runs.find((one) => one.commit === commit && one.seed === seed);
  return run ? bitsOf(run) : null;
}

/** A seed that is known to differ, else the first. */
const seedToRun = (runs: readonly EvidenceRun[], base: string, head: string, seeds: readonly number[]): number =>
  seeds.find((seed) => {
    const [old, now] = [bitsOfSeed(runs, base, seed), bitsOfSeed(runs, head, seed)];
    return old !== null && now !== null && old !== now;
  }) ?? seeds[0]!;

function isRepeatable(runs: readonly EvidenceRun[]): boolean {
  const bySeed = new Map<number, string>();
  return runs.every((run) => {
    const known = bySeed.get(run.seed) ?? bitsOf(run);
    bySeed.set(run.seed, known);
    return known === bitsOf(run);
  });
}

// ------------------------------------------------------------------------------------------------- metrics

function nextOfMetric(one: Case, metric: string, exact: boolean): Next {
  const { base, head, between, isNarrowed, seeds } = one;
  const runs = evidenceOf(one, metric, exact);
  const middle = between[between.length >> 1];
  if (isNarrowed && middle !== undefined) return placeOf(middle, one, runs, metric, exact); // sure already that there is a change
  const found = judged(one, runs, metric, exact);
  if (found.state === "more")
    return {
      type: "run",
      runs: turns([base, head], found.wanted - found.rounds, seeds),
      text: `runs ${short(base)} and ${short(head)} in turns, ${found.rounds} of ${found.wanted} rounds so far`,
    };
  if (found.state === "same") return end(isNarrowed ? "unlocated" : "dismissed", sayJudged(found, false), found);

  if (middle === undefined) return end("confirmed", sayJudged(found, true), found);
  return placeOf(middle, one, runs, metric, exact);
}

/** With which of the two ends does a commit between them go? */
function placeOf(
  middle: string,
  { base, head, seeds }: Case,
  runs: readonly EvidenceRun[],
  metric: string,
  exact: boolean,
): Next {
  const levels = exact ? exactLevels(runs, metric, [base, middle, head]) : roundsOf(runs, metric, [base, middle, head]);
  const have = levels[0]!.length;
  const found = votes(levels[0]!, levels[1]!, levels[2]!);
  const agree = found.base === 0 || found.head === 0;
  const wanted = exact ? 1 : have < FEW ? FEW : agree ? have : MORE;
  if (have < wanted)
    return {
      type: "run",
      runs: turns(exact ? [middle] : [base, middle, head], wanted - have, seeds),
      text: `runs ${short(middle)} beside both`,
    };
  const isBase = found.base > found.head;
  const text = `${short(middle)} goes with ${short(isBase ? base : head)}, ${Math.max(found.base, found.head)} of ${have} rounds`;
  return isBase ? { type: "narrow", base: middle, head, text } : { type: "narrow", base, head: middle, text };
}

/** Commits in turns, every other round the other way round. Times do not depend on the seed: always the first. */
const turns = (commits: readonly string[], rounds: number, seeds: readonly number[]): Wanted[] =>
  Array.from({ length: rounds }, (_, round) => (round % 2 === 0 ? commits : commits.toReversed()))
    .flat()
    .map((commit) => ({ commit, seed: seeds[0]! }));

/** Of runs that count as evidence. */
function judged({ base, head, rule }: Case, runs: readonly EvidenceRun[], metric: string, exact: boolean): Judgement {
  const [before, after] = exact ? exactLevels(runs, metric, [base, head]) : roundsOf(runs, metric, [base, head]);
  return judge(before!, after!, rule, exact);
}

/** How the two ends of a case differ, as far as they were run. Of a case about bits: null. */
export function judgementOf(one: Case): Judgement | null {
  const { question } = one;
  return question.bits
    ? null
    : judged(one, evidenceOf(one, question.metric, question.exact), question.metric, question.exact);
}

/** Without noise the run that raised the suspicion is as good as any. */
const evidenceOf = ({ runs }: Case, metric: string, exact: boolean): EvidenceRun[] =>
  runs.filter((run) => (run.asked || exact) && metric in run.values);

/** One level each, or none for all where one of them was not measured. */
function exactLevels(runs: readonly EvidenceRun[], metric: string, commits: readonly string[]): number[][] {
  const levels = commits.map((commit) =>
    levelOf(
      { id: metric, kind: "exact" },
      runs.filter((run) => run.commit === commit),
    ),
  );
  return levels.map((level) => (level === null || levels.includes(null) ? [] : [level]));
}

/**
 * Values of rounds in which each of these commits ran once, near each other in time, whoever was first. A commit that ran
 * again before the round was full starts it anew with its later run.
 */
export function roundsOf(runs: readonly EvidenceRun[], metric: string, commits: readonly string[]): number[][] {
  const values: number[][] = commits.map(() => []);
  let round = new Map<string, EvidenceRun>();
  for (const run of runs.toSorted((a, b) => a.at - b.at)) {
    if (!commits.includes(run.commit)) continue;
    for (const [commit, { at }] of round) if (run.at - at > APART) round.delete(commit);
    round.set(run.commit, run);
    if (round.size < commits.length) continue;
    commits.forEach((commit, i) => {
      values[i]!.push(round.get(commit)!.values[metric]!);
    });
    round = new Map();
  }
  return values;
}

const percent = (share: number): string =>
  `${share < 0 ? "−" : "+"}${Math.round(1_000 * (share < 0 ? -share : share)) / 10} %`;

const sayJudged = ({ change, rounds, p }: Judgement, isChanged: boolean): string =>
  `${isChanged ? "differs" : "does not differ"}: ${percent(change)} in ${rounds} ${rounds === 1 ? "round" : "rounds"}, p ${Math.round(10_000 * p) / 10_000}`;
