/** How a job ends, once: a result in the spool and then at the site, a hand-back, or a lease that is lost. */
import { rm } from "node:fs/promises";
import { type ClaimedJob, Problem, parseCompleteSpec } from "@ticketmark/core";
import type { HandBack } from "./client.ts";
import { deliver } from "./deliver.ts";
import { isSystemError } from "./files.ts";
import { backoff, enoughOf, isFailing, isWorthRetrying, pause, withRetries } from "./retry.ts";
import { signRun } from "./sign.ts";
import { snapshotIteration } from "./snapshots.ts";
import type { FinishedRun } from "./spool.ts";
import { formatShare, labelOf } from "./status.ts";
import { farewellOf, type Supervisor, snapshotFolder } from "./supervisor.ts";

export type Interruption = "stopping" | "cancelled" | "lease-lost";

/** A disk that is full may have room again: so often it is tried to sign, at most so far apart. */
const SIGN_TRIES = 10;
const SIGN_LONGEST_MS = 60_000;

/** A site that fails on one result, and has done so this often for so long, may take others: they go first. */
const FAILING_TRIES = 20;
const FAILING_MS = 10 * 60_000;

/**
 * Signs, spools and sends the result of a run that came to its end; "fault" = it cannot be signed. Its files stay until
 * they are in the spool: told to stop before that, the runner signs at its next start, for which the lease stays too.
 * `describe` says what else signing takes.
 */
export async function finish(
  job: ClaimedJob,
  describe: () => Promise<FinishedRun>,
  label: string,
  supervisor: Supervisor,
): Promise<"ok" | "fault"> {
  const { leases, settings, spool, status, stop } = supervisor;
  let run: FinishedRun | null = null;
  for (let attempt = 1; ; attempt++) {
    try {
      run ??= await describe();
      await spool.keepFinished(job.id, run);
      await signAndCommit(job, run, supervisor);
      break;
    } catch (error) {
      if (!(error instanceof Problem) && !isSystemError(error)) throw error;
      if (error instanceof Problem || attempt === SIGN_TRIES) return giveUp(job, error, label, supervisor);
      if (attempt === 1) status.say(`${label}: the result cannot be kept, trying again: ${error.message}`);
      await pause(backoff(attempt, Math.random(), undefined, SIGN_LONGEST_MS), stop);
      if (!stop.aborted) continue;
      status.say(`– ${label}: finished; it is signed at the next start`, { job: job.id });
      return "ok";
    }
  }
  await leases.drop(job.id);
  await rm(snapshotFolder(settings.data, job.id), { recursive: true, force: true });
  await send(job.id, supervisor);
  return "ok";
}

async function signAndCommit(job: ClaimedJob, run: FinishedRun, { spool, key }: Supervisor): Promise<void> {
  const { id, attempt, lease, kind } = job;
  const { envelope } = await signRun(spool.staged(id), run, { id, attempt, leaseNonce: lease.nonce, kind }, key);
  await spool.commit(job, envelope);
}

/** A finished run whose result cannot be signed or kept: set aside, and the job is given back. */
async function giveUp(job: ClaimedJob, error: Error, label: string, supervisor: Supervisor): Promise<"fault"> {
  const problem = error instanceof Problem ? error : new Problem("bad-file", error.message, { cause: error });
  const kept = await supervisor.spool.refuseStaged(job.id, problem).then(
    (where) => `its files are kept in ${where}`,
    (why) => {
      // A worker may have removed the folder; whatever the reason, the site is to hear of the fault.
      if (!isSystemError(why) && !(why instanceof Problem)) throw why;
      return `its files cannot be kept: ${why.message}`;
    },
  );
  await handleFault(job, `the result cannot be signed: ${error.message}`, label, supervisor);
  supervisor.status.say(`Job ${job.id}: ${kept}`, { job: job.id });
  return "fault";
}

/**
 * Sends an entry of the spool. It leaves the spool acknowledged or refused; it stays when the runner is told to stop,
 * and behind the others when the site fails on it.
 */
export async function send(jobId: string, supervisor: Supervisor): Promise<void> {
  const { client, spool, status, stop, onReachable } = supervisor;
  try {
    const entry = await spool.read(jobId);
    const patience = {
      signal: farewellOf(supervisor),
      onFailure: (error: Error) => onReachable(false, error),
      isEnough: (await spool.isLater(jobId)) ? isFailing : enoughOf(FAILING_TRIES, FAILING_MS),
    };
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
    if (isFailing(error)) {
      await spool.putLater(jobId);
      return status.say(
        `Job ${jobId}: the site fails on the result, which is kept for later: ${(error as Error).message}`,
      );
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
  message: string,
  label: string,
  supervisor: Supervisor,
): Promise<"fault"> {
  const iteration = await snapshotIteration(snapshotFolder(supervisor.settings.data, job.id));
  supervisor.status.say(`✗ ${label}: ${message}`, { job: job.id });
  await handBack(job, { reason: "fault", message, snapshotIteration: iteration }, supervisor);
  return "fault";
}

/** Tells the site and drops the lease. False = it could not be told: the lease stays, for a restart to present. */
export async function handBack(job: ClaimedJob, body: HandBack, supervisor: Supervisor): Promise<boolean> {
  const { client, leases, status, onReachable } = supervisor;
  const signal = farewellOf(supervisor);
  let repeated = false;
  const onFailure = (error: Error) => {
    repeated = true;
    onReachable(false, error);
  };
  try {
    await withRetries(() => client.handBack(job, body, signal), { signal, onFailure });
  } catch (error) {
    if (signal.aborted && isWorthRetrying(error)) return false;
    if (!(error instanceof Problem) || error.code === "unauthorized") throw error;
    // A first try whose reply was lost has given the job back already.
    if (!(repeated && error.code === "lease-lost"))
      status.say(`Job ${job.id}: the site did not want it back: ${error.message}`); // it is someone else's by now
  }
  await leases.drop(job.id);
  return true;
}
