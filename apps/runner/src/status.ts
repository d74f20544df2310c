/**
 * What a person sees while jobs run: one line with a bar on a terminal; elsewhere plain lines, at the start of a phase and
 * every 10 s; with --json one object a line.
 */
import { styleText } from "node:util";
import type { Progress, Spec } from "@ticketmark/core";
import type { Message } from "./protocol.ts";

/**
 * Names and messages come from outside too (a site, a result, a folder): characters that a terminal obeys are written as
 * JSON escapes, which mean the same in JSON.
 */
export const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

export interface Status {
  /** A line that stays. */
  say(text: string, fields?: Record<string, unknown>): void;
  /** Where the running job is; `label` says which. */
  progress(label: string, progress: Progress): void;
  /** How far a download is, in bytes; `total` null where nobody says. */
  transfer(name: string, done: number, total: number | null): void;
  /** Takes the running line away. */
  clear(): void;
}

const PLAIN_MS = 10_000;
const BAR = 20;

type Out = Pick<NodeJS.WriteStream, "write" | "isTTY" | "columns">;

/** `now`: monotonic milliseconds. */
export function createStatus(out: Out, json: boolean, now: () => number = () => performance.now()): Status {
  if (json) return jsonStatus(out, now);
  const { say, progress, transfer, clear } = out.isTTY ? terminalStatus(out, now) : plainStatus(out, now);
  return {
    say: (text) => say(printable(text)),
    progress: (label, at) => progress(printable(label), { ...at, phaseName: printable(at.phaseName) }),
    transfer: (name, done, total) => transfer(printable(name), done, total),
    clear,
  };
}

function terminalStatus(out: Out, now: () => number): Status {
  let shown = "";
  const speed = speeds(now);
  const columns = () => (out.columns ?? 80) - 1;
  const show = (line: string) => {
    shown = line;
    out.write(`\r${shown}\x1b[K`); // in one piece, so that it does not flicker
  };
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
      show(terminalLine(label, progress.iteration / progress.iterations, describeProgress(progress), columns()));
    },
    transfer(name, done, total) {
      show(
        terminalLine(
          name,
          total === null ? 0 : done / total,
          describeTransfer(done, total, speed(name, done)),
          columns(),
        ),
      );
    },
    clear,
  };
}

function plainStatus(out: Out, now: () => number): Status {
  const due = plainly(now);
  const speed = speeds(now);
  return {
    say: (text) => void out.write(`${text}\n`),
    transfer(name, done, total) {
      const parts = describeTransfer(done, total, speed(name, done));
      if (due(name, { phase: done === total ? 1 : 0 })) out.write(`${name}: ${parts.join(", ")}\n`);
    },
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
    transfer(fetching, done, total) {
      if (due(fetching, { phase: done === total ? 1 : 0 })) out.write(`${JSON.stringify({ fetching, done, total })}\n`);
    },
    clear() {},
  };
}

/** Is a plain line due: another job, another phase, or 10 s after the last? */
function plainly(now: () => number): (label: string, progress: Pick<Progress, "phase">) => boolean {
  let last = { label: "", phase: -1, time: 0 };
  return (label, { phase }) => {
    const time = now();
    if (label === last.label && phase === last.phase && time - last.time < PLAIN_MS) return false;
    last = { label, phase, time };
    return true;
  };
}

/** e.g. "rst 90 % seed 1 ████████░░░░░░░░░░░░ 41 % extrusion, 812 it/s, accuracy 97.31 %, 1 min 20 s left", at most `columns` wide. */
function terminalLine(label: string, share: number, parts: readonly string[], columns: number): string {
  const full = Math.round(share * BAR);
  const [percent, ...rest] = parts;
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

/** Bytes a second since a name was first heard; 0 before there is a second of it. */
function speeds(now: () => number): (name: string, done: number) => number {
  let first = { name: "", done: 0, time: 0 };
  return (name, done) => {
    if (name !== first.name || done < first.done) first = { name, done, time: now() };
    const seconds = (now() - first.time) / 1_000;
    return seconds < 1 ? 0 : (done - first.done) / seconds;
  };
}

/** Percent or bytes, speed, time left; what is not known is left out. */
function describeTransfer(done: number, total: number | null, speed: number): string[] {
  return [
    total === null ? formatBytes(done) : `${Math.floor((100 * done) / total)} %`,
    ...(total === null ? [] : [`of ${formatBytes(total)}`]),
    ...(speed > 0 ? [`${formatBytes(speed)}/s`] : []),
    ...(speed > 0 && total !== null && done < total ? [`${formatSeconds((total - done) / speed)} left`] : []),
  ];
}

export function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** What a person calls a job: "rst 98 % seed 1"; the data set and the model are the same for whole suites. */
export function labelOf(spec: Pick<Spec, "method" | "sparsity" | "seed">): string {
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
