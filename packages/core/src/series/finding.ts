/** What was found between two neighbouring commits: one line of an alert. Confirmed before it is one. */
import type { Metric } from "./metrics.ts";

/** "behaviour": other bits, whatever became of the numbers; "intended": other bits, and NUMERICS was raised with them. */
export type FindingKind = "regression" | "improvement" | "behaviour" | "intended";

export interface Finding {
  readonly kind: FindingKind;
  readonly groupDigest: string;
  readonly testbed: string;
  /** Id of a metric, or "behaviour": the digests of ticket, trained net or trace. */
  readonly metric: string;
  /** Of the group, as people read it: "lenet-300-100, mnist, rst 98 %". */
  readonly name: string;
  /** Levels on both sides, in the metric's unit; null for behaviour. */
  readonly before: number | null;
  readonly after: number | null;
  /** (after − before) / before, and its interval where it has noise. */
  readonly change: number | null;
  readonly interval: readonly [low: number, high: number] | null;
  /** Chance of as clear a difference without a change; null where nothing is left to chance. */
  readonly p: number | null;
  /** Runs of each of the two commits behind it. */
  readonly rounds: number;
  /** Behaviour: where the trace first differs; null where only digests are known. */
  readonly first: {
    readonly seed: number;
    readonly block: number;
    readonly phase: string;
    readonly iteration: number;
  } | null;
}

/** Fixed words for pages, feeds and messages: what of a change is told first. */
export const FINDING_ORDER: readonly FindingKind[] = ["regression", "behaviour", "improvement", "intended"];

/** A change of a metric's level, as good or bad. */
export const kindOf = ({ better }: Pick<Metric, "better">, change: number): "regression" | "improvement" =>
  change > 0 === (better === "higher") ? "improvement" : "regression";
