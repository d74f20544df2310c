/**
 * A series out of its runs: one point a commit, in the order of the tracked line; where the bits changed; where the gate
 * expected each point; what the last one is beside those before it. Pure.
 */
import {
  type Band,
  type Bits,
  bandOf,
  bitsOf,
  HISTORY,
  isExact,
  isSuspect,
  kindOf,
  levelOf,
  type Metric,
  quartilesOf,
  type Rule,
  type Run,
} from "@ticketmark/core";

/** A point without what its runs and its commit are called. */
export interface Level<R extends Run> {
  readonly commit: string;
  /** Of the metric, in its unit. */
  readonly value: number;
  /** Those that measured it, in order of arrival. */
  readonly runs: readonly R[];
  /** Commits of the line between the point before and this one: nobody measured them. */
  readonly skipped: number;
}

/** An exact metric moves with the seeds that were run: two points are held against each other over those of both. */
export interface Step {
  readonly before: number;
  readonly after: number;
}

/** From the point before to the one at `place`; null for a first one, and where no seed is shared. */
export function stepAt(metric: Metric, levels: readonly Level<Run>[], place: number): Step | null {
  const [base, head] = [levels[place - 1], levels[place]!];
  if (!base) return null;
  if (metric.kind !== "exact") return { before: base.value, after: head.value };
  const [before, after] = [levelOf(metric, sharing(base, head)), levelOf(metric, sharing(head, base))];
  return before === null || after === null ? null : { before, after };
}

/** Runs of `one` with seeds that `other` ran too. */
function sharing<R extends Run>(one: Level<R>, other: Level<Run>): readonly R[] {
  const seeds = new Set(other.runs.map(({ seed }) => seed));
  return one.runs.filter(({ seed }) => seeds.has(seed));
}

/**
 * Seeds that the points on both sides ran and this one did not, or not yet (the newest has one side only), ascending:
 * without them the value of an exact metric is not comparable.
 */
export function missingAt(metric: Metric, levels: readonly Level<Run>[], place: number): number[] {
  const [before, here, after] = [levels[place - 1], levels[place]!, levels[place + 1]];
  if (metric.kind !== "exact" || !before) return [];
  const around = after ? sharing(before, after) : before.runs;
  const seeds = new Set(here.runs.map(({ seed }) => seed));
  return [...new Set(around.map(({ seed }) => seed))].filter((seed) => !seeds.has(seed)).sort((a, b) => a - b);
}

/** `line` oldest first. Runs at other commits are left out. */
export function levelsOf<R extends Run & { readonly commit: string }>(
  metric: Metric,
  runs: readonly R[],
  line: readonly string[],
): Level<R>[] {
  const byCommit = new Map<string, R[]>();
  for (const run of runs) {
    if (!(metric.id in run.values)) continue;
    const others = byCommit.get(run.commit);
    if (others) others.push(run);
    else byCommit.set(run.commit, [run]);
  }
  const levels: Level<R>[] = [];
  let before = -1;
  for (const [place, commit] of line.entries()) {
    const found = byCommit.get(commit);
    if (!found) continue;
    levels.push({
      ...{ commit, runs: found, value: levelOf(metric, found)! },
      skipped: before < 0 ? 0 : place - before - 1,
    });
    before = place;
  }
  return levels;
}

/** What a run computed has noise on an engine that promises no bits; the size of the package has none anywhere. */
export const metricOn = (metric: Metric, engine: string): Metric =>
  metric.kind === "measured" || isExact(engine) || metric.unit === "bytes" ? metric : { ...metric, kind: "measured" };

/** Points whose runs tell the gate the spread of a short history. */
const FEW = 5;

/** Fewer runs have no quartiles. */
const RUNS_TO_SPREAD = 3;

/** Quartiles of a point's runs; null for less than three. */
export function spreadOf({ runs }: Level<Run>, metric: Pick<Metric, "id">): readonly [number, number] | null {
  return runs.length < RUNS_TO_SPREAD ? null : quartilesOf(runs.map(({ values }) => values[metric.id]!));
}

/**
 * Which bits each point came out with: numbered from 0 in order of appearance, so that a change that is taken back
 * gets its old number again. Seeds that only one of two points ran say nothing, and of several runs of a seed the first
 * counts. @param points runs of each point, oldest first
 */
