/**
 * `ticketmark doctor`: what this machine can do, and exactly why it cannot do the rest. Everything shown was tried just
 * now: engines are opened and timed by training, data files are read and hashed.
 */
import { createHash } from "node:crypto";
import { access, constants, mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, cpus, freemem, release, tmpdir, totalmem, type } from "node:os";
import { join } from "node:path";
import { datasets, type ENGINE_CHOICES, type Environment, Problem, parseSpec } from "@ticketmark/core";
import { startWorker } from "./child.ts";
import { codeIdentity } from "./code.ts";
import { readDataFile } from "./data.ts";
import { makePrivateFolder } from "./files.ts";
import { askEngines } from "./loop.ts";
import type { Code } from "./protocol.ts";
import { readEnrolment, type Settings } from "./settings.ts";
import { readResult } from "./spool.ts";
import { alignRows } from "./summary.ts";

interface Finding {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Small enough for the reference engine, whose iterations are slow on purpose. */
const TIMED = parseSpec({ dataset: "toy", model: "lenet-300-100", method: "dense", recipe: { epochs: 4 } });

const gigabytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** Prints what it found. Resolves to false when something that runs need is missing. */
export async function doctor(settings: Settings, json: boolean): Promise<boolean> {
  const code = await codeIdentity();
  const findings: Finding[] = [
    found("program", describeCode(code)),
    found("node", `${process.versions.node}, ${type()} ${release()}`),
    found("cpu", `${cpus()[0]?.model ?? "unknown"}, ${availableParallelism()} cores to use`),
    found("memory", `${gigabytes(totalmem())}, ${gigabytes(freemem())} free`),
    ...(await engineFindings(settings)),
    ...(await dataFindings()),
    await folderFinding(settings.data),
    await enrolmentFinding(settings.data),
  ];
  const ok = findings.every((finding) => finding.ok);
  if (json) process.stdout.write(`${JSON.stringify({ ok, findings }, null, 2)}\n`);
  else {
    const rows = findings.map(({ name, ok, detail }): [string, string] => [`${ok ? "✓" : "✗"} ${name}`, detail]);
    process.stdout.write(`${alignRows(rows)}\n`);
  }
  return ok;
}

const found = (name: string, detail: string): Finding => ({ name, ok: true, detail });

const describeCode = ({ commit, dirty, version }: Code) =>
  `${version}, ${commit === null ? "not a git checkout" : `commit ${commit}${dirty ? ", with local changes" : ""}`}`;

async function engineFindings(settings: Settings): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { choice, environment, problem } of await askEngines(settings)) {
    const name = `engine ${choice}`;
    if (environment) findings.push(await timed(name, choice, environment, settings));
    else findings.push({ name, ok: false, detail: problem?.message ?? "not there" });
  }
  return findings;
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

async function dataFindings(): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { id, files } of datasets.list) {
    if (files.length === 0) findings.push(found(`data ${id}`, "generated, no files"));
    for (const file of files) {
      const name = `data ${id}/${file.name}`;
      try {
        const sha256 = createHash("sha256")
          .update(await readDataFile(file))
          .digest("hex");
        const ok = sha256 === file.sha256;
        findings.push({
          name,
          ok,
          detail: ok ? `sha256 ${sha256}` : `expected sha256 ${file.sha256}; it is ${sha256}`,
        });
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        findings.push({ name, ok: false, detail: error.message });
      }
    }
  }
  return findings;
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
