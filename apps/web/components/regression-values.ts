/** Levels and changes of a metric as text. */
import { type ComparedBits, type ComparedMetric, type Finding, metrics } from "@ticketmark/core";
import { formatBytes, formatNumber, formatPercent } from "./format.ts";

/** In the metric's unit: "0.8951 ms", "95.70 %", "61.2 MiB". */
export function formatLevel(id: string, level: number): string {
  const { unit } = metrics.get(id);
  if (unit === "1") return `${formatPercent(level)} %`;
  return unit === "bytes" ? formatBytes(level) : `${formatNumber(level)} ${unit}`;
}

/** "+10.2 %"; of shares in points: "−0.42 points". Empty where nothing changed, or there is nothing to divide by. */
export function formatChange(id: string, { before, after, change }: ComparedMetric): string {
  if (!change) return "";
  const points = metrics.get(id).unit === "1";
  const size = 100 * Math.abs(points ? after - before : change);
  const digits = size >= 100 ? 0 : size >= 1 ? 1 : size >= 0.01 ? 2 : null;
  const text = digits === null ? formatNumber(size) : size.toFixed(points ? 2 : digits);
  return `${change < 0 ? "−" : "+"}${text} ${points ? "points" : "%"}`;
}

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
