/**
 * Other commits on this runner. Its owner decides, when it is started, of which repository and branches, and whether of
 * pull requests; the site can but ask for one of those. Each runs in a worker of its own (checkouts.ts makes its tree),
 * which must say that it is that commit, before and after which the tree must be that commit's.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type ClaimedJob, type ClaimReply, Problem } from "@ticketmark/core";
import { isIntact } from "./checkout.ts";
import { type HeldCheckout, openCheckouts } from "./checkouts.ts";
import type { Done, Ending } from "./child.ts";
import { isSystemError } from "./files.ts";
import type { Mirror } from "./mirror.ts";
import { askEngines } from "./probe.ts";
import type { Settings, Tracking } from "./settings.ts";
import type { Status } from "./status.ts";

type Asked = Pick<ClaimedJob, "engine"> & { readonly code: NonNullable<ClaimedJob["code"]> };
export type WantedScan = NonNullable<ClaimReply["scan"]>;

export interface Commits {
  readonly mirror: Mirror;
  readonly branches: readonly string[];
  /** For a claim; null until the repository was reached. */
  tracks(): { repository: string; pulls: boolean } | null;
  /** Fetches, unless it has done so before, and says what may run here or why nothing may. Never throws for the repository's faults. */
  reach(): Promise<void>;
  /** The commit, ready to run. Throws Problem if it may not or cannot, what `signal` is aborted with, and what the system refuses. */
  prepare(asked: Asked, signal: AbortSignal): Promise<HeldCheckout>;
  /** The ending of a worker in a checkout, if it was that commit that ran and nothing has changed it since; else a failure. */
  confirm(done: Done, checkout: HeldCheckout): Promise<Ending>;
  /** Takes a checkout back, and makes room on the disk. */
  putBack(checkout: HeldCheckout): Promise<void>;
  close(): void;
}

interface Parts {
  readonly settings: Settings;
  readonly status: Pick<Status, "say">;
  readonly stop: AbortSignal;
}

/** Null, which is said, when nothing is tracked here or the folder cannot be used: the runner has other jobs. */
export async function openCommits(tracking: Tracking | null, parts: Parts): Promise<Commits | null> {
  if (!tracking) return null;
  try {
    return await open(tracking, parts);
  } catch (error) {
    if (!(error instanceof Problem || isSystemError(error))) throw error;
    parts.status.say(`Takes no commits: ${error.message}`);
    return null;
  }
}

async function open(tracking: Tracking, { settings, status, stop }: Parts): Promise<Commits> {
  const { repository, branches, pulls, diskBytes, environment } = tracking;
  const name = createHash("sha256").update(repository).digest("hex").slice(0, 16);
  const checkouts = await openCheckouts(join(settings.data, "commits", name), repository, environment);
  const { mirror } = checkouts;
  let reached = false;

  return {
    mirror,
    branches,
    tracks: () => (reached ? { repository: publicAddress(repository), pulls } : null),
    reach: async () => {
      if (reached) return;
      try {
        await mirror.fetch({ signal: stop });
        reached = true;
        const requests = pulls ? " and its pull requests" : "";
        status.say(`Runs commits of ${mirror.repository.name}: ${branches.join(", ")}${requests}`);
      } catch (error) {
        if (stop.aborted) return;
        if (!(error instanceof Problem || isSystemError(error))) throw error;
        status.say(`Takes no commits for now: ${error.message}`);
      }
    },
    prepare: async ({ code: { commit, pull }, engine }, signal) => {
      if (pull !== null && !pulls) {
        const why = "this runner was started without --allow-pull-requests";
        throw new Problem("forbidden", `commit ${commit} of pull request ${pull}: ${why}`);
      }
      const checkout = await checkouts.checkout(commit, pull === null ? { branches } : { pull }, signal);
      try {
        await warmUp(checkout, engine, settings, signal);
        return checkout;
      } catch (error) {
        await checkout.release();
        throw error;
      }
    },
    confirm: async (done, { folder, commit }) => {
      const { commit: ran, dirty } = done.code;
      const failed = (message: string): Ending => ({ type: "failed", problem: null, message });
      if (ran !== commit || dirty)
        return failed(`expected commit ${commit} to run; the worker said ${ran}${dirty ? ", with changes" : ""}`);
      if (await isIntact(folder, commit, environment)) return done;
      return failed(`commit ${commit}: its tree was changed while it ran`);
    },
    putBack: async (checkout) => {
      try {
        await checkout.release();
        if (!stop.aborted) await checkouts.sweep(diskBytes);
      } catch (error) {
        if (!(error instanceof Problem || isSystemError(error))) throw error;
        status.say(`Commits that are kept here could not be cleared up: ${error.message}`);
      }
    },
    close: checkouts.close,
  };
}

/** As the site names it too. A token for https is nobody else's; a user of ssh belongs to the address. */
const publicAddress = (repository: string): string => repository.replace(/^(https:\/\/)[^/@]*@/, "$1");

/**
 * Opens a new tree's engine once before anything is measured: native kernels are built by the first process that wants
 * them, and compiled TypeScript is kept. What is wrong with the engine, the run will say.
 */
async function warmUp(
  checkout: HeldCheckout,
  engine: ClaimedJob["engine"],
  { native, threads }: Settings,
  signal: AbortSignal,
): Promise<void> {
  const { cacheDir: cache } = checkout;
  if (existsSync(cache)) return;
  try {
    await askEngines({ native, threads, cache }, { signal, choices: [engine], at: checkout });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
  }
  signal.throwIfAborted();
  await mkdir(cache, { recursive: true, mode: 0o700 });
}
