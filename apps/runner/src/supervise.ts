/**
 * One job from claim to acknowledgement: a worker trains, the lease is kept, commands are obeyed, the result is signed,
 * spooled and sent. However it ends, it ends once: with a result in the spool, a hand-back, or a lease that is lost.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import {
  type ClaimedJob,
  type Command,
  type KeyPair,
  Problem,
  type Progress,
  parseCompleteSpec,
  type Spec,
  specDigest,
} from "@ticketmark/core";
import { type Ending, startWorker } from "./child.ts";
import type { Client, HandBack } from "./client.ts";
import { deliver } from "./deliver.ts";
import { keepLease } from "./heart.ts";
import type { Leases } from "./leases.ts";
import type { Message } from "./protocol.ts";
import { isWorthRetrying, withRetries } from "./retry.ts";
import type { Settings } from "./settings.ts";
import { signRun } from "./sign.ts";
import { snapshotIteration } from "./snapshots.ts";
import type { Spool } from "./spool.ts";
import { formatShare, labelOf, type Status } from "./status.ts";

export interface Supervisor {
  readonly settings: Settings;
  readonly client: Client;
  readonly key: KeyPair;
  readonly spool: Spool;
  readonly leases: Leases;
  readonly status: Status;
  readonly snapshotSeconds: number;
  /** Aborted = hand back and end, within 2.5 s. */
  readonly stop: AbortSignal;
  /** Aborted a little after `stop`: what is being said to the site then may be said to the end. */
  readonly farewell: AbortSignal;
  /** Hears every command of the site's; "drain" and "update" are the loop's. */
  readonly onCommand: (command: Command) => void;
  /** Tells once when the site stops or starts answering. */
  readonly onReachable: (reachable: boolean, error: Error | null) => void;
}

/** Of the 2.5 s that stopping may take: for the last snapshot, then for telling the site. */
const SNAPSHOT_MS = 1_300;
export const FAREWELL_MS = 800;

type Interruption = "stopping" | "cancelled" | "lease-lost";

export const snapshotFolder = (data: string, jobId: string): string => join(data, "snapshots", jobId);

/** Runs a job that this runner holds. Resolves to "fault" where the run failed for no reason of the site's or a person's. */
export async function superviseJob(job: ClaimedJob, resumed: boolean, supervisor: Supervisor): Promise<"ok" | "fault"> {
  const { leases, spool } = supervisor;
  await leases.keep(job);
  let spec: Spec;
  try {
    spec = checkJob(job);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    await handBack(job, { reason: "fault", message: error.message, snapshotIteration: null }, supervisor);
    return "fault";
  }
  if (supervisor.stop.aborted) {
    await handleInterruption("stopping", job, labelOf(spec), supervisor); // claimed in the last moment
    return "ok";
  }
  const run = followRun(job, resumed, supervisor);
  try {
    const { ending, interruption } = await run.ended(await spool.stage(job.id), spec);
    const handled = interruption && !(interruption === "stopping" && ending.type === "done");
    if (handled) await handleInterruption(interruption, job, labelOf(spec), supervisor);
    else if (ending.type === "done") await finish(job, ending, supervisor);
    else return await handleFault(job, ending, labelOf(spec), supervisor);
    return "ok";
  } finally {
    run.release();
    await spool.discard(job.id);
  }
}

function checkJob(job: ClaimedJob): Spec {
  const spec = parseCompleteSpec(job.spec);
  const digest = specDigest(spec);
  if (digest === job.specDigest) return spec;
  throw new Problem(
    "bad-spec",
    `job ${job.id}: expected a spec with digest ${job.specDigest}; its digest is ${digest}`,
  );
}

/** The worker and the heartbeats of a job, and what may interrupt them. */
function followRun(job: ClaimedJob, resumed: boolean, supervisor: Supervisor) {
  const { client, settings, status, stop } = supervisor;
  const interrupted = new AbortController();
  let progress: Progress | null = null;

  const release = keepLease({
    client,
    job,
    atOnce: resumed,
    progress: () => progress,
    onCommand(command) {
      if (command === "cancel") interrupted.abort("cancelled" satisfies Interruption);
      supervisor.onCommand(command);
    },
    onLost(problem) {
      status.say(`Job ${job.id}: the lease is lost: ${problem.message}`);
      interrupted.abort("lease-lost" satisfies Interruption);
    },
    onReachable: supervisor.onReachable,
  });
  const onStop = () => interrupted.abort("stopping" satisfies Interruption);

  async function ended(outDir: string, spec: Spec): Promise<{ ending: Ending; interruption: Interruption | null }> {
    const label = labelOf(spec);
    const { native, threads, cache } = settings;
    const worker = startWorker(
      {
        type: "run",
        engine: job.engine,
        settings: { native, threads, cacheDir: cache },
        spec,
        outDir,
        snapshotDir: snapshotFolder(settings.data, job.id),
        snapshotSeconds: supervisor.snapshotSeconds,
      },
      (message) => {
        if (message.type === "progress") {
          progress = message.progress;
          status.progress(label, progress);
        } else if (message.type === "resumed") status.say(describeResume(label, message), { job: job.id });
      },
    );
    const interrupt = () => {
      // Before the first progress there is nothing to save; an earlier snapshot stays as it is.
      if (interrupted.signal.reason !== "stopping" || progress === null) return worker.kill();
      worker.stop();
      killer = setTimeout(worker.kill, SNAPSHOT_MS);
    };
    let killer: NodeJS.Timeout | undefined;
    interrupted.signal.addEventListener("abort", interrupt);
    if (interrupted.signal.aborted) interrupt();
    stop.addEventListener("abort", onStop);
    if (stop.aborted) onStop();
    const ending = await worker.ended;
    clearTimeout(killer);
    interrupted.signal.removeEventListener("abort", interrupt);
    status.clear();
    return { ending, interruption: (interrupted.signal.reason as Interruption | undefined) ?? null };
  }

  return {
    ended,
    /** Ends the heartbeats. */
    release() {
      stop.removeEventListener("abort", onStop);
      release();
    },
  };
}

