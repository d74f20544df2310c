/**
 * Which new point is worth a second look, and which two commits are to be run again for it. Two ways: a point outside what
 * its history does (gate.ts), and a change of level that no single point shows, which the detector finds in the whole
 * series. What is found is a suspicion, nothing more.
 */
import type { Detector } from "./detector.ts";
import { bandOf, HISTORY, isSuspect } from "./gate.ts";
import type { Rule } from "./policy.ts";

export interface LevelAt {
  readonly commit: string;
  readonly value: number;
  /** Values of the runs behind it. */
  readonly runs?: readonly number[];
  /** Digest of the code that ran; two points of equal code are never held against each other. */
  readonly code?: string | null;
}

export interface Suspected {
  /** Measured commits, `base` before `head`. */
  readonly base: string;
  readonly head: string;
  readonly reason: string;
}

export interface Known {
  /** A confirmed change lies after the first of these commits, and at or before the second. */
  readonly explained: (base: string, head: string) => boolean;
  /** `head` was looked into before, with whatever end. */
  readonly looked: (head: string) => boolean;
}

/** After a suspicion that came to nothing so many points are let pass: they may be as odd for the same reason. */
const REST = 2;
/** A change point is known to so many points. */
const SLACK = 3;
/** Points whose runs tell the spread of a short history. */
const FEW = 5;
/** Shorter series are the gate's alone. */
const FEWEST = 10;

/**
 * The first suspicion in a series, oldest first; null if there is none.
 * @param points levels of the measured commits, in the order of the branch
 */
export function suspect(points: readonly LevelAt[], rule: Rule, known: Known, detector: Detector): Suspected | null {
  return atGate(points, rule, known) ?? inHistory(points, rule, known, detector);
}

function atGate(points: readonly LevelAt[], rule: Rule, { explained, looked }: Known): Suspected | null {
  let since = 0; // where the present level began
  let rest = 0;
  for (let i = 1; i < points.length; i++) {
    const { commit, value, code } = points[i]!;
    if (explained(points[i - 1]!.commit, commit)) {
      since = i;
      continue;
    }
    if (looked(commit)) rest = REST + 1;
    if (rest-- > 0 || (code && code === points[i - 1]!.code)) continue;
    const before = points.slice(since, i);
    const history = before.map((point) => point.value);
    const band = bandOf(
      history,
      rule,
      before.slice(-FEW).flatMap(({ runs }) => runs ?? []),
    )!;
    if (!isSuspect(band, value)) continue;
    const base = lastOfLevel(points, since, i, band.level);
    if (code && code === points[base]!.code) continue;
    return { base: points[base]!.commit, head: commit, reason: gateReason(history.length) };
  }
  return null;
}

const gateReason = (n: number): string =>
  n === 1 ? "beyond the one point before it" : `beyond what the last ${Math.min(n, HISTORY)} points do`;

/** The latest point before `index` that is nearer to `level` than to the point's own value. */
function lastOfLevel(points: readonly LevelAt[], since: number, index: number, level: number): number {
  const middle = (level + points[index]!.value) / 2;
  const isBelow = level < middle;
  for (let i = index - 1; i > since; i--) if (points[i]!.value < middle === isBelow) return i;
  return since;
}

function inHistory(
  points: readonly LevelAt[],
  { floor }: Rule,
  { explained, looked }: Known,
  detector: Detector,
): Suspected | null {
  if (points.length < FEWEST) return null;
  const last = points.length - 1;
  for (const { index, before, after } of detector.detect(points.map(({ value }) => value))) {
    const [low, high] = [Math.max(0, index - SLACK), Math.min(last, index + SLACK)];
    const size = after > before ? after - before : before - after;
    if (size < floor * (before < 0 ? -before : before)) continue;
    if (explained(points[low]!.commit, points[high]!.commit)) continue;
    if (points.slice(low, high + 1).some(({ commit }) => looked(commit))) continue;
    const { code } = points[low]!;
    if (code && points.slice(low, high + 1).every((point) => point.code === code)) continue;
    return { base: points[low]!.commit, head: points[high]!.commit, reason: "a change of level in its history" };
  }
  return null;
}
