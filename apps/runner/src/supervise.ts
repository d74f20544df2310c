/**
 * One job from claim to end: a worker trains, the lease is kept, commands are obeyed. However it ends, it ends once
 * (settle.ts).
 */
import { type ClaimedJob, Problem, type Progress, parseCompleteSpec, type Spec, specDigest } from "@ticketmark/core";
import { type Ending, startWorker } from "./child.ts";
import { keepLease } from "./heart.ts";
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
  if (supervisor.stop.aborted) {
    await handleInterruption("stopping", job, labelOf(spec), supervisor); // claimed in the last moment
    return "ok";
  }
  const label = labelOf(spec);
  const finished = resumed ? await spool.finished(job.id) : null;
  const run = followRun(job, { resumed, ended: finished !== null }, supervisor);
  try {
    if (finished) return await finish(job, finished, label, supervisor);
    const { ending, interruption } = await run.train(await spool.stage(job.id), spec);
    if (ending.type === "done" && interruption !== "cancelled") return await finish(job, ending, label, supervisor);
    await spool.discard(job.id);
    run.release(); // no beat may come behind what the site is told now
    if (!interruption) return await handleFault(job, describeEnd(ending), label, supervisor);
    await handleInterruption(interruption, job, label, supervisor);
    return "ok";
  } finally {
    run.release();
  }
}

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

/** The worker and the heartbeats of a job, and what may interrupt them. `ended`: there is nothing left to train. */
function followRun(job: ClaimedJob, at: { resumed: boolean; ended: boolean }, supervisor: Supervisor) {
  const { client, settings, status, stop } = supervisor;
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

  async function train(outDir: string, spec: Spec): Promise<{ ending: Ending; interruption: Interruption | null }> {
    const label = labelOf(spec);
    const { native, threads, cache, dataDir } = settings;
    const worker = startWorker(
      {
        type: "run",
        engine: job.engine,
        settings: { native, threads, cacheDir: cache },
        spec,
        dataDir,
        outDir,
        snapshotDir: snapshotFolder(settings.data, job.id),
        snapshotSeconds: supervisor.snapshotSeconds,
      },
      (message) => {
        if (message.type === "progress") {
          progress = message.progress;
          status.progress(label, progress);
        } else if (message.type === "fetching") status.transfer(message.name, message.done, message.total);
        else if (message.type === "resumed") status.say(describeResume(label, message), { job: job.id });
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
    ended = true;
    clearTimeout(killer);
    interrupted.signal.removeEventListener("abort", interrupt);
    status.clear();
    return { ending, interruption: (interrupted.signal.reason as Interruption | undefined) ?? null };
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
