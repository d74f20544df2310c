/**
 * The supervisor's end of a worker: one process a job, in its own process group, so that it can be killed whole with
 * whatever it started, and so that a terminal's Ctrl-C reaches the supervisor alone.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Problem } from "@ticketmark/core";
import { type Code, type Command, type Message, messageSchema, readLines, writeLine } from "./protocol.ts";

/** How a worker ended. "failed": by a Problem, a crash, a kill, or an answer nobody understands. */
export type Ending =
  | { readonly type: "done"; readonly code: Code; readonly resultDigest: string }
  | { readonly type: "probed" }
  | { readonly type: "stopped" }
  | { readonly type: "failed"; readonly problem: Problem | null; readonly message: string };

/** A worker that ended without saying why: killed, out of memory, or a bug of ours. */
export class Crashed extends Error {
  override readonly name = "Crashed";
}

export interface Worker {
  readonly pid: number | undefined;
  readonly ended: Promise<Ending>;
  /** Asks for a snapshot and an end. */
  stop(): void;
  /** Kills the whole process group. */
  kill(): void;
}

/** A worker that says nothing for so long hangs: in training it writes a snapshot, and says so, far more often. */
const SILENCE_MS = 30 * 60_000;

/** Of a crashed worker's stderr, what is kept to be shown, in characters. */
const KEPT_STDERR = 1_500;

const worker = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);
/** Node runs TypeScript through tsx inside the repository; packed code is JavaScript and needs nothing. */
const loader = () =>
  worker.pathname.endsWith(".ts")
    ? ["--import", pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href]
    : [];

/** Starts a worker on one command; `onMessage` hears everything it says. */
export function startWorker(command: Command, onMessage: (message: Message) => void): Worker {
  const child = spawn(process.execPath, [...loader(), fileURLToPath(worker)], {
    detached: process.platform !== "win32", // its own process group (on Windows: a console window)
    stdio: ["pipe", "pipe", "pipe"],
    windowsHide: true,
  });
  child.stdin.on("error", () => {}); // a worker that is gone cannot be told anything; `ended` says how it went
  const ended = follow(child, onMessage);
  writeLine(child.stdin, command);
  return {
    pid: child.pid,
    ended,
    stop: () => writeLine(child.stdin, { type: "stop" }),
    kill: () => killGroup(child),
  };
}

async function follow(child: ChildProcess, onMessage: (message: Message) => void): Promise<Ending> {
  let stderr = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-KEPT_STDERR);
  });
  const closed = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`could not be started: ${error.message}`));
    child.once("close", (exit, signal) => resolve(signal ? `ended by ${signal}` : `ended with exit code ${exit}`));
  });
  const hangs = setTimeout(() => {
    ending = { type: "failed", problem: null, message: `the worker said nothing for ${SILENCE_MS / 60_000} minutes` };
    killGroup(child);
  }, SILENCE_MS);
  let code: Code | null = null;
  let ending: Ending | null = null;
  try {
    for await (const message of readLines(child.stdout!, messageSchema)) {
      hangs.refresh();
      if (message.type === "hello") code = message.code;
      else if (message.type === "done" && code) ending = { type: "done", code, resultDigest: message.resultDigest };
      else if (message.type === "engines") ending = { type: "probed" };
      else if (message.type === "stopped") ending = { type: "stopped" };
      else if (message.type === "problem") {
        const problem = new Problem(message.problem.code, message.problem.message);
        ending = { type: "failed", problem, message: problem.message };
      }
      onMessage(message);
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    ending = { type: "failed", problem: null, message: `the worker spoke out of turn: ${error.message}` };
    killGroup(child);
  }
  const how = await closed;
  clearTimeout(hangs);
  killGroup(child); // anything the worker left behind
  if (ending) return ending;
  const last = stderr.trim().split("\n").slice(-12).join("\n");
  return { type: "failed", problem: null, message: `the worker ${how}${last ? `: ${last}` : ""}` };
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === "win32") child.kill("SIGKILL");
    else process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ESRCH" && code !== "EPERM") throw error; // gone already; macOS says EPERM of what only waits to be reaped
  }
}
