/**
 * Programs that outlive a runner that was killed, where they could spoil what the next one makes: git, npm, builders and
 * workers, each in its own process group, so that nothing ends them with it. Every one of them, and what it starts, has its
 * home inside the folder (child-environment.ts), and Linux shows a process's environment to its user. Elsewhere nothing is
 * known of them.
 */
import { readdir, readFile, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Problem } from "@ticketmark/core";
import { isSystemError } from "./files.ts";

const LONGEST_MS = 5_000;
const AGAIN_MS = 20;

/**
 * Kills every process whose home is inside `folder`, and waits until there is none. Only the folder's one owner may call
 * this, before it starts any. Throws Problem "conflict" where one does not go.
 */
export async function killOrphans(folder: string): Promise<void> {
  const until = performance.now() + LONGEST_MS;
  for (;;) {
    const pids = await processesIn(folder);
    if (pids.length === 0) return;
    if (performance.now() > until)
      throw new Problem("conflict", `${folder}: expected that processes ${pids.join(", ")} of an earlier runner end`);
    for (const pid of pids) kill(pid);
    await wait(AGAIN_MS);
  }
}

async function processesIn(folder: string): Promise<number[]> {
  if (process.platform !== "linux") return [];
  const root = `${await realpath(folder)}${sep}`;
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    const home = /^\d+$/.test(name) ? await homeOf(name) : null;
    if (home?.startsWith(root) && Number(name) !== process.pid) found.push(Number(name));
  }
  return found;
}

/** Null for another user's process, and for one that has ended. */
async function homeOf(pid: string): Promise<string | null> {
  try {
    const environment = await readFile(join("/proc", pid, "environ"), "utf8");
    const home = /(?:^|\0)HOME=([^\0]+)/.exec(environment)?.[1];
    return home ? await realpath(home).catch(() => home) : null;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return null;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it has ended
  }
}
