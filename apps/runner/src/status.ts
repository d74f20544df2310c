/**
 * What a person sees while jobs run: one line with a bar on a terminal; elsewhere plain lines, at the start of a phase and
 * every 10 s; with --json one object a line.
 */
import { styleText } from "node:util";
import type { Progress, Spec } from "@ticketmark/core";
import type { Message } from "./protocol.ts";

export interface Status {
  /** A line that stays. */
  say(text: string, fields?: Record<string, unknown>): void;
  /** Where the running job is; `label` says which. */
  progress(label: string, progress: Progress): void;
  /** Takes the running line away. */
  clear(): void;
}

const PLAIN_MS = 10_000;
const BAR = 20;

type Out = Pick<NodeJS.WriteStream, "write" | "isTTY" | "columns">;

/** `now`: monotonic milliseconds. */
export function createStatus(out: Out, json: boolean, now: () => number = () => performance.now()): Status {
  if (json) return jsonStatus(out, now);
  return out.isTTY ? terminalStatus(out) : plainStatus(out, now);
}

function terminalStatus(out: Out): Status {
  let shown = "";
  const clear = () => {
    if (shown) out.write("\r\x1b[K");
    shown = "";
  };
  return {
    say(text) {
      const line = shown;
      clear();
      out.write(`${text}\n`);
      if (line) out.write((shown = line));
    },
    progress(label, progress) {
      shown = terminalLine(label, progress, (out.columns ?? 80) - 1);
      out.write(`\r${shown}\x1b[K`); // in one piece, so that it does not flicker
    },
    clear,
  };
}

function plainStatus(out: Out, now: () => number): Status {
  const due = plainly(now);
  return {
    say: (text) => void out.write(`${text}\n`),
    progress(label, progress) {
      if (due(label, progress)) out.write(`${label}: ${describeProgress(progress).join(", ")}\n`);
    },
    clear() {},
  };
}

function jsonStatus(out: Out, now: () => number): Status {
  const due = plainly(now);
  return {
    say: (message, fields = {}) => void out.write(`${JSON.stringify({ message, ...fields })}\n`),
    progress(job, progress) {
      if (due(job, progress)) out.write(`${JSON.stringify({ job, progress })}\n`);
    },
    clear() {},
  };
}

/** Is a plain line due: another job, another phase, or 10 s after the last? */
function plainly(now: () => number): (label: string, progress: Progress) => boolean {
  let last = { label: "", phase: -1, time: 0 };
  return (label, { phase }) => {
    const time = now();
    if (label === last.label && phase === last.phase && time - last.time < PLAIN_MS) return false;
    last = { label, phase, time };
    return true;
  };
}

/** e.g. "rst 90 % seed 1 ████████░░░░░░░░░░░░ 41 % extrusion, 812 it/s, accuracy 97.31 %, 1 min 20 s left", at most `columns` wide. */
function terminalLine(label: string, progress: Progress, columns: number): string {
  const share = progress.iteration / progress.iterations;
  const full = Math.round(share * BAR);
  const [percent, ...rest] = describeProgress(progress);
  const head = `${label} `;
  const tail = ` ${percent} ${rest.join(", ")}`;
  if (head.length + BAR + tail.length > columns) return `${head}${percent} ${rest.join(", ")}`.slice(0, columns);
  const bar = "█".repeat(full) + "░".repeat(BAR - full);
  return head + styleText("cyan", bar) + tail;
}

/** Percent, phase, speed, accuracy, time left; what is not known is left out. */
export function describeProgress(progress: Progress): string[] {
  const { iteration, iterations, iterationsPerSecond: speed, accuracy, phaseName } = progress;
  return [
    `${Math.floor((100 * iteration) / iterations)} %`,
    phaseName,
    ...(speed > 0 ? [`${speed >= 10 ? Math.round(speed) : speed.toFixed(1)} it/s`] : []),
    ...(accuracy === null ? [] : [`accuracy ${formatShare(accuracy)}`]),
    ...(speed > 0 && iteration < iterations ? [`${formatSeconds((iterations - iteration) / speed)} left`] : []),
  ];
}

/** What a person calls a job: "rst 98 % seed 1"; the data set and the model are the same for whole suites. */
export function labelOf(spec: Spec): string {
  const sparsity = spec.sparsity === 0 ? [] : [`${Number((100 * spec.sparsity).toPrecision(12))} %`];
  return [spec.method.id, ...sparsity, `seed ${spec.seed}`].join(" ");
}

/** A share of 1 as a percentage with two decimals. */
export const formatShare = (share: number): string => `${(100 * share).toFixed(2)} %`;

export function formatSeconds(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** What a worker found to go on from. */
export function describeResume(label: string, { iteration, refused }: Extract<Message, { type: "resumed" }>): string {
  return refused === null
    ? `${label}: going on from iteration ${iteration}`
    : `${label}: starting over, the snapshot cannot be used: ${refused}`;
}
