/**
 * How a change is worded: one place for pages, feed, webhook and GitHub. A sentence is never more certain than its finding:
 * what has noise is told with its interval, rounds and p, and a change that was not located is told between two commits.
 */
import { FINDING_ORDER, type Finding, type Metric, metrics } from "@ticketmark/core";
import { formatBytes, formatCount, formatNumber, formatPercent, plural } from "../components/format.ts";

/** What of an alert its title says. */
export interface Told {
  readonly commit: string;
  readonly parent: string;
  /** The commit's own first parent; null where it is not known. */
  readonly firstParent: string | null;
  readonly findings: readonly Finding[];
}

/** Digits of a commit's hash that are shown. */
export const shortCommit = (hash: string): string => hash.slice(0, 7);

/** The change lies in this one commit: it is held against its own parent. */
export const isLocated = ({ parent, firstParent }: Pick<Told, "parent" | "firstParent">): boolean =>
  parent === firstParent;

/** "rose by 10.2 % (9.8 … 10.7 %), 0.812 → 0.895 ms, 8 rounds, p 0.008", with what and where before it. */
export function describeFinding(finding: Finding): string {
  const { before, after, change, rounds, p, metric } = finding;
  if (metric === "behaviour") return `${headOf(finding)}${placeOf(finding)}`;
  const levels = before !== null && after !== null && change !== null ? [formatLevels(metric, before, after)] : [];
  const chance = p === null ? [] : [p < 0.001 ? "p < 0.001" : `p ${Number(p.toPrecision(2))}`];
  const known = finding.kind === "intended" ? ["NUMERICS was raised with it"] : [];
  return [headOf(finding), ...levels, plural(rounds, "round"), ...chance, ...known].join(", ");
}

/** "1a2b3c4: iteration time of … rose by 10.2 % (9.8 … 10.7 %), and 3 other changes": no line break, whatever came in. */
export function titleOf({ commit, parent, firstParent, findings }: Told): string {
  const where = isLocated({ parent, firstParent })
    ? shortCommit(commit)
    : `between ${shortCommit(parent)} and ${shortCommit(commit)}`;
  return `${where}: ${changesOf(findings)}`;
}

/** The weightiest of the changes, and how many others there are. There must be one. */
export function changesOf(findings: readonly Finding[]): string {
  const [first, ...others] = byWeight(findings);
  const more = others.length === 0 ? "" : `, and ${plural(others.length, "other change")}`;
  return `${headOf(first!)}${more}`;
}

/** What a person looks at first comes first: worse before better, large before small. */
export const byWeight = (findings: readonly Finding[]): Finding[] =>
  findings.toSorted(
    (a, b) =>
      FINDING_ORDER.indexOf(a.kind) - FINDING_ORDER.indexOf(b.kind) ||
      Math.abs(b.change ?? 0) - Math.abs(a.change ?? 0) ||
      a.name.localeCompare(b.name, "en"),
  );

/** Two levels of a metric in its unit, as many digits as tell them apart: "0.812 → 0.895 ms". */
export function formatLevels(metric: string, before: number, after: number): string {
  const { unit } = metricOf(metric);
  const pair = (text: (level: number) => string, sign = "") => {
    const [from, to] = [text(before), text(after)];
    return from === to && before !== after ? null : `${from} → ${to}${sign}`;
  };
  if (unit === "1") return pair(formatPercent, " %") ?? pair((share) => String(share * 100), " %")!;
  if (unit === "bytes") return pair(formatBytes) ?? pair(formatCount, " bytes")!;
  const sign = unit === "" ? "" : ` ${unit}`;
  return pair(formatNumber, sign) ?? pair(String, sign)!;
}

/** A metric that was taken off the list is still told of. */
const metricOf = (id: string): { readonly name: string; readonly unit: Metric["unit"] | "" } =>
  metrics.list.find((metric) => metric.id === id) ?? { name: id, unit: "" };

/** What changed, where, and by how much. */
function headOf(finding: Finding): string {
  const { metric, name, before, after, change } = finding;
  if (metric === "behaviour")
    return finding.kind === "intended"
      ? `other bits of ${name}, for which NUMERICS was raised`
      : `other bits of ${name}`;
  const label = metricOf(metric).name;
  const what = `${label[0]!.toLowerCase()}${label.slice(1)} of ${name}${name.includes(",") ? "," : ""}`;
  if (change === null)
    return before === null || after === null
      ? `${what} changed`
      : `${what} went from ${formatLevels(metric, before, after).replace("→", "to")}`;
  return `${what} ${change < 0 ? "fell" : "rose"} by ${sizeOf(finding, change)}`;
}

/** "10.2 % (9.8 … 10.7 %)". Shares are told in points: a percentage of a percentage is read wrongly. */
function sizeOf({ metric, before, interval }: Finding, change: number): string {
  const inPoints = metricOf(metric).unit === "1" && before !== null;
  const sign = change < 0 ? -1 : 1;
  const scale = 100 * sign * (inPoints ? before : 1);
  const size = change * scale;
  const text = (share: number) => sized(share * scale, size);
  const unit = inPoints ? "percentage points" : "%";
  if (interval === null) return `${text(change)} ${unit}`;
  const [low, high] = sign < 0 ? [interval[1], interval[0]] : interval;
  return `${text(change)} ${unit} (${text(low)} … ${text(high)}${inPoints ? "" : " %"})`;
}

/** A number beside another of size `like`, with as many digits after the point as that one deserves. */
function sized(x: number, like: number): string {
  const size = Math.abs(like);
  if (size < 0.01) return formatNumber(x);
  return x.toFixed(size >= 100 ? 0 : size >= 1 ? 1 : size >= 0.1 ? 2 : 3);
}

function placeOf({ first }: Finding): string {
  if (first === null) return "";
  return `: from block ${first.block} (iteration ${first.iteration} of "${first.phase}", seed ${first.seed})`;
}
