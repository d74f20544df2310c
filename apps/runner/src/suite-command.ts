/** `ticketmark suite list | show | run | status | queue`: the suites of core, here or at a site. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import {
  type ClassFolder,
  classesSchema,
  namesOf,
  Problem,
  parseSpec,
  type SpecInput,
  specsOf,
  suites,
} from "@ticketmark/core";
import { Client } from "./client.ts";
import { compareCommand } from "./compare-command.ts";
import { readJson } from "./files.ts";
import { type LocalRun, readStdin } from "./run-command.ts";
import { parseServer } from "./settings.ts";
import { createStatus, formatShare } from "./status.ts";
import { isOver, type LocalStatus, runSuite, runsOf, statusOf } from "./suite-run.ts";
import { tableText } from "./tables.ts";

/** What a suite runs; `classes` is the path of a JSON file (`ticketmark data classes` prints one). */
export async function specsOfSuite(id: string, classes: string | undefined): Promise<readonly SpecInput[]> {
  return specsOf(suites.get(id), classes === undefined ? undefined : await readClasses(classes));
}

async function readClasses(path: string): Promise<readonly ClassFolder[]> {
  const classes = await readJson(path, classesSchema);
  if (!classes) throw new Problem("not-found", `${path}: expected a list of classes; there is no such file`);
  return classes;
}

/** What a suite runs, by rows. */
export function suiteShow(id: string, json: boolean): string {
  const suite = suites.get(id);
  const { name, summary, takesClasses } = suite;
  const specs = takesClasses ? null : suite.specs(); // null: depends on the classes that are named
  if (json) return JSON.stringify({ id, name, summary, specs }, null, 2);
  const rows = specs ? rowsText(specs) : ["of classes that you name: --classes FILE"];
  return [`${id}: ${name}`, ...[summary, ...rows].map((line) => `  ${line}`)].join("\n");
}

export function suiteList(json: boolean): string {
  const all = suites.list.map((suite) => ({
    id: suite.id,
    name: suite.name,
    summary: suite.summary,
    /** Null: depends on the classes that are named. */
    specs: suite.takesClasses ? null : suite.specs().length,
  }));
  if (json) return JSON.stringify(all, null, 2);
  const rows = all.map(({ id, specs, summary }) => [id, specs === null ? "" : String(specs), summary]);
  return tableText({ head: ["suite", "specs", "what it runs"], words: [2], rows }, false);
}

interface RunSuite extends Omit<LocalRun, "spec"> {
  readonly id: string;
  readonly out: string;
  readonly classes: string | undefined;
  readonly json: boolean;
}

/** Runs what is not over. `finished`: not stopped; `failed`: runs that are to be looked at. */
export async function suiteRun({
  id,
  out,
  classes,
  json,
  ...options
}: RunSuite): Promise<{ finished: boolean; failed: number }> {
  const runs = runsOf(await specsOfSuite(id, classes));
  const status = createStatus(process.stderr, json);
  const finished = await runSuite(runs, out, options, status);
  const all = await Promise.all(runs.map((run) => statusOf(run, resolve(out))));
  const say = (text: string) => process.stdout.write(`${text}\n`);
  if (json) say(JSON.stringify(localJson(id, out, all), null, 2));
  else {
    if (finished && all.some(({ state }) => state === "done")) {
      const { text } = await compareCommand({ paths: [out], reference: undefined, format: "text" });
      say(`${text}\n`);
    }
    say(
      countsText(
        id,
        all.map(({ state }) => state),
      ),
    );
  }
  return { finished, failed: all.filter(({ state }) => state === "failed").length };
}

/** What is done in a folder. */
export async function suiteStatusHere(
  id: string,
  out: string,
  classes: string | undefined,
  json: boolean,
): Promise<string> {
  const runs = runsOf(await specsOfSuite(id, classes));
  if (!(await stat(out).catch(() => null))?.isDirectory())
    throw new Problem("not-found", `${out}: expected the folder that suite run writes to; there is no such folder`);
  const all = await Promise.all(runs.map((run) => statusOf(run, resolve(out))));
  if (json) return JSON.stringify(localJson(id, out, all), null, 2);
  const rows = all.map((one) => [one.label, one.state, accuracyOf(one), one.message ?? ""]);
  return `${statusTable(rows)}\n\n${countsText(
    id,
    all.map(({ state }) => state),
  )}`;
}

