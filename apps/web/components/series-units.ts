/** A metric's values and their changes as text: with as many digits as say something. */
import type { Metric } from "@ticketmark/core";
import { formatBytes, formatCount, formatPercent } from "./format.ts";

type Measure = Pick<Metric, "unit" | "kind">;

/** 6 significant digits of what is exact, 4 of what is measured: more would be noise. */
const digits = ({ kind }: Measure) => (kind === "exact" ? 6 : 4);

/** "97.653 %", "0.8123 ms", "1.5 MiB"; exact sizes to the byte. */
export function valueText(metric: Measure, value: number): string {
  if (metric.unit === "1") return `${formatPercent(value, 3)} %`;
  if (metric.unit === "bytes") return metric.kind === "exact" ? `${formatCount(value)} B` : formatBytes(value);
  return `${Number(value.toPrecision(digits(metric)))} ${metric.unit}`;
}

/**
 * "+10.2 %", "−0.4 %", "0 %"; "from 0" where there is nothing to divide by. Shares change by percentage points: a percentage
 * of a percentage is read wrongly.
 */
export function changeText({ unit }: Pick<Metric, "unit">, before: number, after: number): string {
  if (before === after) return unit === "1" ? "0 pp" : "0 %";
  if (before === 0 && unit !== "1") return "from 0";
  const change = unit === "1" ? after - before : (after - before) / Math.abs(before);
  const size = Math.abs(change) * 100;
  const text = size >= 10 ? size.toFixed(1) : String(Number(size.toPrecision(2)));
  return `${change < 0 ? "−" : "+"}${text} ${unit === "1" ? "pp" : "%"}`;
}

/** What the numbers of an axis are counted in: `size` of the metric's unit. */
export interface AxisUnit {
  readonly size: number;
  readonly name: string;
}

const BYTES: readonly AxisUnit[] = [
  { size: 2 ** 30, name: "GiB" },
  { size: 2 ** 20, name: "MiB" },
  { size: 2 ** 10, name: "KiB" },
];

/** `largest` value that the axis shows. */
export function axisUnit({ unit }: Pick<Metric, "unit">, largest: number): AxisUnit {
  if (unit === "1") return { size: 0.01, name: "%" };
  if (unit === "bytes") return BYTES.find(({ size }) => largest >= size) ?? { size: 1, name: "B" };
  return { size: 1, name: unit };
}

/** "A" … "Z", "A1" …: names for bits that came out, by their number. */
export const bitsName = (state: number): string => {
  const round = Math.floor(state / 26);
  return `${String.fromCharCode(65 + (state % 26))}${round === 0 ? "" : round}`;
};
