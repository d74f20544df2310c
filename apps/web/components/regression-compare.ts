/**
 * Groups of specs at one commit beside another, testbed by testbed: numbers of two testbeds never meet. Pure; the rows
 * come from db/regressions.ts.
 */
import {
  type ComparedBits,
  type ComparedMetric,
  type ComparedSeries,
  compareBits,
  compareRuns,
  comparisonSentence,
  type Finding,
  isExact,
  levelOf,
  type Metric,
  metrics,
  noiseOf,
  type Policy,
  seriesId,
  type Testbed,
} from "@ticketmark/core";
import type { PointRun } from "../db/points.ts";

/** One metric of a group at a commit, beside the commit it is held against. */
export interface ComparedRow {
  /** Id, of core's list. */
  readonly metric: string;
  readonly series: string;
  /** At the commit, in the metric's unit. */
  readonly level: number;
  /** Null where the other side did not measure it. */
  readonly compared: ComparedMetric | null;
}

export interface ComparedGroup {
  readonly groupDigest: string;
  readonly name: string;
  /** What it is held against; null where no commit before was run. */
  readonly base: string | null;
  readonly baseRuns: readonly PointRun[];
  readonly runs: readonly PointRun[];
  /** Null on engines whose bits are not promised, and without a base. */
  readonly bits: ComparedBits | null;
  /** The earliest of the places where a seed's traces part; filled in by the query. Null where none do, or nobody knows. */
  readonly first: Finding["first"];
  readonly metrics: readonly ComparedRow[];
}

export interface ComparedTestbed {
  readonly digest: string;
  readonly testbed: Testbed;
  readonly groups: readonly ComparedGroup[];
  /** Names of groups that only one side ran on it. */
  readonly onlyBase: readonly string[];
  readonly onlyHead: readonly string[];
}

export interface Sides {
  readonly groupDigest: string;
  readonly name: string;
  readonly base: string | null;
  readonly baseRuns: readonly PointRun[];
  readonly runs: readonly PointRun[];
  /** Of the same group and testbed at the commits before, oldest first, one entry a commit. */
  readonly history: readonly (readonly PointRun[])[];
}

/** Metrics that the policy leaves out are left out. */
export function compareGroup(sides: Sides, { digest, testbed }: { digest: string; testbed: Testbed }, policy: Policy) {
  const { history, ...group } = sides;
  const exact = isExact(testbed.engine);
  const rows = metrics.list.flatMap((listed): ComparedRow[] => {
    const metric = onEngine(listed, exact);
    const level = levelOf(metric, group.runs);
    const rule = policy.metrics[metric.id];
    if (level === null || !rule) return [];
    const noise = noiseOf(history.flatMap((runs) => levelOf(metric, runs) ?? []));
    return [
      {
        ...{ metric: metric.id, level, series: seriesId(group.groupDigest, digest, metric.id) },
        compared: compareRuns(group.baseRuns, group.runs, { metric, rule, noise }),
      },
    ];
  });
  const bits = exact && group.base !== null ? compareBits(group.baseRuns, group.runs) : null;
  return { ...group, bits, first: null, metrics: rows } satisfies ComparedGroup;
}

/** What a run computed has noise on an engine that promises no bits; what lies beside it (the package) has none anywhere. */
const onEngine = (metric: Metric, exact: boolean): Pick<Metric, "id" | "kind" | "better"> =>
  exact || metric.unit === "bytes" ? metric : { id: metric.id, better: metric.better, kind: "measured" };

/** Lower case inside a sentence: "iteration time". A metric that was taken off the list names itself. */
export const metricWord = (id: string): string => metrics.list.find((one) => one.id === id)?.name.toLowerCase() ?? id;

/** The verdict on what was compared on one testbed. */
export function sentenceOf({ groups }: Pick<ComparedTestbed, "groups">): string {
  const series = groups.flatMap((group) =>
    group.metrics.flatMap(({ metric, compared }): ComparedSeries[] =>
      compared ? [{ ...compared, unit: metrics.get(metric).unit, name: `${metricWord(metric)} of ${group.name}` }] : [],
    ),
  );
  return comparisonSentence(
    series,
    groups.flatMap(({ bits }) => bits ?? []),
  );
}

/** The verdict on two commits: a sentence for each testbed that ran both. */
export function verdictOf(testbeds: readonly ComparedTestbed[]): string {
  const compared = testbeds.filter(({ groups }) => groups.some(({ base }) => base !== null));
  if (compared.length === 0) return "No testbed ran the same at both commits.";
  if (compared.length === 1) return sentenceOf(compared[0]!);
  return compared.map((one) => `On ${testbedText(one.testbed)}: ${sentenceOf(one)}`).join(" ");
}

/** Short, for people; the page of a series has all of it. */
export const testbedText = ({ cpu, cores, threads, engine, compiler }: Testbed): string =>
  `${cpu}, ${threads === null ? `${cores} cores` : `${threads} of ${cores} cores`}, ${engine}${compiler === "wasm" ? " (wasm)" : ""}`;

/** Something of it changed, by more than noise. */
export const isChanged = ({ bits, metrics: rows }: ComparedGroup): boolean =>
  (bits !== null && bits.state !== "same" && bits.state !== null) || rows.some(isChangedRow);

export const isChangedRow = ({ compared }: ComparedRow): boolean =>
  compared !== null &&
  compared.change !== 0 &&
  (compared.significance === "exact" || compared.significance === "clear");

/** Relevant ones first, then by size. */
export const bySize = (a: ComparedRow, b: ComparedRow): number =>
  Number(counts(b)) - Number(counts(a)) || sizeOf(b) - sizeOf(a);

const counts = ({ compared }: ComparedRow): boolean => compared !== null && compared.verdict !== "none";

const sizeOf = ({ compared }: ComparedRow): number =>
  compared === null ? -1 : compared.change === null ? Number.POSITIVE_INFINITY : Math.abs(compared.change);

/** Of its largest change that counts, else of other bits, else nothing. */
export const sizeOfGroup = (group: ComparedGroup): number =>
  Math.max(isChanged(group) ? 0 : -1, ...group.metrics.filter(counts).map(sizeOf));
