import type { Summary } from "@ticketmark/core";
import { formatPercent } from "./format.ts";

/** In percent: "97.65 ± 0.17 (n = 3)"; one seed shows no spread: "97.65 (n = 1)". */
export function summaryText({ n, mean, sd }: Summary): string {
  return `${formatPercent(mean)}${sd === null ? "" : ` ± ${formatPercent(sd)}`} (n = ${n})`;
}
