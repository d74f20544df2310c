/**
 * A suite on this machine: one run after the other, each in a folder of its own under OUT. The folders are all the state
 * there is: what has a result is done, what has a snapshot goes on from it, and whatever failed is tried again.
 *
 *   OUT/rst-98-seed-0-1a2b3c4d/result.json …     done: see run-command.ts
 *   OUT/rst-98-seed-0-1a2b3c4d/problem.json      why the last try failed
 */
import { mkdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import {
  MAX_RESULT_BYTES,
  namesOf,
  Problem,
  parseSpec,
  type Result,
  resultSchema,
  type Spec,
  type SpecInput,
  specDigest,
} from "@ticketmark/core";
import { z } from "zod";
import { Crashed } from "./child.ts";
import { namesIn, readJson, writeAtomically } from "./files.ts";
import { share } from "./groups.ts";
import { lockFolder } from "./lock.ts";
import { specOf } from "./results.ts";
import { type LocalRun, runSpec, SNAPSHOTS } from "./run-command.ts";
import { FILE_NAMES } from "./spool.ts";
import { formatShare, type Status } from "./status.ts";

const PROBLEM = "problem.json";
const problemSchema = z.object({ detail: z.string() });

export interface SuiteRun {
  /** Of its folder. */
  readonly name: string;
  /** For people: "RST at 98 %, rounds 3, seed 0". */
  readonly label: string;
  readonly spec: Spec;
  readonly digest: string;
}

/** Folders sort by method; the digest keeps apart what differs in settings only. */
export function runsOf(inputs: readonly SpecInput[]): SuiteRun[] {
  const specs = inputs.map(parseSpec);
  const names = namesOf(specs);
  return specs.map((spec, i) => {
    const digest = specDigest(spec);
    const sparsity = spec.sparsity === 0 ? [] : [String(Number((100 * spec.sparsity).toPrecision(12)))];
    const name = [spec.method.id, ...sparsity, "seed", spec.seed, digest.slice(0, 8)].join("-");
    return { name, label: `${names[i]}, seed ${spec.seed}`, spec, digest };
  });
}

export type LocalState = "done" | "diverged" | "failed" | "stopped" | "missing";

export interface LocalStatus extends SuiteRun {
  readonly state: LocalState;
  readonly result: Result | null;
  readonly message: string | null;
}

/** Throws Problem "conflict" where a folder has the result of another spec, "bad-file" where it does not agree with itself. */
export async function statusOf(run: SuiteRun, out: string): Promise<LocalStatus> {
  const folder = join(out, run.name);
  const path = join(folder, FILE_NAMES.result);
  const result = await readJson(path, resultSchema, MAX_RESULT_BYTES);
  if (result) specOf(path, result);
  if (result && result.specDigest !== run.digest) {
    throw new Problem(
      "conflict",
      `${folder}: expected the result of spec ${run.digest.slice(0, 12)}…; there is another's`,
    );
  }
  if (result)
    return { ...run, state: result.outcome === "completed" ? "done" : result.outcome, result, message: result.message };
  const problem = await readJson(join(folder, PROBLEM), problemSchema);
  if (problem) return { ...run, state: "failed", result, message: problem.detail };
  const snapshots = await namesIn(join(folder, SNAPSHOTS));
  return { ...run, state: snapshots.length > 0 ? "stopped" : "missing", result, message: null };
}

/** Is there nothing left to do? What ends itself, ended or diverged, is a result and is not tried again. */
export const isOver = ({ state }: Pick<LocalStatus, "state">): boolean => state === "done" || state === "diverged";

/** What keeps every run of a suite from its end, not this one. */
const EVERYWHERE = ["data-unavailable", "engine-unavailable", "bad-settings"];

/** Runs what is not over. Returns false when it was stopped before the end. */
export async function runSuite(
  runs: readonly SuiteRun[],
  out: string,
  options: Omit<LocalRun, "spec">,
  status: Status,
): Promise<boolean> {
  const folder = resolve(out);
  await mkdir(folder, { recursive: true });
  const lock = await lockFolder(folder);
  try {
    for (const [i, run] of runs.entries()) {
      if (isOver(await statusOf(run, folder))) continue;
      status.say(`${i + 1} of ${runs.length}: ${run.label}`, { run: run.name });
      if (await runOne(run, join(folder, run.name), options, status)) continue;
      const over = (await Promise.all(runs.map((one) => statusOf(one, folder)))).filter(isOver).length;
      status.say(`What has ended stays: ${over} of ${runs.length} runs`, { over, runs: runs.length });
      return false;
    }
    return true;
  } finally {
    lock.close();
  }
}

async function runOne(
  { name, label, spec }: SuiteRun,
  folder: string,
  options: Omit<LocalRun, "spec">,
  status: Status,
): Promise<boolean> {
  try {
    const ran = await runSpec(folder, { ...options, spec }, status);
    await rm(join(folder, PROBLEM), { force: true });
    if (ran === null) return false;
    const { accuracy, outcome } = ran.result;
    const what = accuracy ? `accuracy ${formatShare(share(accuracy.last))}` : outcome;
    status.say(`✓ ${label}: ${what}`, { run: name, outcome });
    return true;
  } catch (error) {
    if (!(error instanceof Problem || error instanceof Crashed)) throw error;
    if (error instanceof Problem && EVERYWHERE.includes(error.code)) throw error;
    const problem = error instanceof Problem ? error.toJSON() : { title: error.name, detail: error.message };
    await writeAtomically(join(folder, PROBLEM), `${JSON.stringify(problem, null, 2)}\n`);
    status.say(`${label}: ${error.message}`, problem);
    return true;
  }
}
