/** Which code runs: the statement names it, so that a result can be repeated and a regression pinned to a commit. */
import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import runnerPackage from "../package.json" with { type: "json" };
import type { Code } from "./protocol.ts";

const run = promisify(execFile);
const here = fileURLToPath(import.meta.url);

export const VERSION: string = runnerPackage.version;

const gitIn =
  (source: string) =>
  async (...args: string[]): Promise<string> =>
    (await run("git", args, { cwd: dirname(source), timeout: 10_000, maxBuffer: 16 << 20 })).stdout.trim();

/** Commit null outside a checkout of this project (an installed package; git missing, or refusing the folder). */
export async function codeIdentity(source = here): Promise<Code> {
  const git = gitIn(source);
  try {
    // Tracked, not merely inside: a package installed into someone else's repository is not that repository's code.
    await git("ls-files", "--error-unmatch", source);
    const [commit, changes] = await Promise.all([
      git("rev-parse", "--verify", "HEAD"),
      git("status", "--porcelain", "--untracked-files=no"),
    ]);
    if (!/^[0-9a-f]{40}$/.test(commit)) return { commit: null, dirty: false, version: VERSION };
    return { commit, dirty: changes !== "", version: VERSION };
  } catch {
    return { commit: null, dirty: false, version: VERSION }; // what the statement's null says
  }
}

/**
 * 32 hex digits that are equal for equal code: its identity and, where that is not all, the local changes. Changes that
 * git cannot tell in bounds are unlike any others.
 */
export async function codeState(code: Code, source = here): Promise<string> {
  const changes = code.dirty ? await changesOf(source).catch(() => randomUUID()) : "";
  const { commit, version } = code;
  return createHash("sha256")
    .update(JSON.stringify([commit, version, changes]))
    .digest("hex")
    .slice(0, 32);
}

async function changesOf(source: string): Promise<string> {
  const git = gitIn(source);
  const root = await git("rev-parse", "--show-toplevel"); // both speak of the whole repository from there
  return (await Promise.all([git("-C", root, "status", "--porcelain"), git("-C", root, "diff", "HEAD")])).join("\n");
}