export function bitsStates(points: readonly (readonly Bits[])[]): number[] {
  const states: Map<number, string>[] = [];
  let current = 0;
  return points.map((runs) => {
    const bits = new Map(runs.toReversed().map((run) => [run.seed, bitsOf(run)]));
    if (states.length > 0 && agreement(states[current]!, bits) !== "same") {
      const earlier = states.findLastIndex((state) => agreement(state, bits) === "same");
      if (earlier >= 0) current = earlier;
      else if (agreement(states[current]!, bits) === "other") current = states.length;
    }
    states[current] = new Map([...bits, ...(states[current] ?? [])]);
    return current;
  });
}

function agreement(a: ReadonlyMap<number, string>, b: ReadonlyMap<number, string>): "same" | "other" | "unknown" {
  const shared = [...a.keys()].filter((seed) => b.has(seed));
  if (shared.length === 0) return "unknown";
  return shared.every((seed) => a.get(seed) === b.get(seed)) ? "same" : "other";
}

/**
 * Where the gate expects the point at `place`, from those before it, none of them beyond a confirmed change: null for a
 * first one. @param confirmed places of points with a confirmed change, ascending
 */
export function bandAt(
  metric: Metric,
  place: number,
  levels: readonly Level<Run>[],
  confirmed: readonly number[],
  rule: Rule,
): Band | null {
  const start = confirmed.findLast((changed) => changed < place) ?? 0;
  return expected(metric, levels.slice(Math.max(start, place - HISTORY), place), rule);
}

const expected = (metric: Metric, before: readonly Level<Run>[], rule: Rule): Band | null =>
  bandOf(
    before.map(({ value }) => value),
    rule,
    before.slice(-FEW).flatMap(({ runs }) => runs.map(({ values }) => values[metric.id]!)),
  );

/** The newest point beside the median of up to 30 before it, none of them beyond the group's last confirmed change. */
export interface Standing {
  readonly commit: string;
  readonly value: number;
  /** That median; null for a first point. */
  readonly before: number | null;
  /** (value − before) / |before|; null for a first point, and where there is nothing to divide by. */
  readonly change: number | null;
  /** Beyond what the gate lets pass, or "steady": also where nobody asks the gate. */
  readonly verdict: "better" | "worse" | "steady";
  /** The verdict has no noise in it, or was confirmed by running both commits again. */
  readonly certain: boolean;
}

/** How the gate would look at a metric that no rule watches. */
const UNWATCHED: Rule = { floor: 0, spread: 3, rounds: 1 };

/**
 * Null for no points. Of an exact metric over the seeds of the newest point alone. `rule` null = the metric is not watched.
 * @param confirmed places of points with a confirmed change: of this metric (`own`), of any of the group (`group`)
 */
export function standingOf(
  metric: Metric,
  levels: readonly Level<Run>[],
  confirmed: { readonly own: readonly number[]; readonly group: readonly number[] },
  rule: Rule | null,
): Standing | null {
  const last = levels.at(-1);
  if (!last) return null;
  const { commit, value } = last;
  const place = levels.length - 1;
  const certain = metric.kind === "exact" || confirmed.own.includes(place);
  const start = Math.max(confirmed.group.findLast((changed) => changed < place) ?? 0, place - HISTORY);
  const earlier = levels.slice(start, place);
  const band = expected(metric, metric.kind === "exact" ? alike(metric, earlier, last) : earlier, rule ?? UNWATCHED);
  if (!band) return { commit, value, before: null, change: null, verdict: "steady", certain };
  const before = band.level;
  const standing = { commit, value, before, change: relative(before, value), certain };
  if (!rule || !isSuspect(band, value)) return { ...standing, verdict: "steady" };
  return { ...standing, verdict: kindOf(metric, value - before) === "improvement" ? "better" : "worse" };
}

/** The same points over the seeds of `last`; those that did not run all of them are left out. */
function alike(metric: Metric, levels: readonly Level<Run>[], last: Level<Run>): Level<Run>[] {
  return levels.flatMap((level) => {
    if (sharing(last, level).length < last.runs.length) return [];
    const runs = sharing(level, last);
    return [{ ...level, runs, value: levelOf(metric, runs)! }];
  });
}

/** (after − before) / |before|; null where there is nothing to divide by. */
export const relative = (before: number, after: number): number | null =>
  before === after ? 0 : before === 0 ? null : (after - before) / Math.abs(before);