/** What a site says of it: of all the classes that it was queued with there, or of these. */
export async function suiteStatusAt(
  id: string,
  server: string,
  classes: string | undefined,
  json: boolean,
): Promise<string> {
  const wanted = classes === undefined ? null : runsOf(await specsOfSuite(id, classes));
  const site = await new Client(parseServer(server), null).suite(id);
  const digests = wanted && new Set(wanted.map(({ digest }) => digest));
  const status = { ...site, specs: site.specs.filter(({ specDigest }) => !digests || digests.has(specDigest)) };
  if (digests && status.specs.length === 0)
    throw new Problem("not-found", `${classes}: expected classes that suite ${id} was queued with at ${server}`);
  if (json) return JSON.stringify(status, null, 2);
  const rows = status.specs.map(({ name, seed, state, accuracy, message }) => [
    `${name}, seed ${seed}`,
    state,
    accuracy === null ? "" : formatShare(accuracy),
    message ?? "",
  ]);
  return `${statusTable(rows)}\n\n${countsText(
    id,
    status.specs.map(({ state }) => state),
  )}`;
}

/** Queues at a site what is missing, failed or cancelled there. */
export async function suiteQueue(
  id: string,
  server: string,
  classes: string | undefined,
  token: string | null,
  json: boolean,
): Promise<string> {
  const list = classes === undefined ? undefined : await readClasses(classes);
  specsOf(suites.get(id), list);
  const client = new Client(parseServer(server), token ?? (await tokenFromStdin()));
  const reply = await client.queueSuite(id, list);
  if (json) return JSON.stringify(reply, null, 2);
  return `${id}: ${reply.queued} queued, ${reply.requeued} queued again, ${reply.existing} there already`;
}

async function tokenFromStdin(): Promise<string> {
  if (process.stdin.isTTY)
    throw new Problem("unauthorized", "expected a maintainer's token in TICKETMARK_TOKEN, or on stdin");
  return new TextDecoder().decode(await readStdin()).trim();
}

const statusTable = (rows: readonly string[][]) =>
  tableText({ head: ["run", "state", "accuracy", ""], words: [1, 3], rows }, false);

const accuracyOf = ({ result }: LocalStatus): string => {
  const last = result?.accuracy?.last;
  return last ? formatShare(last.correct / last.total) : "";
};

/** "mnist-reference: 12 done, 1 stopped, 62 missing, of 75" */
function countsText(id: string, states: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const state of states) counts.set(state, (counts.get(state) ?? 0) + 1);
  return `${id}: ${[...counts].map(([state, n]) => `${n} ${state}`).join(", ")}, of ${states.length}`;
}

const localJson = (suite: string, out: string, all: readonly LocalStatus[]) => ({
  suite,
  out: resolve(out),
  complete: all.every(isOver),
  runs: all.map(({ name, spec, digest, state, result, message }) => ({
    name,
    method: spec.method,
    sparsity: spec.sparsity,
    seed: spec.seed,
    specDigest: digest,
    state,
    accuracy: result?.accuracy ? result.accuracy.last.correct / result.accuracy.last.total : null,
    message,
  })),
});

/** The rows of a suite, each with its seeds. */
function rowsText(specs: readonly SpecInput[]): string[] {
  const complete = specs.map(parseSpec);
  const names = namesOf(complete);
  const seeds = new Map<string, number[]>();
  for (const [i, name] of names.entries()) seeds.set(name, [...(seeds.get(name) ?? []), complete[i]!.seed]);
  return [...seeds].map(([name, of]) => `${name}: ${of.length === 1 ? "seed" : "seeds"} ${of.join(", ")}`);
}
