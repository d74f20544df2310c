/** Which code runs: the statement names it, so that a result can be repeated and a regression pinned to a commit. */
import { execFile } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import runnerPackage from "../package.json" with { type: "json" };
import type { Code } from "./protocol.ts";

const run = promisify(execFile);
const here = fileURLToPath(import.meta.url);

export const VERSION: string = runnerPackage.version;

/** Commit null outside a checkout of this project (an installed package; git missing, or refusing the folder). */
export async function codeIdentity(source = here): Promise<Code> {
  const git = (...args: string[]) =>
    run("git", args, { cwd: dirname(source), timeout: 10_000, maxBuffer: 16 << 20 }).then(({ stdout }) =>
      stdout.trim(),
    );
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
