/**
 * Which of several groups is better, as far as their seeds can say: Welch's test for each pair (and the paired one where
 * both have the same seeds), corrected by Holm over all pairs; and groups against figures measured elsewhere.
 */
import {
  type Comparison,
  canonicalJson,
  digestOfClasses,
  groupDigest,
  holm,
  paired,
  parseSpec,
  type Reference,
  type ReferenceRow,
  type Spec,
  type Summary,
  studentQuantile,
  welch,
} from "@ticketmark/core";
import { type Group, share } from "./groups.ts";

/** Chance of a false alarm over all pairs together; over all rows of a reference. */
export const PAIRS_LEVEL = 0.05;
export const REFERENCE_LEVEL = 0.01;

/** a − b. Null where one of the two has a single seed or none. */
export interface Pair {
  readonly a: Group;
  readonly b: Group;
  readonly test: (Comparison & { readonly corrected: number; readonly half: number }) | null;
  /** By seed, where both have the same seeds. */
  readonly paired: (Comparison & { readonly corrected: number }) | null;
  readonly verdict: string;
}

/** All pairs of one sparsity, data set and model; of two groups, those two whatever they are. */
export function pairsOf(groups: readonly Group[]): Pair[] {
  const counted = groups.filter(({ accuracy }) => accuracy !== null);
  const pairs = counted.flatMap((a, i) => counted.slice(i + 1).map((b) => ({ a, b })));
  const alike = counted.length === 2 ? pairs : pairs.filter(({ a, b }) => sameTask(a.spec, b.spec));
  const tests = corrected(alike.map(({ a, b }) => welch(a.accuracy!, b.accuracy!)));
  const bySeed = corrected(alike.map(({ a, b }) => pairedBySeed(a, b)));
  return alike.map(({ a, b }, i) => {
    const test = tests[i] && { ...tests[i], half: halfInterval(tests[i]) };
    return { a, b, test, paired: bySeed[i]!, verdict: verdictOf(a, b, test) };
  });
}

/** The same images and net, initial weights from the same place, and as many weights to prune: where they go is the method's affair. */
const sameTask = (a: Spec, b: Spec) => taskOf(a) === taskOf(b);

const taskOf = ({ dataset, classes, model, initial, sparsity, protocol }: Spec): string =>
  canonicalJson({ dataset, classes: classes && digestOfClasses(classes), model, initial, sparsity, protocol });

function pairedBySeed(a: Group, b: Group): Comparison | null {
  const seeds = (group: Group) => group.counted.map(({ spec }) => spec.seed).join();
  if (seeds(a) !== seeds(b)) return null;
  return paired(a.counted.map(({ result }, i) => lastOf(result) - lastOf(b.counted[i]!.result)));
}

const lastOf = ({ accuracy }: Group["counted"][number]["result"]): number => share(accuracy!.last);

/** Holm over the tests that there are. */
function corrected<T extends { readonly p: number }>(
  tests: readonly (T | null)[],
): ((T & { corrected: number }) | null)[] {
  const values = holm(tests.flatMap((test) => (test ? [test.p] : [])));
  let next = 0;
  return tests.map((test) => test && { ...test, corrected: values[next++]! });
}

/** Half of the 95 % interval of a difference. */
const halfInterval = ({ error, degrees }: Comparison) => (error === 0 ? 0 : error * studentQuantile(0.95, degrees));

function verdictOf(a: Group, b: Group, test: Pair["test"]): string {
  const [better, worse] = a.accuracy!.mean >= b.accuracy!.mean ? [a, b] : [b, a];
  const by = points(better.accuracy!.mean - worse.accuracy!.mean);
  if (!test) return `${better.name} is ${by} points above ${worse.name}; a single seed says nothing of chance`;
  const p = `p = ${pText(test.corrected)} after Holm`;
  return test.corrected < PAIRS_LEVEL
    ? `${better.name} is better than ${worse.name}, by ${by} ± ${points(test.half)} points (${p})`
    : `${better.name} and ${worse.name} are not told apart: ${by} ± ${points(test.half)} points (${p})`;
}

/** One row of a reference, against what was measured here. */
export interface Held {
  readonly row: ReferenceRow;
  /** Null where nothing here is of this row. */
  readonly ours: Group | null;
  /** Ours − theirs. */
  readonly test: (Comparison & { readonly corrected: number; readonly z: number }) | null;
  /** The same of accuracies whose spread the reference does not record: taken to be ours. */
  readonly beforeCut: Comparison | null;
  readonly afterCut: Comparison | null;
}

export interface HeldOrdering {
  readonly better: string;
  readonly worse: string;
  /** Difference of our means; null where one is missing. */
  readonly difference: number | null;
}

export interface AgainstReference {
  readonly rows: readonly Held[];
  readonly orderings: readonly HeldOrdering[];
  readonly rejected: readonly Held[];
  readonly missing: readonly Held[];
  readonly broken: readonly HeldOrdering[];
}

export function againstReference(groups: readonly Group[], reference: Reference): AgainstReference {
  const byDigest = new Map(groups.map((group) => [group.digest, group]));
  const pairs = reference.rows().map((row) => {
    const ours = byDigest.get(groupDigest(parseSpec(row.spec))) ?? null;
    return { row, ours: ours?.accuracy ? ours : null };
  });
  const theirs = (mean: number, sd: number): Summary => ({ n: reference.seeds, mean: mean / 100, sd: sd / 100 });
  const tests = corrected(pairs.map(({ row, ours }) => ours && welch(ours.accuracy!, theirs(row.mean, row.sd))));
  const cut = (ours: Summary | null | undefined, mean: number | undefined) =>
    ours?.sd == null || mean === undefined ? null : welch(ours, theirs(mean, 100 * ours.sd));
  const rows = pairs.map(({ row, ours }, i): Held => {
    const test = tests[i] ? { ...tests[i], z: tests[i].difference / tests[i].error } : null;
    return {
      row,
      ours,
      test,
      beforeCut: cut(ours?.beforeCut, row.beforeCut),
      afterCut: cut(ours?.afterCut, row.afterCut),
    };
  });
  const meanOf = (name: string) => rows.find(({ row }) => row.name === name)?.ours?.accuracy?.mean ?? null;
  const orderings = reference.orderings.map(([better, worse]): HeldOrdering => {
    const [a, b] = [meanOf(better), meanOf(worse)];
    return { better, worse, difference: a === null || b === null ? null : a - b };
  });
  return {
    rows,
    orderings,
    rejected: rows.filter(({ test }) => test !== null && test.corrected < REFERENCE_LEVEL),
    missing: rows.filter(({ test }) => test === null),
    broken: orderings.filter(({ difference }) => difference !== null && !(difference > 0)),
  };
}

/** A share as percentage points: 0.0074 → "0.74". */
export const points = (share: number): string => (100 * share).toFixed(2);

export const pText = (p: number): string => (p < 0.0005 ? "< .001" : p > 0.9995 ? "1" : p.toFixed(3).slice(1));
