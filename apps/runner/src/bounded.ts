/**
 * A program run to its end within bounds of time and output: at low priority, in its own process group, and killed whole
 * with whatever it started when a bound is met or the caller has no more use for it. What git, npm and the builder of
 * another commit's kernels run in.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { constants, setPriority } from "node:os";
import { OWN_GROUP, watch } from "./process-group.ts";
import { lastOf } from "./storable.ts";

export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment: nothing of ours is added. */
  readonly env: Readonly<Record<string, string>>;
  /** What it reads; nothing by default. */
  readonly input?: string;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
  /** Of stdout. */
  readonly maxBytes: number;
}

export interface Ran {
  /** Null when it did not come to its own end. */
  readonly exit: number | null;
  /** How it ended, for messages: "ended with exit code 1". */
  readonly how: string;
  readonly stdout: Buffer;
  /** The end of what it said on both streams, in lines. */
  readonly said: string;
}

/** Of what a program said, what is kept to be shown, in characters and lines. */
const KEPT = 2_000;
const KEPT_LINES = 15;

/** Never throws for what the program does; throws what `signal` is aborted with, once the program is gone. */
export async function runBounded(program: Program): Promise<Ran> {
  const { file, args, cwd, env, input, signal, timeoutMs, maxBytes } = program;
  signal?.throwIfAborted();
  const child = spawn(file, args, {
    cwd,
    env,
    detached: OWN_GROUP,
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    windowsHide: true,
  });
  const { ended, kill } = watch(child);
  giveWay(child);
  const chunks: Buffer[] = [];
  let length = 0;
  let said = "";
  let killed: string | null = null;
  const end = (why: string) => {
    killed ??= why;
    kill();
  };
  const hear = (chunk: Buffer) => {
    said = lastOf(said + chunk.subarray(-KEPT).toString("utf8"), KEPT);
  };
  child.stdout!.on("data", (chunk: Buffer) => {
    hear(chunk);
    length += chunk.length;
    if (length > maxBytes) return end(`wrote more than ${maxBytes} bytes`);
    chunks.push(chunk);
  });
  child.stderr!.on("data", hear);
  child.stdin?.on("error", () => {}); // it ended without reading: its exit code says how
  child.stdin?.end(input);
  const onAbort = () => end("was stopped");
  signal?.addEventListener("abort", onAbort, { once: true });
  const late = setTimeout(() => end(`took longer than ${timeoutMs / 1_000} s`), timeoutMs);
  const { exit, how } = await ended;
  clearTimeout(late);
  signal?.removeEventListener("abort", onAbort);
  if (signal?.aborted) throw signal.reason;
  const lines = said.trim().split("\n").slice(-KEPT_LINES).join("\n");
  return { exit: killed === null ? exit : null, how: killed ?? how, stdout: Buffer.concat(chunks), said: lines };
}

function giveWay({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {} // it has ended already
}
