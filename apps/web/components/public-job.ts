/** A job as the public JSON has it: what the server renders first and what the browser polls are the same. */
import type { Progress } from "@ticketmark/core";
import type { JobView } from "../db/jobs.ts";

type InJson<T> = T extends Date
  ? string
  : T extends readonly (infer U)[]
    ? InJson<U>[]
    : T extends object
      ? { [K in keyof T]: InJson<T[K]> }
      : T;

export type PublicJob = Omit<InJson<JobView>, "spec"> & { readonly spec: JobView["spec"] };

export const publicJob = (job: JobView): PublicJob => JSON.parse(JSON.stringify(job));

/** Iterations of all phases together. */
export const plannedIterations = ({ plan }: Pick<PublicJob, "plan">): number =>
  plan.phases.reduce((total, phase) => total + phase.iterations, 0);

/** Seconds left at the present speed; null before there is one. */
export function secondsLeft(progress: Progress | null): number | null {
  if (!progress || progress.iterationsPerSecond <= 0) return null;
  return (progress.iterations - progress.iteration) / progress.iterationsPerSecond;
}
