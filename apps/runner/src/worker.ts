/**
 * The training process: runs one job, or says which engines there are, and ends. It talks NDJSON over stdin and stdout
 * (protocol.ts), writes snapshots and results into the folders it was given, and ends itself when the supervisor's end
 * of the pipe closes, which it notices between two iterations: no orphan trains on. It holds no secret: the supervisor
 * signs.
 */
import { readFile } from "node:fs/promises";
import { setPriority } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import {
  CLAIM_ENGINE,
  type Dataset,
  datasetOf,
  digestOf,
  Problem,
  type Progress,
  parseCompleteSpec,
  type Spec,
  specDigest,
} from "@ticketmark/core";
import { openEngine, openLoader, type RunOptions, runJob } from "@ticketmark/core/run";
import { codeIdentity, codeState } from "./code.ts";
import { readerOf } from "./data.ts";
import { describeEnvironment } from "./environment.ts";
import { ifSystem, writeAtomically } from "./files.ts";
import { imagesIn } from "./image-folder.ts";
import { readInitial } from "./import-command.ts";
import {
  type Code,
  type Command,
  commandSchema,
  type EngineSettings,
  type Message,
  readLines,
  writeLine,
} from "./protocol.ts";
import { provide } from "./provide.ts";
import { readSnapshot, type SnapshotOf, writeSnapshot } from "./snapshots.ts";
import { FILE_NAMES } from "./spool.ts";
import { firstOf } from "./storable.ts";

type Run = Extract<Command, { type: "run" }>;

/** Background work gives way to people's: nice 10. */
const PRIORITY = 10;
/** Milliseconds of training between two turns of the event loop. */
const TURN_MS = 50;
/** Shortest time between two progress messages of a phase, its last apart. */
const PROGRESS_MS = 200;
/** Snapshots may take this share of the time at most; the one that is asked for by "stop" does not count. */
const SNAPSHOT_SHARE = 0.02;

let stopping = false;
/** Aborted by "stop": ends what is waited for before there is anything to snapshot. */
const stop = new AbortController();
/** When "stop" came. */
let stopped = Number.POSITIVE_INFINITY;
/** An evaluation may still end in this time, so that a snapshot can be taken after it. */
const GRACE_MS = 3_000;

const say = (message: Message) => writeLine(process.stdout, message);

/** Ends the process once everything said has left it; helper threads of an engine do not keep it. */
const end = (): void => void process.stdout.write("", () => process.exit(0));

async function open(choice: Run["engine"], settings: EngineSettings) {
  const { engine, reason } = await openEngine(choice, {
    native: settings.native,
    cacheDir: settings.cacheDir,
    ...(settings.threads === null ? {} : { threads: settings.threads }),
  });
  return { engine, environment: describeEnvironment(engine, reason) };
}

async function probe({ choices, settings }: Extract<Command, { type: "probe" }>): Promise<void> {
  const engines: Extract<Message, { type: "engines" }>["engines"] = [];
  for (const choice of choices) {
    try {
      engines.push({ choice, environment: (await open(choice, settings)).environment, problem: null });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      engines.push({
        choice,
        environment: null,
        problem: { code: error.code, message: firstOf(error.message, 4_000) },
      });
    }
  }
  say({ type: "engines", engines });
}

async function run(command: Run, code: Code): Promise<void> {
  const spec = parseCompleteSpec(command.spec);
  const dataset = datasetOf(spec);
  const { engine, environment } = await open(command.engine, command.settings);
  const checkEngine = engine.id === CLAIM_ENGINE ? engine : (await open(CLAIM_ENGINE, command.settings)).engine;
  const snapshots = {
    folder: command.snapshotDir,
    of: { specDigest: specDigest(spec), state: await codeState(code) },
  };
  const options = {
    engine,
    checkEngine,
    environment,
    read: readerOf(dataset, command.dataDir),
    open: imagesIn(dataset, command.dataDir, fetching()),
    initial: command.initial === undefined ? undefined : await readInitial(command.initial),
    openLoader: openLoader(),
    now: () => performance.now(),
    onProgress: throttledProgress(),
    between: between(snapshots, command.snapshotSeconds * 1_000),
    pause: pauses(),
  };
  if (!(await fetchData(dataset, command.dataDir, options))) return say({ type: "stopped" });
  const output = await runOrResume(spec, options, snapshots);
  if (output === "stopped") return say({ type: "stopped" });
  for (const kind of ["result", "ticket", "trained"] as const) {
    const bytes = output.files[kind];
    if (bytes) await writeAtomically(join(command.outDir, FILE_NAMES[kind]), bytes);
  }
  say({ type: "done", resultDigest: digestOf(output.files.result), peakRssBytes: await peakRssBytes() });
}

/** How the getting of data is told, and ended by "stop". */
function fetching() {
  let last = -PROGRESS_MS;
  const onProgress = (name: string, done: number, total: number | null) => {
    const time = performance.now();
    if (time - last < PROGRESS_MS && done !== total) return;
    last = time;
    say({ type: "fetching", name, done, total });
  };
  return { signal: stop.signal, onProgress };
}

