/**
 * `ticketmark doctor`: what this machine can do, and exactly why it cannot do the rest. Everything shown was tried just
 * now: engines are opened and timed by training, data files are read and hashed.
 */
import { access, constants, mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, cpus, freemem, release, tmpdir, totalmem, type } from "node:os";
import { join } from "node:path";
import { CLAIM_ENGINE, datasets, type ENGINE_CHOICES, models, Problem, parseSpec, type Spec } from "@ticketmark/core";
import { buildNative } from "@ticketmark/core/run";
import { startWorker } from "./child.ts";
import { codeIdentity } from "./code.ts";
import { absenceOf, inspect } from "./data.ts";
import { makePrivateFolder } from "./files.ts";
import { askEngines } from "./probe.ts";
import type { Code } from "./protocol.ts";
import { readEnrolment, type Settings } from "./settings.ts";
import { readResult } from "./spool.ts";

interface Finding {
  readonly name: string;
  readonly ok: boolean;
  /** Can nothing run without it? Engines other than the cpu engine are a machine's luck. */
  readonly needed: boolean;
  readonly detail: string;
}

/** What engines are timed with: an epoch of a fully connected and of a convolutional net, small enough for all of them. */
const TIMED = [
  parseSpec({ dataset: "toy", model: "lenet-300-100", method: "dense", recipe: { epochs: 1 } }),
  parseSpec({ dataset: "toy", model: "resnet-8", method: "dense", recipe: { epochs: 1 } }),
];
/** Milliseconds that a timed run may take, the start of its process included. */
const PATIENCE = 4_000;
/** Milliseconds that it then has to say how far it is: an evaluation may go on for three seconds. */
const GRACE = 4_000;

const gigabytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** Width of the first column. */
const NAME_WIDTH = 36;

/** Prints each finding when it is there. Resolves to false when something that runs need is missing. */
export async function doctor(settings: Settings, json: boolean): Promise<boolean> {
  const findings: Finding[] = [];
  for await (const finding of examine(settings)) {
    findings.push(finding);
    const { name, ok, needed, detail } = finding;
    if (!json) process.stdout.write(`${ok ? "✓" : needed ? "✗" : "–"} ${name.padEnd(NAME_WIDTH)} ${detail}\n`);
  }
  const ok = findings.every((finding) => finding.ok || !finding.needed);
  if (json) process.stdout.write(`${JSON.stringify({ ok, findings }, null, 2)}\n`);
  return ok;
}

async function* examine(settings: Settings): AsyncGenerator<Finding> {
  yield found("program", describeCode(await codeIdentity()));
  yield found("node", `${process.versions.node}, ${type()} ${release()}`);
  yield found("cpu", `${cpus()[0]?.model ?? "unknown"}, ${availableParallelism()} cores to use`);
  yield found("memory", `${gigabytes(totalmem())}, ${gigabytes(freemem())} free`);
  yield* engineFindings(settings);
  yield* dataFindings(settings.dataDir);
  yield await folderFinding(settings.data);
  yield await enrolmentFinding(settings.data);
}

const found = (name: string, detail: string): Finding => ({ name, ok: true, needed: true, detail });
const fault = (name: string, detail: string): Finding => ({ name, ok: false, needed: true, detail });

const describeCode = ({ commit, dirty, version }: Code) =>
  `${version}, ${commit === null ? "not a git checkout" : `commit ${commit}${dirty ? ", with local changes" : ""}`}`;

async function* engineFindings(settings: Settings): AsyncGenerator<Finding> {
  yield await nativeFinding(settings);
  for (const { choice, environment, problem } of await askEngines(settings)) {
    const finding = { name: `engine ${choice}`, needed: choice === CLAIM_ENGINE || choice === "auto" };
    if (!environment) {
      yield { ...finding, ok: false, detail: problem?.message ?? "not there" };
      continue;
    }
    const { engine, device, reason } = environment;
    if (choice === "auto") {
      yield { ...finding, ok: true, detail: `${engine} (${reason})` };
      continue;
    }
    const runs = [];
    for (const spec of TIMED) {
      const run = await timed(choice, spec, settings);
      runs.push(run);
      if (run.late) break; // the next net is larger
    }
    yield { ...finding, ...judge(`${device} (${reason})`, runs) };
  }
}

