/**
 * One job from claim to end: a worker trains, the lease is kept, commands are obeyed. However it ends, it ends once
 * (settle.ts).
 */
import { type ClaimedJob, Problem, type Progress, parseCompleteSpec, type Spec, specDigest } from "@ticketmark/core";
import type { CommitFacts } from "./checkout.ts";
import type { HeldCheckout } from "./checkouts.ts";
import { type Ending, startWorker } from "./child.ts";
import { isSystemError } from "./files.ts";
import { keepLease } from "./heart.ts";
import { describeRun } from "./measured.ts";
import { finish, handBack, handleFault, handleInterruption, type Interruption } from "./settle.ts";
import { describeResume, labelOf } from "./status.ts";
import { SNAPSHOT_MS, type Supervisor, snapshotFolder } from "./supervisor.ts";

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
  const label = job.code ? `${labelOf(spec)} at ${job.code.commit.slice(0, 10)}` : labelOf(spec);
  if (supervisor.stop.aborted) {
    await handleInterruption("stopping", job, label, supervisor); // claimed in the last moment
    return "ok";
  }
  const kept = resumed ? await spool.finished(job.id) : null;
  const finished = kept && (!job.code || job.code.commit === kept.code.commit) ? kept : null;
  const run = followRun(job, label, { resumed, ended: finished !== null }, supervisor);
  try {
    if (finished) return await finish(job, async () => finished, label, supervisor);
    let folder: string;
    try {
      folder = await spool.stage(job.id);
    } catch (error) {
      if (!(error instanceof Problem) && !isSystemError(error)) throw error;
      run.release();
      return await handleFault(job, (error as Error).message, label, supervisor);
    }
    const { ending, facts, interruption } = await run.train(folder, spec);
    if (ending.type === "done" && interruption !== "cancelled") {
      const describe = () => describeRun(folder, ending, facts, supervisor);
      return await finish(job, describe, label, supervisor);
    }
    await spool.discard(job.id);
    run.release(); // no beat may come behind what the site is told now
    if (!interruption) return await handleFault(job, describeEnd(ending), label, supervisor);
    await handleInterruption(interruption, job, label, supervisor);
    return "ok";
  } finally {
    run.release();
  }
}

/** What people see while a commit is fetched, installed and built. */
const preparing = (commit: string): Progress => ({
  phase: 0,
  phaseName: `preparing ${commit.slice(0, 10)}`,
  iteration: 0,
  iterations: 1,
  loss: null,
  accuracy: null,
  iterationsPerSecond: 0,
});

const describeEnd = (ending: Ending) =>
  ending.type === "failed" ? ending.message : "the worker ended without a result";

function checkJob(job: ClaimedJob): Spec {
  const spec = parseCompleteSpec(job.spec);
  const digest = specDigest(spec);
  if (digest === job.specDigest) return spec;
  throw new Problem(
    "bad-spec",
    `job ${job.id}: expected a spec with digest ${job.specDigest}; its digest is ${digest}`,
  );
}

interface Trained {
  readonly ending: Ending;
  /** Of the commit that ran; null where it is this code. */
  readonly facts: CommitFacts | null;
  readonly interruption: Interruption | null;
}

/** The worker and the heartbeats of a job, and what may interrupt them. `ended`: there is nothing left to train. */
function followRun(job: ClaimedJob, label: string, at: { resumed: boolean; ended: boolean }, supervisor: Supervisor) {
  const { client, settings, status, stop, commits } = supervisor;
  const interrupted = new AbortController();
  let progress: Progress | null = null;
  let { ended } = at;

  const release = keepLease({
    client,
    job,
    atOnce: at.resumed,
    progress: () => progress,
    onCommand(command) {
      if (command === "cancel") interrupted.abort("cancelled" satisfies Interruption);
      supervisor.onCommand(command);
    },
    onLost(problem) {
      if (ended) return; // what is said to the site from here on tells it by itself
      status.say(`Job ${job.id}: the lease is lost: ${problem.message}`);
      interrupted.abort("lease-lost" satisfies Interruption);
    },
    onReachable: supervisor.onReachable,
  });
  const onStop = () => interrupted.abort("stopping" satisfies Interruption);

  /** The commit that the job names, ready to run. Rejects at once when interrupted: what is under way is taken back when it ends. */
  async function prepare(code: NonNullable<ClaimedJob["code"]>): Promise<HeldCheckout> {
    const { commit, pull } = code;
    if (!commits)
      throw new Problem("forbidden", `commit ${commit}: this runner runs no code but its own (--repository)`);
    progress = preparing(commit);
    status.progress(label, progress);
    const { signal } = interrupted;
    signal.throwIfAborted();
    const checkout = commits.prepare({ ...job, code: { commit, pull } }, signal);
    const aborted = new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    try {
      return await Promise.race([checkout, aborted]);
    } catch (error) {
      if (signal.aborted) checkout.then(commits.putBack, () => {});
      throw error;
    }
  }

  async function train(outDir: string, spec: Spec): Promise<Trained> {
    stop.addEventListener("abort", onStop);
    if (stop.aborted) onStop();
    let checkout: HeldCheckout | null = null;
    let ending: Ending;
    try {
      checkout = job.code && (await prepare(job.code));
      ending = await work(outDir, spec, checkout);
      if (checkout) ending = await commits!.confirm(ending, checkout);
    } catch (error) {
      const { signal } = interrupted;
      const expected = (signal.aborted && error === signal.reason) || error instanceof Problem || isSystemError(error);
      if (!expected) throw error;
      ending = { type: "failed", problem: null, message: (error as Error).message };
    } finally {
      ended = true;
      status.clear();
      const back = checkout && commits!.putBack(checkout);
      if (!stop.aborted) await back; // else there is no time: what it leaves is cleared up at the next start
    }
    const interruption = (interrupted.signal.reason as Interruption | undefined) ?? null;
    return { ending, facts: checkout?.facts ?? null, interruption };
  }

  async function work(outDir: string, spec: Spec, checkout: HeldCheckout | null): Promise<Ending> {
    const { native, threads, cache, dataDir } = settings;
    let trains = false;
    const worker = startWorker(
      {
        type: "run",
        engine: job.engine,
        settings: { native, threads, cacheDir: checkout?.cacheDir ?? cache },
        spec,
        dataDir,
        outDir,
        snapshotDir: snapshotFolder(settings.data, job.id),
        snapshotSeconds: supervisor.snapshotSeconds,
      },
      (message) => {
        if (message.type === "progress") {
          progress = message.progress;
          trains = true;
          status.progress(label, progress);
        } else if (message.type === "fetching") status.transfer(message.name, message.done, message.total);
        else if (message.type === "resumed") status.say(describeResume(label, message), { job: job.id });
      },
      checkout ?? undefined,
    );
    const interrupt = () => {
      // Before the first progress there is nothing to save; an earlier snapshot stays as it is.
      if (interrupted.signal.reason !== "stopping" || !trains) return worker.kill();
      worker.stop();
      killer = setTimeout(worker.kill, SNAPSHOT_MS);
    };
    let killer: NodeJS.Timeout | undefined;
    interrupted.signal.addEventListener("abort", interrupt);
    if (interrupted.signal.aborted) interrupt();
    const ending = await worker.ended;
    clearTimeout(killer);
    interrupted.signal.removeEventListener("abort", interrupt);
    return ending;
  }

  return {
    train,
    /** Ends the heartbeats. */
    release() {
      stop.removeEventListener("abort", onStop);
      release();
    },
  };
}
