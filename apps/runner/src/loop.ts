/** The runner's life: send what waits, go on with what it holds, claim, run, and again, until told to drain or stop. */
import { join } from "node:path";
import {
  type ClaimReply,
  type Command,
  type ENGINE_CHOICES,
  type Environment,
  JOB_KINDS,
  NUMERICS,
  Problem,
} from "@ticketmark/core";
import { type Commits, openCommits } from "./commits.ts";
import { makePrivateFolder } from "./files.ts";
import { Leases } from "./leases.ts";
import { lockFolder } from "./lock.ts";
import { askEngines } from "./probe.ts";
import { backoff, graceful, pause, withRetries } from "./retry.ts";
import { scan } from "./scan.ts";
import type { Tracking } from "./settings.ts";
import { send } from "./settle.ts";
import { keepNewestJobs } from "./snapshots.ts";
import { Spool } from "./spool.ts";
import { superviseJob } from "./supervise.ts";
import { FAREWELL_MS, type Supervisor } from "./supervisor.ts";

/** Faults in a row slow the runner down: a broken machine must not burn through the queue. */
const FAULT_FIRST_MS = 1_000;
const FAULT_LONGEST_MS = 300_000;

/** What a person is told while there is no job. */
const WAITING = {
  continue: "Waiting for jobs",
  cancel: "Waiting for jobs",
  update: `The site gives no jobs to this code: it is too old (its numerics are ${NUMERICS}). Update it and start it again.`,
};

interface LoopOptions
  extends Omit<Supervisor, "spool" | "leases" | "commits" | "farewell" | "onCommand" | "onReachable"> {
  /** Null = no code runs here but this. */
  readonly tracking: Tracking | null;
}

/** Shortest wait, in seconds, for a site that wants newer code: only a person can bring it. */
const UPDATE_SECONDS = 60;

/** How often a result is tried again that the site fails on, and a repository that was not reached. */
const AGAIN_MS = 10 * 60_000;

/** Resolves when told to stop or drain. Throws Problem when the site does not know this runner (any more). */
export async function runLoop(options: LoopOptions): Promise<void> {
  const { settings, client, status, stop } = options;
  const spool = new Spool(settings.data);
  const leases = new Leases(settings.data);
  await makePrivateFolder(settings.data);
  const lock = await lockFolder(settings.data);
  let commits: Commits | null = null;
  try {
    commits = await openCommits(options.tracking, options);
    await leases.open();
    const held = () => leases.held((why) => status.say(`A lease was set aside: ${why}`));
    await spool.open((await held()).map(({ id }) => id));
    let draining = false;
    const supervisor: Supervisor = {
      ...options,
      spool,
      leases,
      commits,
      farewell: graceful(stop, FAREWELL_MS),
      onCommand: (command) => {
        if (command === "drain") draining = true;
      },
      onReachable: tellOnce(client.server, status),
    };
    const offer = await probeEngines(supervisor);
    status.say(`Runner of ${client.server} ready: ${offer.environment.device} (${offer.environment.reason})`);

    let sent = performance.now();
    await sendWaiting(supervisor);
    let faults = 0;
    let broken: string | null = null; // commit of the last one
    let told: Command | null = null; // since the last job
    const run = async (...[job, resumed]: [Parameters<typeof superviseJob>[0], boolean]) => {
      const ended = await superviseJob(job, resumed, supervisor);
      const commit = job.code?.commit ?? null;
      // However often one commit fails, it is the commit that is broken.
      if (ended === "ok") faults = 0;
      else if (commit === null || commit !== broken) faults++;
      broken = ended === "ok" ? null : commit;
      // The first is forgiven: a job that lost its worker goes on from its snapshot at once.
      if (faults > 1) await pause(backoff(faults, 0.5 + Math.random() / 2, FAULT_FIRST_MS, FAULT_LONGEST_MS), stop);
    };
    for (const job of await held()) {
      if (!stop.aborted) await run(job, true);
    }
    void commits?.reach(); // beside: a repository that does not answer keeps no other job waiting
    while (!stop.aborted && !draining) {
      if (performance.now() - sent > AGAIN_MS) {
        await sendWaiting(supervisor);
        void commits?.reach();
        sent = performance.now();
      }
      const reply = await claim(supervisor, offer);
      if (reply === null) return;
      if (reply.job) {
        told = null;
        await run(reply.job, false);
      }
      if (reply.scan && commits && !stop.aborted) await scan(reply.scan, commits, supervisor);
      if (reply.job) continue;
      if (reply.command === "drain") draining = true;
      else {
        if (reply.command !== told) status.say(WAITING[reply.command]);
        told = reply.command;
        const seconds = 2 * Math.random() * reply.retryAfter;
        await pause(Math.max(reply.command === "update" ? UPDATE_SECONDS : 0.2, seconds) * 1_000, stop);
      }
    }
    if (draining) status.say("The site asks this runner to drain: it stops.");
  } catch (error) {
    if (!stop.aborted || !(error instanceof Problem)) throw error; // told to stop in the middle: nothing is lost
  } finally {
    status.clear();
    await commits?.close();
    lock.close();
  }
}

async function sendWaiting(supervisor: Supervisor): Promise<void> {
  const { spool, leases, stop } = supervisor;
  for (const id of await spool.waiting()) {
    if (stop.aborted) return;
    await leases.drop(id); // done before the runner ended; only the sending is left
    await send(id, supervisor);
  }
}

interface Offer {
  readonly engines: (typeof ENGINE_CHOICES)[number][];
  readonly environment: Environment;
}

/** null = told to stop before the site answered. */
async function claim(supervisor: Supervisor, { engines, environment }: Offer): Promise<ClaimReply | null> {
  const { client, settings, leases, commits, stop, farewell, onReachable } = supervisor;
  const snapshots = await keepNewestJobs(join(settings.data, "snapshots"));
  const lease = await leases.nextToken();
  const offer = { kinds: [...JOB_KINDS], engines, environment, numerics: NUMERICS };
  const body = { ...offer, snapshots, lease, tracks: commits?.tracks() ?? undefined };
  try {
    // A claim under way is waited for a little, so that no job is taken and forgotten.
    const reply = await withRetries(() => client.claim(body, farewell), {
      signal: stop,
      onFailure: (error) => onReachable(false, error),
    });
    onReachable(true, null);
    return reply;
  } catch (error) {
    if (stop.aborted) return null;
    throw error;
  }
}

/** What can be opened here, and nothing else, is offered; what cannot is said. */
async function probeEngines({ settings, stop, status }: Supervisor): Promise<Offer> {
  const engines = await askEngines(settings, { signal: stop });
  const first = engines.find(({ environment }) => environment !== null);
  if (!first?.environment) {
    const reasons = engines.map(({ choice, problem }) => `${choice}: ${problem?.message}`).join("; ");
    throw new Problem("engine-unavailable", `expected an engine that works here; ${reasons}`);
  }
  const absent = engines.flatMap(({ choice, problem }) => (problem ? [choice] : []));
  if (absent.length > 0) status.say(`Engines not offered: ${absent.join(", ")}; ticketmark doctor says why`);
  const present = engines.filter(({ environment }) => environment !== null).map(({ choice }) => choice);
  return { engines: present, environment: first.environment };
}

/** Says when the site stops answering, and when it answers again; not every time it is tried. */
function tellOnce(server: string, status: Supervisor["status"]): Supervisor["onReachable"] {
  let told = true;
  return (reachable, error) => {
    if (reachable === told) return;
    told = reachable;
    if (reachable) status.say(`${server} answers again`);
    else status.say(`${server} does not answer, trying again: ${error?.message}`);
  };
}
