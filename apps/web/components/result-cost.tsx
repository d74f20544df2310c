/** What a result cost: iterations, speed, memory, and the machine it ran on. */
import type { Result } from "@ticketmark/core";
import { Digest } from "./digest.tsx";
import { formatBytes, formatCompact, formatCount, formatDuration, formatPercent, plural } from "./format.ts";
import { Facts } from "./spec-list.tsx";

const milliseconds = (x: number): string => String(Number(x.toPrecision(3)));

export function CostFacts({ result }: { result: Result }) {
  const { cost, iterationTime, stepTimes, sparsity, trace } = result;
  return (
    <Facts
      rows={[
        [
          "Before the ticket",
          `${formatCount(cost.methodIterations)} iterations, ${formatCompact(cost.methodExamples)} images`,
        ],
        [
          "After the ticket",
          `${formatCount(cost.finalIterations)} iterations, ${formatCompact(cost.finalExamples)} images`,
        ],
        ...(cost.scoredExamples
          ? [["Scoring", `derivatives of ${formatCompact(cost.scoredExamples)} images`] as const]
          : []),
        [
          "Iteration time",
          iterationTime
            ? `${milliseconds(iterationTime.median)} ms (middle half ${milliseconds(iterationTime.q25)} to ${milliseconds(iterationTime.q75)})`
            : "–",
        ],
        [
          "Measured gain",
          stepTimes
            ? `${(stepTimes.dense.median / stepTimes.masked.median).toFixed(2)} × its own dense step of ${milliseconds(stepTimes.dense.median)} ms`
            : "–",
        ],
        ["Wall time", formatDuration(result.seconds)],
        ["Peak memory", formatBytes(result.peakBytes)],
        ["Real sparsity", sparsity ? `${formatPercent(sparsity.real)} % of all conv and linear weights` : "–"],
        [
          "Effective",
          sparsity?.effective != null ? `${formatPercent(sparsity.effective)} %, weights off every path counted` : "–",
        ],
        ["Compression", sparsity ? `${sparsity.compression.toFixed(2)} ×` : "–"],
        ["Theoretical gain", sparsity ? `${sparsity.theoreticalSpeedup.toFixed(2)} × fewer multiply-adds` : "–"],
        [
          "Trace",
          <span key="trace">
            <Digest digest={trace.head} /> over {plural(trace.blocks, "block")} of {trace.every} iterations
          </span>,
        ],
      ]}
    />
  );
}

export function EnvironmentFacts({ environment }: { environment: Result["environment"] }) {
  return (
    <Facts
      rows={[
        ["Engine", `${environment.engine}: ${environment.reason}`],
        ["Device", environment.device],
        ["Processor", `${environment.cpu}, ${environment.cores} cores`],
        ["Memory", formatBytes(environment.memoryBytes)],
        ["System", `${environment.os}, ${environment.arch}`],
        ["Node", environment.node],
      ]}
    />
  );
}
