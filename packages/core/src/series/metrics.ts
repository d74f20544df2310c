/**
 * THE LIST of what is followed from commit to commit. A metric is one number of one run; a series is one metric of one
 * group of specs on one testbed, a point for each commit. Digests are compared apart (behaviour.ts): they have no size.
 */
import { z } from "zod";
import { decodeNumber, digestSchema } from "../canonical.ts";
import { registry } from "../registry.ts";
import type { Result } from "../result.ts";

/** What the supervisor measured around the training process; signed with the result. */
export const measuredSchema = z.strictObject({
  /** Largest resident memory of the training process. */
  peakRssBytes: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  /** From the start of the process to its end, without the run itself: loading, opening the engine, writing files. */
  overheadSeconds: z.number().min(0).max(1e9).optional(),
  /** What core ships at that commit: sources without tests, and the built kernels. */
  packageBytes: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  /** Of all files of that commit that are built or run, tests and texts apart. Where it is equal, nothing can have changed. */
  codeDigest: digestSchema.optional(),
});
export type Measured = z.infer<typeof measuredSchema>;

export interface Metric {
  readonly id: string;
  readonly name: string;
  readonly summary: string;
  readonly unit: "1" | "nats" | "ms" | "s" | "bytes";
  readonly better: "higher" | "lower";
  /**
   * "exact": a function of code and spec alone on a bit-exact engine, so any change is one. "measured": has noise.
   */
  readonly kind: "exact" | "measured";
  /** Null where the run did not measure it. */
  of(result: Result, measured: Measured): number | null;
}

export const metrics = registry<Metric>(
  "metric",
  [
    {
      id: "accuracy",
      name: "Accuracy",
      summary: "Share of test images right after the last epoch.",
      unit: "1",
      better: "higher",
      kind: "exact",
      of: ({ accuracy }) => accuracy && accuracy.last.correct / accuracy.last.total,
    },
    {
      id: "final-loss",
      name: "Final loss",
      summary: "Mean loss on the test set after the last epoch.",
      unit: "nats",
      better: "lower",
      kind: "exact",
      of: ({ accuracy }) => accuracy && finite(decodeNumber(accuracy.last.loss)),
    },
    {
      id: "iteration-time",
      name: "Iteration time",
      summary:
        "An iteration of the final training: the lower quartile over blocks of 100, as what else a machine does only adds.",
      unit: "ms",
      better: "lower",
      kind: "measured",
      of: ({ iterationTime }) => iterationTime?.q25 ?? null,
    },
    {
      id: "evaluation-time",
      name: "Evaluation time",
      summary: "One pass over the test set: the lower quartile over the evaluations of a run.",
      unit: "ms",
      better: "lower",
      kind: "measured",
      of: ({ evaluationTime }) => evaluationTime?.q25 ?? null,
    },
    {
      id: "peak-memory",
      name: "Peak memory",
      summary: "Largest resident memory of the training process.",
      unit: "bytes",
      better: "lower",
      kind: "measured",
      of: (_, { peakRssBytes }) => peakRssBytes ?? null,
    },
    {
      id: "job-overhead",
      name: "Job overhead",
      summary: "What the training process takes besides the run: loading, opening the engine, writing files.",
      unit: "s",
      better: "lower",
      kind: "measured",
      of: (_, { overheadSeconds }) => overheadSeconds ?? null,
    },
    {
      id: "package-size",
      name: "Package size",
      summary: "What core ships at that commit: sources without tests, and the built kernels.",
      unit: "bytes",
      better: "lower",
      kind: "exact",
      of: (_, { packageBytes }) => packageBytes ?? null,
    },
  ],
  "not-found",
);

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** By metric id; what was not measured is left out. */
export function valuesOf(result: Result, measured: Measured): Record<string, number> {
  const found = metrics.list.map(({ id, of }) => [id, of(result, measured)] as const);
  return Object.fromEntries(found.filter((entry): entry is [string, number] => entry[1] !== null));
}

/** Positive = better, as a share of `before`; null where there is nothing to divide by. */
export function gain({ better }: Metric, before: number, after: number): number | null {
  if (before === 0) return after === 0 ? 0 : null;
  const change = (after - before) / (before < 0 ? -before : before);
  return better === "higher" ? change : -change;
}
