/**
 * From stored runs to what the leaderboard draws: runs of one spec and several seeds are a group; groups that can be
 * compared (same protocol, same final training, same rule of where weights go) are a track; ranks are given inside a
 * track, at one sparsity. Dense runs have no such rule: they stand in every track of their protocol and training.
 *
 * What counts towards a mean: completed runs whose accuracy this site did not find to be another, the first one to arrive
 * of each seed. The others are listed and counted, never hidden: nobody improves a mean by running a seed again.
 */
import {
  canonicalJson,
  LEVELS,
  type Level,
  methods,
  type Rank,
  ranks,
  type Spec,
  type Summary,
  summarise,
  uncertainty,
} from "@ticketmark/core";
import { group as groupBy } from "d3-array";
import { isSteps, type Steps } from "./field-text.ts";

/** One stored result, as much of it as a leaderboard needs. */
export interface Run {
  readonly id: string;
  readonly spec: Spec;
  readonly groupDigest: string;
  readonly specDigest: string;
  /** Of the key that signed it. */
  readonly keyId: string;
  readonly outcome: "completed" | "diverged" | "failed";
  readonly message: string | null;
  /** Test set, last epoch, 0 … 1; null unless completed. */
  readonly accuracy: number | null;
  readonly afterCut: number | null;
  /** Images in the test set. */
  readonly testImages: number | null;
  readonly realSparsity: number | null;
  readonly compression: number | null;
  /** Images seen in training, before the ticket and after it. */
  readonly methodExamples: number;
  readonly finalExamples: number;
  readonly methodIterations: number;
  readonly finalIterations: number;
  readonly seconds: number;
  readonly level: Level;
  /** This site recomputed the accuracy and found another one. */
  readonly refuted: boolean;
  readonly runner: string;
  readonly receivedAt: Date;
}

export interface Group {
  readonly digest: string;
  /** Of the first run: all of it but the seed holds for every run. */
  readonly spec: Spec;
  /** In order of arrival. */
  readonly runs: readonly Run[];
  /** Those that the means are over. */
  readonly counted: readonly Run[];
  readonly accuracy: Summary | null;
  /** Null also where training does the cutting: such a ticket is still dense. */
  readonly afterCut: Summary | null;
  /** Half the width of the interval that ranks are made with. */
  readonly half: number;
  readonly seconds: number | null;
  /** The lowest of the counted runs; how many have which. */
  readonly level: Level | null;
  readonly levels: readonly { readonly level: Level; readonly count: number }[];
  readonly diverged: number;
  readonly failed: number;
  readonly refuted: number;
  readonly latest: Date;
  readonly rank: Rank | null;
  /** Where a method is in the track with several settings: which ones these are. */
  readonly variant: Variant | null;
}

/** a, b, … in order of arrival, for charts; the settings that tell it from the others, for tables. */
interface Variant {
  readonly letter: string;
  readonly text: string;
}

export interface Track {
  /** Names protocol, recipe and scope, and the classes where a spec names some. */
  readonly key: string;
  readonly protocol: Spec["protocol"];
  readonly scope: Spec["scope"];
  /** Of a data set of class folders: how many. */
  readonly classes: number | null;
  readonly recipe: Spec["recipe"];
  readonly runs: number;
  readonly groups: readonly Group[];
}

/** Runs of one data set and model, oldest first, to tracks, the one with most runs first. */
export function tracksOf(runs: readonly Run[]): Track[] {
  const alike = groupBy(runs, ({ spec: { protocol, recipe, classes = null } }) =>
    canonicalJson({ protocol, recipe, classes }),
  );
  const tracks = [...alike].flatMap(([training, members]) => {
    const scopes = groupBy(members, ({ spec }) => (spec.sparsity > 0 ? spec.scope : null));
    const dense = scopes.get(null) ?? [];
    scopes.delete(null);
    if (scopes.size === 0) return [trackOf(training, dense[0]!.spec.scope, dense)];
    return [...scopes].map(([scope, sparse]) => trackOf(training, scope!, byArrival([...dense, ...sparse])));
  });
  return tracks.sort((a, b) => b.runs - a.runs);
}

const byArrival = (runs: readonly Run[]) => runs.toSorted((a, b) => a.receivedAt.getTime() - b.receivedAt.getTime());

function trackOf(training: string, scope: Spec["scope"], members: readonly Run[]): Track {
  const groups = [...groupBy(members, (run) => run.groupDigest)].map(([digest, own]) => groupOf(digest, own));
  const { protocol, recipe, classes } = members[0]!.spec;
  return {
    key: `${scope} ${training}`,
    ...{ protocol, recipe, scope, classes: classes?.length ?? null },
    ...{ runs: members.length, groups: named(ranked(groups)) },
  };
}

type Bare = Omit<Group, "rank" | "variant">;

