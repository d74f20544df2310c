/** Accuracy against sparsity for one track: a line a method, error bars one standard deviation over seeds. */
import { densityPosition, sparsityTicks } from "@ticketmark/core";
import { formatPercent, formatSparsity } from "./format.ts";
import { type Group, linesOf } from "./leaderboard-groups.ts";
import { type ChartPoint, LineChart } from "./line-chart.tsx";
import { methodName } from "./registry-names.ts";
import { summaryText } from "./summary-text.ts";

export function AccuracyChart({ groups, title }: { groups: readonly Group[]; title: string }) {
  const lines = linesOf(groups);
  const sparse = lines.filter((line) => line.groups.some((group) => group.spec.sparsity > 0));
  const dense = lines.filter((line) => !sparse.includes(line));
  if (sparse.length === 0) return null;
  const named = (method: string, variant: Group["variant"]) =>
    variant ? `${methodName(method)} ${variant.letter}` : methodName(method);
  const series = sparse.map(({ key, method, variant, groups: members }, i) => ({
    key,
    method,
    dash: sparse.slice(0, i).filter((line) => line.method === method).length,
    name: named(method, variant),
    points: members.map((group) => pointOf(group, named(method, variant))),
  }));
  const measured = [...new Set(sparse.flatMap((line) => line.groups.map((group) => group.spec.sparsity)))];
  return (
    <LineChart
      title={title}
      series={series}
      references={dense.map(({ key, method, variant, groups: [group] }) => ({
        key,
        method,
        name: named(method, variant),
        y: group!.accuracy!.mean,
      }))}
      xTicks={(place) =>
        sparsityTicks(measured, (s) => place(densityPosition(s)), 44).map((sparsity) => ({
          x: densityPosition(sparsity),
          label: `${formatSparsity(sparsity)} %`,
        }))
      }
      xLabel="sparsity (weights left, logarithmic)"
      yLabel="test accuracy, %; bars: ± 1 standard deviation over seeds"
      formatY={(y, step) => formatPercent(y, step < 0.01 ? 1 : 0)}
    />
  );
}

function pointOf(group: Group, name: string): ChartPoint {
  const { accuracy, spec } = group;
  const { mean, sd } = accuracy!;
  return {
    x: densityPosition(spec.sparsity),
    y: mean,
    ...(sd !== null && { low: mean - sd, high: mean + sd }),
    title: `${name} at ${formatSparsity(spec.sparsity)} %: ${summaryText(accuracy!)} %`,
  };
}
