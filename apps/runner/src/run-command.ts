/**
 * `ticketmark run SPEC.json`: one job without a site. The same worker, files and signature as a runner's, so that what
 * it writes can be compared with, byte for byte, what a site has. Ctrl-C leaves a snapshot; the same command goes on.
 */
import { mkdir, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import {
  digestOf,
  type ENGINE_CHOICES,
  keyIdOf,
  MAX_JSON_BYTES,
  Problem,
  parseSpec,
  type Result,
  type Spec,
  specDigest,
} from "@ticketmark/core";
import { Crashed, startWorker } from "./child.ts";
import { readBounded, writeAtomically } from "./files.ts";
import { readInitial } from "./import-command.ts";
import { ensureKey } from "./keys.ts";
import { describeRun } from "./measured.ts";
import type { Settings } from "./settings.ts";
import { signRun } from "./sign.ts";
import { FILE_NAMES, readResult } from "./spool.ts";
import { createStatus, describeResume, labelOf, type Status } from "./status.ts";
import { summarise } from "./summary.ts";

const SNAPSHOT_SECONDS = 10;
/** After Ctrl-C: the longest wait for the snapshot. */
const STOP_MS = 5_000;
export const SNAPSHOTS = "ticketmark-snapshot";
const ENVELOPE = "envelope.json";

export interface LocalRun {
  readonly spec: Spec;
  /** Path of the file of initial weights, where the spec names one. */
  readonly initial?: string | undefined;
  readonly engine: (typeof ENGINE_CHOICES)[number];
  readonly settings: Settings;
  /** Aborted by Ctrl-C. */
  readonly stop: AbortSignal;
}

interface RunCommand extends LocalRun {
  readonly out: string | undefined;
  readonly json: boolean;
}

interface Changes {
  /** Wins over the spec's. */
  readonly seed?: number | undefined;
  /** Path of the file that `initial` names where the spec says nothing of it. */
  readonly initial?: string | undefined;
}

/** Reads a spec from a file, or from stdin for "-"; fills in defaults. */
export async function readSpec(path: string, { seed, initial }: Changes): Promise<Spec> {
  const bytes = path === "-" ? await readStdin() : await readBounded(path, MAX_JSON_BYTES);
  if (!bytes) throw new Problem("not-found", `${path}: expected a spec; there is no such file`);
  let input: unknown;
  try {
    input = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new Problem("bad-spec", `${path}: expected JSON: ${(cause as Error).message}`, { cause });
  }
  if (initial !== undefined) input = { initial: digestOf(await readInitial(initial)), ...Object(input) };
  return parseSpec(seed === undefined ? input : { ...Object(input), seed });
}

export async function readStdin(): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of process.stdin as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > MAX_JSON_BYTES)
      throw new Problem("too-large", `stdin: expected a spec of at most ${MAX_JSON_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Runs the spec; prints the summary. Resolves to false when it was stopped before the end. */
export async function runCommand({ out, json, ...run }: RunCommand): Promise<boolean> {
  const folder = resolve(out ?? `ticketmark-${specDigest(run.spec).slice(0, 12)}`);
  const ran = await runSpec(folder, run, json ? null : createStatus(process.stderr, false));
  if (!ran) return false;
  const { keyId, result } = ran;
  if (json) process.stdout.write(`${JSON.stringify({ folder, keyId, result }, null, 2)}\n`);
  else process.stdout.write(`${summarise(result)}\n\nWritten to ${folder}, signed by key ${keyId}\n`);
  return true;
}

/** Runs the spec into a folder, from a snapshot if there is one. Null when it was stopped before the end. */
export async function runSpec(
  folder: string,
  { spec, initial, engine, settings, stop }: LocalRun,
  status: Status | null,
): Promise<{ result: Result; keyId: string } | null> {
  await prepareFolder(folder, specDigest(spec));
  const key = await ensureKey(settings.data);
  const snapshotDir = join(folder, SNAPSHOTS);
  const label = labelOf(spec);
  const { native, threads, cache, dataDir } = settings;
  let kept = false; // is there a snapshot to go on from?
  const worker = startWorker(
    {
      type: "run",
      engine,
      settings: { native, threads, cacheDir: cache },
      spec,
      initial: initial && resolve(initial),
      dataDir,
      outDir: folder,
      snapshotDir,
      snapshotSeconds: SNAPSHOT_SECONDS,
    },
    (message) => {
      if (message.type === "progress") status?.progress(label, message.progress);
      else if (message.type === "fetching") status?.transfer(message.name, message.done, message.total);
      else if (message.type === "snapshot") kept = true;
      else if (message.type === "resumed") {
        kept = message.refused === null;
        status?.say(describeResume(label, message));
      }
    },
  );
  const onStop = () => {
    worker.stop();
    setTimeout(worker.kill, STOP_MS).unref();
  };
  stop.addEventListener("abort", onStop);
  if (stop.aborted) onStop();
  const ending = await worker.ended;
  stop.removeEventListener("abort", onStop);
  status?.clear();
  if (ending.type !== "done") {
    if (stop.aborted) {
      const next = kept
        ? `goes on from the snapshot in ${snapshotDir}`
        : "starts this run anew: there was nothing to keep of it yet";
      process.stderr.write(`Stopped. The same command ${next}\n`);
      return null;
    }
    if (ending.type === "failed" && ending.problem) throw ending.problem;
    throw new Crashed(ending.type === "failed" ? ending.message : "the worker ended without a result");
  }
  const run = await describeRun(folder, ending, null, { settings, key });
  const { envelope, result } = await signRun(folder, run, null, key);
  await writeAtomically(join(folder, ENVELOPE), `${JSON.stringify(envelope)}\n`);
  await rm(snapshotDir, { recursive: true, force: true });
  return { result, keyId: keyIdOf(key.publicKey) };
}

/** A folder holds one spec's files. Throws Problem "conflict" rather than overwrite another's. */
async function prepareFolder(folder: string, digest: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw new Problem("bad-request", `--out: expected a folder that can be made: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (await stat(join(folder, FILE_NAMES.result)).catch(() => null)) {
    const { specDigest: there } = await readResult(folder);
    if (there !== digest) {
      throw new Problem(
        "conflict",
        `${folder}: expected no result, or one of spec ${digest.slice(0, 12)}…; there is one of spec ${there.slice(0, 12)}…`,
      );
    }
  }
}
