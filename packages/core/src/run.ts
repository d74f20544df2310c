/** Door 2, heavy: runs specs, and opens every engine there is: reaches native code. */
export type { Engine } from "./engine/engine.ts";
export { buildNative, type EngineSettings, type OpenedEngine, openEngine } from "./engine/open.ts";
export { referenceEngine } from "./engine/reference/reference.ts";
export { type JobOutput, type RunJob, type RunOptions, runJob } from "./run-job.ts";
export { makeStatement } from "./statement.ts";
export { openLoader } from "./training/node/loader.ts";
