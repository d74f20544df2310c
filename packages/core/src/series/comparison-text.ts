/** What a comparison of two commits comes to, in one sentence: never more certain than its parts. */
import { percent } from "../spec-names.ts";
import type { ComparedBits, ComparedMetric } from "./comparison.ts";
import type { Metric } from "./metrics.ts";

export interface ComparedSeries extends ComparedMetric {
  /** As it stands in a sentence: "iteration time of RST at 98 %". */
  readonly name: string;
  readonly unit: Metric["unit"];
}

/** Series that are named; the others are counted. */
const NAMED = 3;

/** "3 of 28 series got worse: …; nothing else changed beyond noise; the bits are the same." */
export function comparisonSentence(series: readonly ComparedSeries[], bits: readonly ComparedBits[]): string {
  if (series.length === 0) return `No series was measured at both commits; ${bitsText(bits)}.`;
  const [worse, better] = (["regression", "improvement"] as const).map((verdict) =>
    series.filter((one) => one.verdict === verdict),
  );
  const open = series.filter(({ significance }) => significance === "too few runs").length;
  const little = series.filter(({ significance, change, verdict }) => {
    return verdict === "none" && change !== 0 && (significance === "exact" || significance === "clear");
  }).length;
  const others = worse!.length + better!.length > 0 ? "nothing else" : "nothing";
  const told = series.length - open;
  const rest =
    little > 0
      ? `${little}${others === "nothing" ? ` of ${series.length} series` : " more"} changed by less than the policy's floor, nothing else beyond noise`
      : `${others} changed beyond noise${others === "nothing" ? ` in ${told} series` : ""}`;
  const parts = [
    ...tell(worse!, "got worse", series.length),
    ...tell(better!, "got better", series.length),
    ...(told > 0 ? [rest] : []),
    ...(open > 0 ? [`${open} ${open === 1 ? "has" : "have"} too few runs to tell`] : []),
    bitsText(bits),
  ];
  const sentence = parts.join("; ");
  return `${sentence[0]!.toUpperCase()}${sentence.slice(1)}.`;
}

function tell(series: readonly ComparedSeries[], what: string, all: number): string[] {
  if (series.length === 0) return [];
  const sizes = series.toSorted((a, b) => sizeOf(b) - sizeOf(a));
  const named = sizes.slice(0, NAMED).map((one) => `${one.name}${sizeText(one)}`);
  if (sizes.length > NAMED) named.push(`${sizes.length - NAMED} more`);
  return [`${series.length} of ${all} series ${what}: ${listed(named)}`];
}

/** " by 10 %", with two significant digits; of shares in points, as a percentage of a percentage is read wrongly. */
function sizeText({ unit, before, after, change }: ComparedSeries): string {
  if (change === null) return "";
  if (unit !== "1") return ` by ${percent(short(change))}`;
  return ` by ${percent(short(after - before)).replace("%", "percentage points")}`;
}

const short = (size: number): number => Number(Math.abs(size).toPrecision(2));
const sizeOf = ({ change }: ComparedMetric): number => (change === null ? Number.POSITIVE_INFINITY : Math.abs(change));

const listed = (parts: readonly string[]): string =>
  parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;

function bitsText(bits: readonly ComparedBits[]): string {
  const known = bits.filter(({ state }) => state !== null);
  const count = (wanted: ComparedBits["state"]) => known.filter(({ state }) => state === wanted).length;
  const [changed, intended, mixed] = [count("changed"), count("intended"), count("mixed")];
  const groups = (some: number) => (known.length === 1 ? "the one group" : `${some} of ${known.length} groups`);
  const parts = [
    ...(changed > 0 ? [`other bits in ${groups(changed)}`] : []),
    ...(intended > 0 ? [`other bits in ${groups(intended)}, for which NUMERICS was raised`] : []),
    ...(mixed > 0 ? [`runs of one commit differ in ${groups(mixed)}`] : []),
  ];
  if (known.length === 0) return "bits cannot be compared";
  return parts.length === 0 ? "the bits are the same" : parts.join(", ");
}
