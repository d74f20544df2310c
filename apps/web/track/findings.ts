/** What an investigation that came to its end says, as the lines of an alert. */
import {
  type Finding,
  firstDifference,
  type Judgement,
  kindOf,
  type Metric,
  metrics,
  type Policy,
  summarise,
} from "@ticketmark/core";
import type { Db } from "../db/client.ts";
import { listTraces, type PointRun } from "../db/points.ts";

export interface Between {
  readonly groupDigest: string;
  readonly testbed: string;
  /** Of the group, for people. */
  readonly name: string;
  /** All runs of the group on the testbed at each of the two commits. */
  readonly base: readonly PointRun[];
  readonly head: readonly PointRun[];
}

/** A change of level that was confirmed in turns, or of an exact number. */
export function levelFinding(
  { groupDigest, testbed, name }: Between,
  metric: Metric,
  { before, after, change, interval, p, rounds }: Judgement,
  isExact: boolean,
): Finding {
  return {
    ...{ kind: kindOf(metric, change), groupDigest, testbed, name, metric: metric.id },
    ...{ before, after, change, rounds, first: null },
    ...(isExact ? { interval: null, p: null } : { interval, p }),
  };
}

/**
 * Other bits, and what they did to accuracy and loss: a change of those is told where it is larger than what seeds
 * differ by among themselves.
 */
export async function bitsFindings(
  db: Db,
  between: Between,
  seeds: readonly number[],
  policy: Policy,
): Promise<Finding[]> {
  const { groupDigest, testbed, name, base, head } = between;
  const about = { groupDigest, testbed, name };
  const seed = seeds[0]!;
  const of = (runs: readonly PointRun[]) => runs.find((run) => run.seed === seed)!;
  const traces = await listTraces(db, [of(base).resultId, of(head).resultId]);
  const traced = (runs: readonly PointRun[]) => ({ seed, ...traces.get(of(runs).resultId)! });
  const isRaised = of(head).numerics > of(base).numerics;
  const behaviour: Finding = {
    ...about,
    kind: isRaised ? "intended" : "behaviour",
    metric: "behaviour",
    ...{ before: null, after: null, change: null, interval: null, p: null },
    rounds: Math.min(base.length, head.length),
    first: firstDifference(traced(base), traced(head), traced(base).phases),
  };
  return [behaviour, ...metrics.list.flatMap((metric) => exactFinding(between, metric, policy))];
}

function exactFinding({ base, head, ...about }: Between, metric: Metric, policy: Policy): Finding[] {
  const rule = policy.metrics[metric.id];
  if (!rule || metric.kind !== "exact" || metric.unit === "bytes") return [];
  const inRun = (runs: readonly PointRun[], seed: number) => runs.find((run) => run.seed === seed)?.values[metric.id];
  const pairs = [...new Set(base.map(({ seed }) => seed))].flatMap((seed) => {
    const [before, after] = [inRun(base, seed), inRun(head, seed)];
    return before === undefined || after === undefined ? [] : [{ before, after }];
  });
  if (pairs.length === 0) return [];
  const levels = summarise(pairs.map(({ before }) => before));
  const after = summarise(pairs.map((pair) => pair.after)).mean;
  const difference = Math.abs(after - levels.mean);
  const ofSeeds = levels.sd === null ? 0 : 2 * levels.sd * Math.sqrt(2 / levels.n);
  const floor = rule.floor * Math.abs(levels.mean);
  if (difference === 0 || difference < Math.max(floor, ofSeeds)) return [];
  const change = levels.mean === 0 ? Math.sign(after) : (after - levels.mean) / Math.abs(levels.mean);
  const { groupDigest, testbed, name } = about;
  return [
    {
      ...{ kind: kindOf(metric, change), groupDigest, testbed, name, metric: metric.id },
      ...{ before: levels.mean, after, change, interval: null, p: null, rounds: pairs.length, first: null },
    },
  ];
}
