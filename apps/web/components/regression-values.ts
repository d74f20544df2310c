/** What a comparison found, in words. */
import type { ComparedBits, ComparedMetric, Finding } from "@ticketmark/core";

/** What is to be thought of a change: "worse, medium", "within noise". */
export function verdictText({ verdict, magnitude, significance, change }: ComparedMetric): string {
  if (verdict !== "none") return `${verdict === "regression" ? "worse" : "better"}, ${magnitude}`;
  if (change === 0) return "the same";
  return significance === "exact" || significance === "clear" ? "below the floor" : significance;
}

/** "the same bits", "other bits from block 3 (iteration 300 of “final”, seed 0)". */
export function bitsText({ state, seeds }: ComparedBits, first: Finding["first"]): string {
  if (state === null) return "no seed in common, so no bits to compare";
  if (state === "same") return `the same bits, ${seeds} ${seeds === 1 ? "seed" : "seeds"}`;
  if (state === "mixed") return "runs of one commit differ in their bits";
  const where = first
    ? ` from block ${first.block} (iteration ${first.iteration} of “${first.phase}”, seed ${first.seed})`
    : "";
  return `other bits${where}${state === "intended" ? ", NUMERICS was raised with it" : ""}`;
}

/** Why a job of the tracking is there. */
export const PURPOSES = {
  track: "followed",
  backfill: "filled in",
  confirm: "to confirm a change",
  bisect: "to locate a change",
  try: "a try",
} as const;
