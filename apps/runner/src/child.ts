/**
 * The supervisor's end of a worker: one process a job, in its own process group, so that it can be killed whole with
 * whatever it started, and so that a terminal's Ctrl-C reaches the supervisor alone. The worker may be another commit's:
 * it is told what to do when it has said hello in this version of the protocol, and is killed when it misbehaves.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Problem } from "@ticketmark/core";
import { advances, conduct } from "./conduct.ts";
import { OWN_GROUP, type Watched, watch } from "./process-group.ts";
import { type Code, type Command, type Message, messageSchema, readLines, writeLine } from "./protocol.ts";
import { lastOf } from "./storable.ts";

/** A run that came to its end. */
export interface Done {
  readonly type: "done";
  readonly code: Code;
  readonly resultDigest: string;
  readonly peakRssBytes?: number | undefined;
  /** Wall time of the process, from its start to its end. */
  readonly seconds: number;
  /** Did it do nothing but load, run and write: no download, and no snapshot that it went on from? */
  readonly whole: boolean;
}

/** How a worker ended. "failed": by a Problem, a crash, a kill, or an answer nobody understands. */
export type Ending =
  | Done
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

/** Where a worker is and what it sees; its environment is then the whole one. */
export interface Place {
  readonly worker: string;
  readonly cwd: string;
  /** Arguments for Node that let it read TypeScript. */
  readonly loader: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Until a worker's hello: loading its code takes seconds. */
const HELLO_MS = 60_000;

/** A worker that says nothing new for so long hangs: in training it says how far it is far more often. */
const SILENCE_MS = 30 * 60_000;

/** Its files are written before its last word; what is left is to end. */
const LAST_MS = 30_000;

/**
 * Another commit's, whatever it says: one that counts on for ever would keep the runner from all others until a person sees
 * it. The groups that commits are run for take minutes, on slow machines too.
 */
const COMMIT_MS = 2 * 60 * 60_000;

/** Of a crashed worker's stderr, what is kept to be shown, in characters. */
const KEPT_STDERR = 1_500;

const worker = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);
/** Node runs TypeScript through tsx inside the repository; packed code is JavaScript and needs nothing. */
const loader = () =>
  worker.pathname.endsWith(".ts")
    ? ["--import", pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href]
    : [];

/** This code's, with this process's environment. */
const ownPlace = () => ({ worker: fileURLToPath(worker), loader: loader(), cwd: undefined, env: undefined });

/** Starts a worker on one command; `onMessage` hears everything it says. `at`: another commit's, instead of this code's. */
export function startWorker(command: Command, onMessage: (message: Message) => void, at?: Place): Worker {
  const { worker, loader, cwd, env } = at ?? ownPlace();
  const began = performance.now();
  const child = spawn(process.execPath, [...loader, worker], {
    cwd,
    env,
    detached: OWN_GROUP,
    stdio: ["pipe", "pipe", "pipe"],
    windowsHide: true,
  });
  const group = watch(child);
  child.stdin.on("error", () => {}); // a worker that is gone cannot be told anything; `ended` says how it went
  let greeted = false;
  let stopping = false;
  const hear = (message: Message) => {
    if (message.type === "hello") {
      greeted = true;
      writeLine(child.stdin, command);
      if (stopping) writeLine(child.stdin, { type: "stop" });
    }
    onMessage(message);
  };
  return {
    pid: child.pid,
    ended: follow(child, group, hear, { began, limitMs: at ? COMMIT_MS : null }),
    stop: () => {
      stopping = true;
      if (greeted) writeLine(child.stdin, { type: "stop" });
    },
    kill: group.kill,
  };
}

async function follow(
  child: ChildProcess,
  { ended, kill }: Watched,
  onMessage: (message: Message) => void,
  { began, limitMs }: { began: number; limitMs: number | null },
): Promise<Ending> {
  let stderr = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    stderr = lastOf(stderr + text, KEPT_STDERR);
  });
  let whole = true;
  let late: string | null = null;
  const limit = (ms: number, text: string) =>
    setTimeout(() => {
      late = `the worker ${text}`;
      kill();
    }, ms);
  const mute = limit(HELLO_MS, `said no hello within ${HELLO_MS / 1_000} s`);
  const hangs = limit(SILENCE_MS, `said nothing new for ${SILENCE_MS / 60_000} minutes`);
  const endless = limitMs === null ? undefined : limit(limitMs, `took longer than ${limitMs / 3_600_000} hours`);
  let last: NodeJS.Timeout | undefined;
  let code: Code | null = null;
  let ending: Exclude<Ending, Done> | Omit<Done, "seconds" | "whole"> | null = null;
  const check = conduct();
  const isFurther = advances();
  try {
    for await (const message of readLines(child.stdout!, messageSchema)) {
      check(message);
      if (ending) continue; // it has said its last word; the rest was under way
      if (isFurther(message)) hangs.refresh();
      if (message.type === "hello") {
        clearTimeout(mute);
        ({ code } = message);
      } else if (message.type === "fetching" || (message.type === "resumed" && message.refused === null)) whole = false;
      else if (message.type === "done" && code) ending = { ...message, code };
      else if (message.type === "engines") ending = { type: "probed" };
      else if (message.type === "stopped") ending = { type: "stopped" };
      else if (message.type === "problem") {
        const problem = new Problem(message.problem.code, message.problem.message);
        ending = { type: "failed", problem, message: problem.message };
      }
      if (ending) {
        for (const timer of [mute, hangs, endless]) clearTimeout(timer);
        last = setTimeout(kill, LAST_MS); // what it said counts
      }
      onMessage(message);
    }
  } catch (error) {
    // Closed by us: the worker is gone, and something that it left behind would have gone on holding its output.
    if ((error as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") {
      if (!(error instanceof Problem)) throw error;
      ending =
        error.code === "too-large" // of our command
          ? { type: "failed", problem: error, message: error.message }
          : { type: "failed", problem: null, message: `the worker spoke out of turn: ${error.message}` };
      kill();
    }
  }
  const { how } = await ended;
  const seconds = (performance.now() - began) / 1_000;
  for (const timer of [mute, hangs, endless, last]) clearTimeout(timer);
  if (late !== null) return { type: "failed", problem: null, message: late };
  if (ending) return ending.type === "done" ? { ...ending, seconds, whole } : ending;
  const end = stderr.trim().split("\n").slice(-12).join("\n");
  return { type: "failed", problem: null, message: `the worker ${how}${end ? `: ${end}` : ""}` };
}