/** An engine is fine when no run failed on it; one that was cut at its time limit did not, and says so. */
export const judge = (engine: string, runs: readonly { ok: boolean; detail: string }[]) => ({
  ok: runs.every((run) => run.ok),
  detail: [engine, ...runs.map((run) => run.detail)].join("; "),
});

/** Of a run that was cut: `iteration` is what its snapshot says, null where it was killed before it took one. */
export const cutText = (name: string, iteration: number | null): string =>
  iteration === null
    ? `${name}: cut, as after ${PATIENCE / 1_000} s it did not say how far it was`
    : `iteration ${iteration} of ${name} when it was cut after ${PATIENCE / 1_000} s, its start included`;

/** The cpu engine's kernels as machine code; without it they run as WebAssembly, slower. What its self-test said stands with the engine. */
async function nativeFinding({ native, cache }: Settings): Promise<Finding> {
  const finding = { name: "native kernels", needed: false };
  if (!native) return { ...finding, ok: false, detail: "turned off by TICKETMARK_NATIVE=0" };
  const build = await buildNative(cache);
  if ("missing" in build) return { ...finding, ok: false, detail: build.missing };
  return { ...finding, ok: true, detail: `${build.compiler}, ${build.flags.join(" ")}: ${build.library}` };
}

/** A short real run: a machine that opens an engine may still fail to train on it. */
async function timed(
  engine: (typeof ENGINE_CHOICES)[number],
  spec: Spec,
  { native, threads, cache, dataDir }: Settings,
): Promise<{ ok: boolean; late: boolean; detail: string }> {
  const { name } = models.get(spec.model);
  const folder = await mkdtemp(join(tmpdir(), "ticketmark-doctor-"));
  try {
    const engineSettings = { native, threads, cacheDir: cache };
    const folders = { dataDir, outDir: folder, snapshotDir: folder };
    const run = { engine, settings: engineSettings, spec, ...folders, snapshotSeconds: 600 };
    let iteration: number | null = null;
    const worker = startWorker({ type: "run", ...run }, (message) => {
      if (message.type === "snapshot") iteration = message.iteration;
    });
    let killed = false;
    const timers = [
      setTimeout(() => worker.stop(), PATIENCE),
      setTimeout(() => {
        killed = true;
        worker.kill();
      }, PATIENCE + GRACE),
    ];
    const ending = await worker.ended;
    timers.forEach(clearTimeout);
    const late = killed || ending.type === "stopped";
    if (late) return { ok: true, late, detail: cutText(name, iteration) };
    if (ending.type === "failed") return { ok: false, late, detail: `${name}: ${ending.message}` };
    const { seconds, cost } = await readResult(folder);
    const iterations = cost.methodIterations + cost.finalIterations;
    return { ok: true, late, detail: `${iterations} iterations of ${name} in ${seconds.toFixed(2)} s` };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the first data sets need is installed with this program; what others need is downloaded when it is needed. */
async function* dataFindings(dataDir: string): AsyncGenerator<Finding> {
  for (const dataset of datasets.list) {
    if (dataset.files.length === 0 && !dataset.images) yield found(`data ${dataset.id}`, "generated, no files");
    const files = await inspect(dataset, dataDir, true);
    const absence = absenceOf(dataset, files);
    if (absence !== null) yield { name: `data ${dataset.id}`, ok: false, needed: false, detail: absence };
    for (const { name, path, state, detail } of absence === null ? files : []) {
      const isPackaged = dataset.files.some((file) => file.name === name && "package" in file.source);
      const ok = state === "whole" || state === "there" || state === "packed";
      const needed = isPackaged || state === "damaged";
      yield { name: `data ${dataset.id}/${name}`, ok, needed, detail: detail || `${state}, ${path}` };
    }
  }
}

async function folderFinding(data: string): Promise<Finding> {
  try {
    await makePrivateFolder(data);
    await access(data, constants.W_OK);
    return found("data folder", data);
  } catch (error) {
    return fault("data folder", `${data}: ${(error as Error).message}`);
  }
}

async function enrolmentFinding(data: string): Promise<Finding> {
  try {
    const enrolment = await readEnrolment(data);
    const { name, server, keyId } = enrolment ?? {};
    return found(
      "enrolled",
      enrolment ? `as ${name} at ${server}, key ${keyId}` : "no; `ticketmark run` needs no site",
    );
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return fault("enrolled", error.message);
  }
}
