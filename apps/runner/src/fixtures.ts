/** For tests: a claimed job, and the files and envelope of a result that names them. Tiny, but valid in every field. */
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  type ClaimedJob,
  canonicalBytes,
  digestOf,
  type Envelope,
  keyIdOf,
  makeStatement,
  NUMERICS,
  newKeyPair,
  parseSpec,
  type Result,
  type SpecInput,
  signStatement,
  specDigest,
} from "@ticketmark/core";
import { describeEnvironment } from "./environment.ts";
import type { FinishedRun } from "./spool.ts";

export function exampleJob(input: Partial<SpecInput> = {}, id: string = randomUUID()): ClaimedJob {
  const spec = parseSpec({ dataset: "toy", model: "mlp-tiny", method: "dense", ...input });
  const lease = { token: randomUUID(), nonce: randomUUID(), seconds: 60, renewSeconds: 0.2 };
  return { id, kind: "run", spec, specDigest: specDigest(spec), engine: "auto", code: null, attempt: 1, lease };
}

export function exampleOutput(job: ClaimedJob): {
  envelope: Envelope;
  files: Record<"result" | "ticket" | "trained", Uint8Array>;
} {
  const [ticket, trained] = ["ticket", "trained"].map((name) => new TextEncoder().encode(`${name} of ${job.id}`)) as [
    Uint8Array,
    Uint8Array,
  ];
  const score = { correct: 3, total: 4, loss: 0.5 };
  const result: Result = {
    format: "ticketmark-result-1",
    outcome: "completed",
    message: null,
    spec: job.spec,
    specDigest: job.specDigest,
    numerics: NUMERICS,
    datasetDigest: digestOf(new Uint8Array()),
    environment: describeEnvironment({ id: "cpu", device: "none" }, "for a test"),
    phases: [],
    curves: { phase: [], iteration: [], trainLoss: [], testLoss: [], testAccuracy: [], validationAccuracy: [] },
    accuracy: { last: score, best: { score, iteration: 1 }, afterCut: score, beforeCut: null, validation: null },
    layers: [],
    sparsity: { real: 0, effective: null, compression: 1, theoreticalSpeedup: 1 },
    cost: { methodIterations: 0, methodExamples: 0, finalIterations: 1, finalExamples: 4 },
    iterationTime: null,
    peakBytes: 0,
    seconds: 1,
    trace: { every: 100, blocks: 1, head: digestOf(new Uint8Array()) },
    ticketDigest: digestOf(ticket),
    trainedDigest: digestOf(trained),
  };
  const bytes = canonicalBytes(result);
  const key = newKeyPair();
  const statement = makeStatement({
    result,
    resultDigest: digestOf(bytes),
    job: { id: job.id, attempt: job.attempt, leaseNonce: job.lease.nonce, kind: job.kind },
    code: { commit: null, dirty: false, version: "0" },
    keyId: keyIdOf(key.publicKey),
  });
  return { envelope: signStatement(statement, key), files: { result: bytes, ticket, trained } };
}

/** What signing a finished run takes besides its files. */
export const exampleRun = (resultDigest: string): FinishedRun => ({
  code: { commit: null, dirty: false, version: "the run's" },
  resultDigest,
  testbed: {
    ...{ cpu: "a chip", cores: 1, memoryBytes: 1e9, os: "Linux 6", arch: "x64", node: "20.19.0", engine: "cpu" },
    ...{ compiler: "cc 1", threads: null, key: "c".repeat(64) },
  },
  measured: { peakRssBytes: 1e8, overheadSeconds: 2 },
});

/** Is the process there, and not merely waiting to be reaped? */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    if (process.platform !== "linux") return true;
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** Waits, without a limit of its own (the test has one), until `condition` holds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Process ids of the workers that `parent` started. */
export function workersOf(parent: number): number[] {
  const table = execFileSync("ps", ["-eo", "pid=,ppid=,args="], { encoding: "utf8" });
  return table.split("\n").flatMap((line) => {
    const [pid, ppid, ...args] = line.trim().split(/\s+/);
    return Number(ppid) === parent && args.some((arg) => arg.endsWith("worker.ts")) ? [Number(pid)] : [];
  });
}
