/**
 * Door 2, heavy: a spec goes in, a result with its files comes out. The whole experiment, top to bottom.
 */
import type { ReadFile } from "./datasets/dataset.ts";
import type { Engine } from "./engine/engine.ts";
import type { Progress } from "./job.ts";
import type { Environment, Result } from "./result.ts";
import type { Spec } from "./spec.ts";

export interface RunOptions {
  readonly engine: Engine;
  readonly environment: Environment;
  readonly read: ReadFile;
  /** Monotonic milliseconds (`performance.now`); feeds durations only, never the computation. */
  readonly now: () => number;
  /** Bytes of an earlier snapshot of the same spec: the run goes on from there, to the same bits. */
  readonly resume?: Uint8Array;
  /** After each block of 100 iterations and at each evaluation. */
  readonly onProgress?: (progress: Progress) => void;
  /** After every iteration. It may await (the event loop turns only then), take a snapshot, or end the run. */
  readonly between?: (at: {
    iteration: number;
    snapshot: () => Promise<Uint8Array>;
  }) => undefined | "stop" | Promise<undefined | "stop">;
}

export interface JobOutput {
  readonly result: Result;
  /** Exact bytes of each file; the statement's subjects are their digests. Null unless completed. */
  readonly files: {
    readonly result: Uint8Array;
    readonly ticket: Uint8Array | null;
    readonly trained: Uint8Array | null;
  };
}

export type RunJob = (spec: Spec, options: RunOptions) => Promise<JobOutput | "stopped">;
