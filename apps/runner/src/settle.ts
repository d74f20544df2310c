/** How a job ends, once: a result in the spool and then at the site, a hand-back, or a lease that is lost. */
import { rm } from "node:fs/promises";
import { type ClaimedJob, Problem, parseCompleteSpec } from "@ticketmark/core";
import type { Ending } from "./child.ts";
import type { HandBack } from "./client.ts";
import { deliver } from "./deliver.ts";
import { isWorthRetrying, withRetries } from "./retry.ts";
import { signRun } from "./sign.ts";
import { snapshotIteration } from "./snapshots.ts";
import { formatShare, labelOf } from "./status.ts";
import { farewellOf, type Supervisor, snapshotFolder } from "./supervisor.ts";

export type Interruption = "stopping" | "cancelled" | "lease-lost";

/** Signs, spools and sends the result of a run that came to its end. */
export async function finish(
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
    const patience = { signal: farewellOf(supervisor), onFailure: (error: Error) => onReachable(false, error) };
    const { level } = await deliver(client, entry, patience);
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

/** Ends a job that was taken away or given up. */
export async function handleInterruption(
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
  const snapshot = iteration === null ? "no snapshot" : `a snapshot at iteration ${iteration}`;
  const message = `the runner stops, with ${snapshot}`;
  const told = await handBack(job, { reason: "stopping", message, snapshotIteration: iteration }, supervisor);
  const what = told ? "handed back" : "kept, for the site could not be told";
  status.say(`– ${label}: ${what}, with ${snapshot}`, { job: job.id });
}

/** Gives a job back that failed for no reason of the site's or a person's. */
export async function handleFault(
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

/** Tells the site and drops the lease. False = it could not be told: the lease stays, for a restart to present. */
export async function handBack(job: ClaimedJob, body: HandBack, supervisor: Supervisor): Promise<boolean> {
  const { client, leases, status, onReachable } = supervisor;
  const signal = farewellOf(supervisor);
  const onFailure = (error: Error) => onReachable(false, error);
  try {
    await withRetries(() => client.handBack(job, body, signal), { signal, onFailure });
  } catch (error) {
    if (signal.aborted && isWorthRetrying(error)) return false;
    if (!(error instanceof Problem) || error.code === "unauthorized") throw error;
    status.say(`Job ${job.id}: the site did not want it back: ${error.message}`); // it is someone else's by now
  }
  await leases.drop(job.id);
  return true;
}
