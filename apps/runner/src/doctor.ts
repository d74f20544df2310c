/**
 * `ticketmark doctor`: what this machine can do, and exactly why it cannot do the rest. Everything shown was tried just
 * now: engines are opened and timed by training, data files are read and hashed.
 */
import { createHash } from "node:crypto";
import { access, constants, mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, cpus, freemem, release, tmpdir, totalmem, type } from "node:os";
import { join } from "node:path";
import { type DataFile, datasets, type ENGINE_CHOICES, type Environment, Problem, parseSpec } from "@ticketmark/core";
import { startWorker } from "./child.ts";
import { codeIdentity } from "./code.ts";
import { readDataFile } from "./data.ts";
import { makePrivateFolder } from "./files.ts";
import { askEngines } from "./loop.ts";
import type { Code } from "./protocol.ts";
import { readEnrolment, type Settings } from "./settings.ts";
import { readResult } from "./spool.ts";

interface Finding {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Small enough for the reference engine, whose iterations are slow on purpose. */
const TIMED = parseSpec({ dataset: "toy", model: "lenet-300-100", method: "dense", recipe: { epochs: 4 } });

const gigabytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** Width of the first column. */
const NAME_WIDTH = 36;

/** Prints each finding when it is there. Resolves to false when something that runs need is missing. */
export async function doctor(settings: Settings, json: boolean): Promise<boolean> {
  const findings: Finding[] = [];
  for await (const finding of examine(settings)) {
    findings.push(finding);
    const { name, ok, detail } = finding;
    if (!json) process.stdout.write(`${ok ? "✓" : "✗"} ${name.padEnd(NAME_WIDTH)} ${detail}\n`);
  }
  const ok = findings.every((finding) => finding.ok);
  if (json) process.stdout.write(`${JSON.stringify({ ok, findings }, null, 2)}\n`);
  return ok;
}

async function* examine(settings: Settings): AsyncGenerator<Finding> {
  yield found("program", describeCode(await codeIdentity()));
  yield found("node", `${process.versions.node}, ${type()} ${release()}`);
  yield found("cpu", `${cpus()[0]?.model ?? "unknown"}, ${availableParallelism()} cores to use`);
  yield found("memory", `${gigabytes(totalmem())}, ${gigabytes(freemem())} free`);
  yield* engineFindings(settings);
  yield* dataFindings();
  yield await folderFinding(settings.data);
  yield await enrolmentFinding(settings.data);
}

const found = (name: string, detail: string): Finding => ({ name, ok: true, detail });

const describeCode = ({ commit, dirty, version }: Code) =>
  `${version}, ${commit === null ? "not a git checkout" : `commit ${commit}${dirty ? ", with local changes" : ""}`}`;

async function* engineFindings(settings: Settings): AsyncGenerator<Finding> {
  for (const { choice, environment, problem } of await askEngines(settings)) {
    const name = `engine ${choice}`;
    if (environment) yield await timed(name, choice, environment, settings);
    else yield { name, ok: false, detail: problem?.message ?? "not there" };
  }
}

/** A short real run: a machine that opens an engine may still fail to train on it. */
async function timed(
  name: string,
  engine: (typeof ENGINE_CHOICES)[number],
  { device, reason }: Environment,
  { native, threads, cache }: Settings,
): Promise<Finding> {
  const folder = await mkdtemp(join(tmpdir(), "ticketmark-doctor-"));
  try {
    const engineSettings = { native, threads, cacheDir: cache };
    const run = {
      engine,
      settings: engineSettings,
      spec: TIMED,
      outDir: folder,
      snapshotDir: folder,
      snapshotSeconds: 600,
    };
    const ending = await startWorker({ type: "run", ...run }, () => {}).ended;
    if (ending.type === "failed") return { name, ok: false, detail: `${device} (${reason}): ${ending.message}` };
    const { seconds, cost } = await readResult(folder);
    const iterations = cost.methodIterations + cost.finalIterations;
    return found(name, `${device} (${reason}); ${iterations} iterations of LeNet-300-100 in ${seconds.toFixed(2)} s`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function* dataFindings(): AsyncGenerator<Finding> {
  for (const { id, files } of datasets.list) {
    if (files.length === 0) yield found(`data ${id}`, "generated, no files");
    for (const file of files) yield await fileFinding(`data ${id}/${file.name}`, file);
  }
}

async function fileFinding(name: string, file: DataFile): Promise<Finding> {
  try {
    const sha256 = createHash("sha256")
      .update(await readDataFile(file))
      .digest("hex");
    const ok = sha256 === file.sha256;
    return { name, ok, detail: ok ? `sha256 ${sha256}` : `expected sha256 ${file.sha256}; it is ${sha256}` };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { name, ok: false, detail: error.message };
  }
}

async function folderFinding(data: string): Promise<Finding> {
  try {
    await makePrivateFolder(data);
    await access(data, constants.W_OK);
    return found("data folder", data);
  } catch (error) {
    return { name: "data folder", ok: false, detail: `${data}: ${(error as Error).message}` };
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
    return { name: "enrolled", ok: false, detail: error.message };
  }
}