function groupOf(digest: string, runs: readonly Run[]): Bare {
  const sound = runs.filter((run) => run.outcome === "completed" && run.accuracy !== null && !run.refuted);
  const counted = [...groupBy(sound, (run) => run.spec.seed).values()].map((ofSeed) => ofSeed[0]!);
  counted.sort((a, b) => a.spec.seed - b.spec.seed);
  const accuracy = counted.length > 0 ? summarise(counted.map((run) => run.accuracy!)) : null;
  const isCut = methods.list.find(({ id }) => id === runs[0]!.spec.method.id)?.remasks !== "grows";
  const afterCut = isCut && counted.length > 0 ? summarise(counted.map((run) => run.afterCut ?? Number.NaN)) : null;
  const levels = LEVELS.map((level) => ({ level, count: counted.filter((run) => run.level === level).length }));
  const present = levels.filter(({ count }) => count > 0);
  return {
    digest,
    spec: runs[0]!.spec,
    runs,
    counted,
    accuracy,
    afterCut,
    half: accuracy ? uncertainty(accuracy, counted[0]!.testImages ?? 1) : 0,
    seconds: counted.length > 0 ? summarise(counted.map((run) => run.seconds)).mean : null,
    level: present[0]?.level ?? null,
    levels: present,
    diverged: runs.filter((run) => run.outcome === "diverged").length,
    failed: runs.filter((run) => run.outcome === "failed").length,
    refuted: runs.filter((run) => run.refuted).length,
    latest: new Date(Math.max(...runs.map((run) => run.receivedAt.getTime()))),
  };
}

function ranked(groups: readonly Bare[]): Omit<Group, "variant">[] {
  const rankOf = new Map<string, Rank>();
  const scored = groups.filter((group) => group.accuracy !== null);
  for (const equals of groupBy(scored, (group) => group.spec.sparsity).values()) {
    const given = ranks(equals.map(({ accuracy, half }) => ({ mean: accuracy!.mean, half })));
    equals.forEach((group, i) => {
      rankOf.set(group.digest, given[i]!);
    });
  }
  return groups.map((group) => ({ ...group, rank: rankOf.get(group.digest) ?? null }));
}

function named(groups: readonly Omit<Group, "variant">[]): Group[] {
  const byMethod = groupBy(groups, (group) => group.spec.method.id);
  return groups.map((group) => {
    const { method } = group.spec;
    const all = byMethod.get(method.id)!.map((other) => other.spec.method);
    const known = [...new Set(all.map((settings) => canonicalJson(settings)))];
    if (known.length === 1) return { ...group, variant: null };
    const index = known.indexOf(canonicalJson(method));
    return { ...group, variant: { letter: letterOf(index), text: variantOf(method, all) } };
  });
}

/** 0 → a, 25 → z, 26 → aa. */
const letterOf = (index: number): string =>
  (index < 26 ? "" : letterOf(Math.floor(index / 26) - 1)) + String.fromCharCode(97 + (index % 26));

/** The settings of `method` that are not the same in all of `others`, e.g. "rounds 3, pick smallest". */
export function variantOf(method: Spec["method"], others: readonly Spec["method"][]): string {
  const keys = [...new Set(others.flatMap((other) => Object.keys(other)))].filter((key) => key !== "id").sort();
  return keys
    .filter((key) => new Set(others.map((other) => canonicalJson(other[key] ?? null))).size > 1)
    .map((key) => `${key} ${settingText(method[key])}`)
    .join(", ");
}

/** A setting's value on one line: words as they are, lists and records as JSON, absent as "default". */
export function settingText(value: unknown): string {
  if (value === undefined) return "default";
  if (isSteps(value)) return scheduleText(value);
  return typeof value === "string" ? value : canonicalJson(value);
}

/** "0.1 → 0.01 (from epoch 3)" */
function scheduleText(steps: Steps): string {
  return steps.map(({ epoch, value }) => (epoch === 0 ? `${value}` : `${value} (from epoch ${epoch})`)).join(" → ");
}

/** "5 epochs, batch 60, learning rate 0.1 → 0.01 (from epoch 3), momentum 0.9, weight decay 0.0001" */
export function recipeText(recipe: Spec["recipe"]): string {
  const parts = [
    `${recipe.epochs} ${recipe.epochs === 1 ? "epoch" : "epochs"}`,
    `batch ${recipe.batchSize}`,
    `learning rate ${scheduleText(recipe.learningRate)}`,
    `momentum ${recipe.momentum}${recipe.nesterov ? " (Nesterov)" : ""}`,
    `weight decay ${recipe.weightDecay}`,
  ];
  if (recipe.labelSmoothing > 0) parts.push(`label smoothing ${recipe.labelSmoothing}`);
  if (recipe.augmentation) parts.push(`augmentation ${recipe.augmentation}`);
  return parts.join(", ");
}

interface LineOfGroups {
  readonly key: string;
  readonly method: string;
  readonly variant: Variant | null;
  /** By sparsity; one group a sparsity. */
  readonly groups: readonly Group[];
}

/** Groups of one method and one set of settings, over sparsities: a line of the chart. */
export function linesOf(groups: readonly Group[]): LineOfGroups[] {
  const scored = groups.filter((group) => group.accuracy !== null);
  return [...groupBy(scored, (group) => canonicalJson(group.spec.method))].map(([key, members]) => ({
    key,
    method: members[0]!.spec.method.id,
    variant: members[0]!.variant,
    groups: members.toSorted((a, b) => a.spec.sparsity - b.spec.sparsity),
  }));
}