/**
 * Downloads what is missing, and decodes images that are not decoded yet, before any clock of the run starts. False when
 * "stop" came. A file that is damaged is the data's fault, which every other run on them will meet: "data-unavailable".
 */
async function fetchData(dataset: Dataset, dataDir: string, { read, open }: RunOptions): Promise<boolean> {
  try {
    await provide(dataset, dataDir, fetching());
    if (dataset.images) await dataset.load(read, open);
  } catch (error) {
    if (error instanceof Problem && error.code === "bad-file")
      throw new Problem("data-unavailable", `${dataset.id}: ${error.message}`, { cause: error });
    if (!stop.signal.aborted) throw error;
  }
  return !stop.signal.aborted;
}

interface Snapshots {
  readonly folder: string;
  readonly of: SnapshotOf;
}

/** A snapshot that cannot be used (another engine, other numerics, a damaged file) costs time, never the job. */
async function runOrResume(spec: Spec, options: RunOptions, { folder, of }: Snapshots) {
  const refuse = (why: string) => say({ type: "resumed", iteration: 0, refused: firstOf(why, 2_000) });
  const snapshot = await readSnapshot(folder, of, refuse);
  if (!snapshot) return runJob(spec, options);
  let began = false;
  const noticing: RunOptions = {
    ...options,
    between: (at) => {
      began = true;
      return options.between?.(at);
    },
  };
  try {
    say({ type: "resumed", iteration: snapshot.iteration, refused: null });
    return await runJob(spec, { ...noticing, resume: snapshot.bytes });
  } catch (error) {
    const forgiven = error instanceof Problem && (error.code === "bad-file" || error.code === "bad-request");
    if (began || !forgiven) throw error;
    refuse(error.message);
    return runJob(spec, options);
  }
}

/** Lets the event loop turn now and then (stdin is read, messages leave), takes snapshots, obeys "stop". */
function between({ folder, of }: Snapshots, everyMs: number): NonNullable<RunOptions["between"]> {
  let turned = performance.now();
  let next = turned + everyMs;
  return (at) => {
    if (!stopping && performance.now() - turned < TURN_MS) return undefined;
    return turn(at);
  };

  async function turn(at: Parameters<NonNullable<RunOptions["between"]>>[0]): Promise<"stop" | undefined> {
    await setImmediate();
    const began = performance.now();
    if (stopping || began >= next) {
      const written = await writeSnapshot(folder, { ...of, iteration: at.iteration }, await at.snapshot());
      if (written) say({ type: "snapshot", iteration: at.iteration });
    }
    turned = performance.now();
    if (began >= next) next = turned + Math.max(everyMs, (turned - began) / SNAPSHOT_SHARE);
    return stopping ? "stop" : undefined;
  }
}

/** Lets the event loop turn during evaluations, and ends those that are too long to wait for. */
function pauses(): NonNullable<RunOptions["pause"]> {
  let turned = performance.now();
  return async () => {
    if (performance.now() - turned < TURN_MS) return undefined;
    await setImmediate();
    turned = performance.now();
    return turned - stopped > GRACE_MS ? "stop" : undefined;
  };
}

function throttledProgress(): (progress: Progress) => void {
  let last = -PROGRESS_MS;
  let phase = -1;
  return (progress) => {
    const time = performance.now();
    const done = progress.iteration === progress.iterations;
    if (time - last < PROGRESS_MS && progress.phase === phase && !done) return;
    last = time;
    phase = progress.phase;
    say({ type: "progress", progress });
  };
}

/**
 * The system's own figure for this program. Elsewhere than on Linux it is getrusage's, which on Linux would hold the
 * supervisor's memory too: a process is a copy of its parent until it is told what to run.
 */
async function peakRssBytes(): Promise<number | undefined> {
  if (process.platform !== "linux") return process.resourceUsage().maxRSS * 1_024;
  const status = await readFile("/proc/self/status", "utf8").catch(ifSystem);
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status ?? "")?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1_024;
}

async function obey(command: Command, code: Code): Promise<void> {
  try {
    if (command.type === "run") await run(command, code);
    else if (command.type === "probe") await probe(command);
    end();
  } catch (error) {
    giveUp(error);
  }
}

function giveUp(error: unknown): void {
  if (!(error instanceof Problem)) throw error; // a bug: crashes, and the supervisor shows stderr
  say({ type: "problem", problem: { code: error.code, message: firstOf(error.message, 4_000) } });
  end();
}

console.log = console.error; // stdout belongs to the protocol
setPriority(PRIORITY);
// A service manager signals every process of a service; how this one ends is for the supervisor to say.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
const code = await codeIdentity();
say({ type: "hello", pid: process.pid, code });
try {
  for await (const command of readLines(process.stdin, commandSchema)) {
    if (command.type === "stop") {
      stopping = true;
      stop.abort();
      stopped = performance.now();
    } else void obey(command, code);
  }
  process.exit(1); // the supervisor is gone
} catch (error) {
  giveUp(error); // of a supervisor of another commit
}
