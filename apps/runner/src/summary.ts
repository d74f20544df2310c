/** What a person reads when a run has ended: the numbers of its result, and nothing that is not in it. */
import { architectureOf, layerGroups, parseCompleteSpec, type Result, type Score } from "@ticketmark/core";
import { formatSeconds, formatShare } from "./status.ts";

const score = ({ correct, total }: Score) => `${formatShare(correct / total)} (${correct} of ${total})`;

export function summarise(result: Result): string {
  const { accuracy, sparsity, iterationTime, environment, trace } = result;
  const rows: [string, string][] = [
    ["outcome", result.message ? `${result.outcome}: ${result.message}` : result.outcome],
  ];
  if (accuracy) {
    rows.push(["accuracy", `${score(accuracy.last)}, last epoch, test set`]);
    rows.push(["best epoch", `${score(accuracy.best.score)}, at iteration ${accuracy.best.iteration}; never ranked`]);
    rows.push(["after the cut", score(accuracy.afterCut)]);
    if (accuracy.beforeCut) rows.push(["before the cut", score(accuracy.beforeCut)]);
    if (accuracy.validation) rows.push(["validation", score(accuracy.validation)]);
  }
  if (sparsity) {
    const effective = sparsity.effective === null ? "" : `, effective ${formatShare(sparsity.effective)}`;
    rows.push(["real sparsity", `${formatShare(sparsity.real)}${effective}`]);
    rows.push([
      "compression",
      `${sparsity.compression.toFixed(2)}×, multiply-adds ${sparsity.theoreticalSpeedup.toFixed(2)}× fewer`,
    ]);
  }
  for (const { first, last, layers, shape, weights, kept } of layerGroups(
    architectureOf(parseCompleteSpec(result.spec)),
    result.layers,
  )) {
    const names = layers === 1 ? first : `${withoutWeight(first)} … ${withoutWeight(last)}`;
    const size = `${layers === 1 ? "" : `${layers} of `}${shape.join(" × ")}`;
    rows.push([`  ${names}`, `${kept} of ${weights} weights kept (${formatShare(kept / weights)}), ${size}`]);
  }
  const { methodIterations, finalIterations } = result.cost;
  rows.push(["iterations", `${methodIterations} before the ticket, ${finalIterations} after it`]);
  const median = iterationTime ? `, ${iterationTime.median.toFixed(3)} ms an iteration (median)` : "";
  rows.push(["time", `${formatSeconds(result.seconds)}${median}`]);
  rows.push(["engine", `${environment.engine}: ${environment.device}`]);
  rows.push(["spec", result.specDigest]);
  if (result.ticketDigest) rows.push(["ticket", result.ticketDigest]);
  if (result.trainedDigest) rows.push(["trained", result.trainedDigest]);
  rows.push(["trace", `${trace.head} (${trace.blocks} blocks)`]);
  return alignRows(rows);
}

const withoutWeight = (name: string) => name.replace(/\.weight$/, "");

/** Two columns; rows without a second cell run free. */
export function alignRows(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`.trimEnd()).join("\n");
}
