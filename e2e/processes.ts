/** Processes that a test starts, kills and counts. Children die with the test run: their standard input is its pipe. */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export interface Running {
  readonly child: ChildProcess;
  /** All that it wrote. */
  output(): string;
  alive(): boolean;
  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** Starts a Node program, as start.mjs describes one. */
export function startNode(program: { args: string[]; cwd: string; env: Record<string, string> }): Running {
  const child = spawn(process.execPath, program.args, {
    cwd: program.cwd,
    env: { ...process.env, NODE_OPTIONS: "", ...program.env }, // NODE_OPTIONS: Playwright's own loader is not for them
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  child.stdin.on("error", () => {}); // a child that was killed
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((done) => {
    child.on("exit", (code, signal) => done({ code, signal }));
  });
  return {
    child,
    output: () => output,
    alive: () => child.exitCode === null && child.signalCode === null,
    end: (signal) => {
      child.kill(signal);
      return ended;
    },
  };
}

interface Entry {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** Living processes, by Linux's /proc; those that only wait to be reaped do not count. */
export function processes(): Entry[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const [, state, parent] = readFileSync(`/proc/${name}/stat`, "utf8").match(/\) (\S) (\d+) /)!;
        if (state === "Z" || state === "X") return [];
        const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
        return [{ pid: Number(name), parent: Number(parent), command }];
      } catch {
        return []; // it ended while we looked
      }
    });
}

export const isAlive = (pid: number) => processes().some((entry) => entry.pid === pid);

/** Children of a process, theirs not included. */
export const childrenOf = (pid: number) => processes().filter((entry) => entry.parent === pid);

/**
 * Those that were started for a folder: it is in their command line or in their environment, which all below them inherit,
 * also when their parents are gone. (The environment is not shown: a failed test prints what it got.)
 */
export const processesFor = (folder: string) =>
  processes().filter(({ pid, command }) => {
    try {
      return command.includes(folder) || readFileSync(`/proc/${pid}/environ`, "utf8").includes(folder);
    } catch {
      return false; // it ended while we looked, or is another user's
    }
  });

/** Everything below a process: children, theirs, and so on. */
export const familyOf = (pid: number): number[] =>
  childrenOf(pid).flatMap((child) => [child.pid, ...familyOf(child.pid)]);
