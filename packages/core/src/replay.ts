/** Runs a spec again for its digests alone: on the cpu engine they are the same ones on any machine, thread count and build. */
import { unknownEnvironment } from "./result.ts";
import { type RunOptions, runJob } from "./run-job.ts";
import type { Spec } from "./spec.ts";

export interface Digests {
  /** sha256 of the ticket's file, mask and weights; null if the run diverged. */
  readonly ticket: string | null;
  /** sha256 of the trained net's file; null if the run diverged. */
  readonly trained: string | null;
  /** Head of the hash chain over every iteration's loss and mask. */
  readonly trace: string;
}

export type ReplayOptions = Pick<RunOptions, "engine" | "read" | "open" | "initial" | "onProgress">;

/** Throws Problem as runJob does. */
export async function replay(spec: Spec, options: ReplayOptions): Promise<Digests> {
  const output = await runJob(spec, { ...options, environment: unknownEnvironment(options.engine), now: () => 0 });
  if (output === "stopped") throw new Error("nothing here stops a run");
  const { ticketDigest, trainedDigest, trace } = output.result;
  return { ticket: ticketDigest, trained: trainedDigest, trace: trace.head };
}