export function describeResume(label: string, { iteration, refused }: Extract<Message, { type: "resumed" }>): string {
  return refused === null
    ? `${label}: going on from iteration ${iteration}`
    : `${label}: starting over, the snapshot cannot be used: ${refused}`;
}

async function finish(
  job: ClaimedJob,
  ending: Extract<Ending, { type: "done" }>,
  supervisor: Supervisor,
): Promise<void> {
  const { spool, leases, settings, key } = supervisor;
  const { id, attempt, lease } = job;
  const { envelope } = await signRun(spool.staged(id), ending, { id, attempt, leaseNonce: lease.nonce }, key);
  await spool.commit(job, envelope);
  await leases.drop(id);
  await rm(snapshotFolder(settings.data, id), { recursive: true, force: true });
  await send(id, supervisor);
}

/** Sends an entry of the spool; it leaves the spool acknowledged or refused, or stays when the runner is told to stop. */
export async function send(jobId: string, supervisor: Supervisor): Promise<void> {
  const { client, spool, status, stop, onReachable } = supervisor;
  try {
    const entry = await spool.read(jobId);
    const signal = stop.aborted ? AbortSignal.timeout(FAREWELL_MS) : supervisor.farewell;
    const { level } = await deliver(client, entry, { signal, onFailure: (error) => onReachable(false, error) });
    onReachable(true, null);
    await spool.remove(jobId);
    const { accuracy, outcome } = entry.result;
    const what = accuracy ? `accuracy ${formatShare(accuracy.last.correct / accuracy.last.total)}` : outcome;
    const label = labelOf(parseCompleteSpec(entry.job.spec));
    status.say(`✓ ${label}: ${what}, acknowledged as ${level}`, { job: jobId, outcome, level });
  } catch (error) {
    if (stop.aborted && isWorthRetrying(error)) {
      return status.say(`Job ${jobId}: the result is kept, and sent at the next start`, { job: jobId });
    }
    if (!(error instanceof Problem) || error.code === "unauthorized") throw error;
    const where = await spool.refuse(jobId, error);
    status.say(`✗ job ${jobId}: the result was REFUSED (${error.code}): ${error.message}; it is kept in ${where}`, {
      job: jobId,
      problem: error.toJSON(),
    });
  }
}

async function handleInterruption(
  interruption: Interruption,
  job: ClaimedJob,
  label: string,
  supervisor: Supervisor,
): Promise<void> {
  const { settings, leases, status } = supervisor;
  const snapshots = snapshotFolder(settings.data, job.id);
  if (interruption === "lease-lost") return leases.drop(job.id); // the snapshot stays: the job may come back
  if (interruption === "cancelled") {
    await rm(snapshots, { recursive: true, force: true });
    await handBack(job, { reason: "cancelled", message: "cancelled by the site", snapshotIteration: null }, supervisor);
    return status.say(`– ${label}: cancelled`, { job: job.id });
  }
  const iteration = await snapshotIteration(snapshots);
  const message =
    iteration === null ? "the runner stops" : `the runner stops, with a snapshot at iteration ${iteration}`;
  await handBack(job, { reason: "stopping", message, snapshotIteration: iteration }, supervisor);
  status.say(`– ${label}: handed back${iteration === null ? "" : `, snapshot at iteration ${iteration}`}`, {
    job: job.id,
  });
}

async function handleFault(
  job: ClaimedJob,
  ending: Exclude<Ending, { type: "done" }>,
  label: string,
  supervisor: Supervisor,
): Promise<"fault"> {
  const message = ending.type === "failed" ? ending.message : "the worker ended without a result";
  const iteration = await snapshotIteration(snapshotFolder(supervisor.settings.data, job.id));
  supervisor.status.say(`✗ ${label}: ${message}`, { job: job.id });
  await handBack(job, { reason: "fault", message, snapshotIteration: iteration }, supervisor);
  return "fault";
}

/** Tells the site and drops the lease. A site that cannot be told keeps its lease until a restart presents it, or it expires. */
async function handBack(job: ClaimedJob, body: HandBack, supervisor: Supervisor): Promise<void> {
  const { client, leases, status, stop, onReachable } = supervisor;
  const stopping = body.reason === "stopping";
  const signal = stopping ? AbortSignal.timeout(FAREWELL_MS) : stop;
  try {
    if (stopping) await client.handBack(job, body, signal);
    else
      await withRetries(() => client.handBack(job, body, signal), { signal, onFailure: (e) => onReachable(false, e) });
  } catch (error) {
    if (stopping || stop.aborted) return; // the lease stays on disk: a restarted runner presents it
    if (!(error instanceof Problem)) throw error;
    if (error.code === "unauthorized") throw error;
    status.say(`Job ${job.id}: the site did not want it back: ${error.message}`); // it is someone else's by now
  }
  await leases.drop(job.id);
}
