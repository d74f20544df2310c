/**
 * Other commits on this runner. Its owner decides, when it is started, of which repository and branches, and whether of
 * pull requests; the site can but ask for one of those. Each runs in a worker of its own (checkouts.ts makes its tree),
 * which must say that it is that commit, before and after which the tree must be that commit's.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { realpath, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type ClaimedJob, type ClaimReply, Problem } from "@ticketmark/core";
import { isIntact } from "./checkout.ts";
import { type HeldCheckout, openCheckouts } from "./checkouts.ts";
import type { Ending } from "./child.ts";
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
  /**
   * Fetches, unless it has done so before or is at it, and says what may run here or why nothing may. Never throws for the
   * repository's faults. It may take minutes, and ends with `close`.
   */
  reach(): Promise<void>;
  /** The commit, ready to run. Throws Problem if it may not or cannot, what `signal` is aborted with, and what the system refuses. */
  prepare(asked: Asked, signal: AbortSignal): Promise<HeldCheckout>;
  /**
   * The ending of a worker in a checkout, if it was that commit that ran and nothing has changed it since; else a failure.
   * Why one failed is told without the folders of this machine.
   */
  confirm(ending: Ending, checkout: HeldCheckout): Promise<Ending>;
  /** Takes a checkout back, and makes room on the disk. */
  putBack(checkout: HeldCheckout): Promise<void>;
  close(): Promise<void>;
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
  const name = createHash("sha256").update(publicAddress(repository)).digest("hex").slice(0, 16);
  const home = join(settings.data, "commits", name);
  const checkouts = await openCheckouts(home, repository, environment);
  const { mirror } = checkouts;
  const homes = [home, await realpath(home)];
  const closing = new AbortController();
  let reached = false;
  let reaching: Promise<void> | null = null;

  const reach = async () => {
    try {
      await mirror.fetch({ signal: AbortSignal.any([stop, closing.signal]) });
      reached = true;
      const requests = pulls ? " and its pull requests" : "";
      status.say(`Runs commits of ${mirror.repository.name}: ${branches.join(", ")}${requests}`);
    } catch (error) {
      if (stop.aborted || closing.signal.aborted) return;
      if (!(error instanceof Problem || isSystemError(error))) throw error;
      status.say(`Takes no commits for now: ${error.message}`);
    } finally {
      reaching = null;
    }
  };
  const clearUp = async (checkout: HeldCheckout | null) => {
    try {
      await checkout?.release();
      if (!stop.aborted) await checkouts.sweep(diskBytes);
    } catch (error) {
      if (!(error instanceof Problem || isSystemError(error))) throw error;
      status.say(`Commits that are kept here could not be cleared up: ${error.message}`);
    }
  };
  await clearUp(null);

  return {
    mirror,
    branches,
    tracks: () => (reached ? { repository: publicAddress(repository), pulls } : null),
    reach: async () => {
      if (!reached) await (reaching ??= reach());
    },
    prepare: async ({ code: { commit, pull }, engine }, signal) => {
      if (pull !== null && !pulls) {
        const why = "this runner was started without --allow-pull-requests";
        throw new Problem("forbidden", `commit ${commit} of pull request ${pull}: ${why}`);
      }
      let checkout: HeldCheckout | null = null;
      try {
        checkout = await checkouts.checkout(commit, pull === null ? { branches } : { pull }, signal);
        await warmUp(checkout, engine, settings, signal);
        return checkout;
      } catch (error) {
        await clearUp(checkout); // also of one that failed: its packages may be here
        if (!(error instanceof Problem)) throw error;
        throw new Problem(error.code, withoutFolders(error.message, homes), { cause: error });
      }
    },
    confirm: async (ending, { folder, commit }) => {
      if (ending.type === "failed") return { ...ending, message: withoutFolders(ending.message, homes) };
      if (ending.type !== "done") return ending;
      const { commit: ran, dirty } = ending.code;
      const failed = (message: string): Ending => ({ type: "failed", problem: null, message });
      if (ran !== commit || dirty)
        return failed(`expected commit ${commit} to run; the worker said ${ran}${dirty ? ", with changes" : ""}`);
      if (await isIntact(folder, commit, environment)) return ending;
      return failed(`commit ${commit}: its tree was changed while it ran`);
    },
    putBack: clearUp,
    close: async () => {
      closing.abort();
      await reaching;
      checkouts.close();
    },
  };
}

/** As the site names it too. A token for https is nobody else's; a user of ssh belongs to the address. */
const publicAddress = (repository: string): string => repository.replace(/^(https:\/\/)[^/@]*@/, "$1");

/** "…/trees/COMMIT/code/apps/a.ts:7" as "apps/a.ts:7": pages show it to everybody. */
function withoutFolders(text: string, homes: readonly string[]): string {
  const roots = homes.flatMap((home) => [pathToFileURL(home).href, home]).map((path) => path.replaceAll(/\W/g, "\\$&"));
  const inside = String.raw`(trees|isolated|installs)[\\/][\w-]+[\\/]((code|install)[\\/])?`;
  return text.replaceAll(new RegExp(String.raw`(${roots.join("|")})[\\/](${inside})?`, "g"), "");
}

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
  const mark = join(checkout.folder, `warm-${engine}`);
  if (existsSync(mark)) return;
  try {
    await askEngines({ native, threads, cache }, { signal, choices: [engine], at: checkout });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
  }
  signal.throwIfAborted();
  await writeFile(mark, "");
}
