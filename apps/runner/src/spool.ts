/**
 * Results on their way to the site: DATA/spool/JOB/ holds everything a delivery needs, and is there whole or not at
 * all. It appears by one rename before the first byte is sent and goes when the site has acknowledged, so a crash at
 * any point costs at most a repeated, idempotent delivery.
 *
 *   DATA/spool/JOB/job.json, envelope.json, result.json, and of completed runs ticket.tkt, trained.tkt
 *   DATA/refused/JOB/     the same and problem.json: what the site did not want, for a person to look at
 */
import { rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  type ClaimedJob,
  claimedJobSchema,
  digestOf,
  type Envelope,
  envelopeSchema,
  MAX_FILE_BYTES,
  Problem,
  type Result,
  resultSchema,
  type SubjectName,
} from "@ticketmark/core";
import {
  makePrivateFolder,
  namesIn,
  PRIVATE_FILE,
  readBounded,
  readJson,
  removeUnfinished,
  syncFolder,
  UNFINISHED,
  writeAtomically,
} from "./files.ts";

/** Names of the files of a run, in a spool entry as in the folder of `ticketmark run`. */
export const FILE_NAMES = {
  result: "result.json",
  ticket: "ticket.tkt",
  trained: "trained.tkt",
} as const satisfies Record<SubjectName, string>;

export interface Entry {
  readonly job: ClaimedJob;
  readonly envelope: Envelope;
  readonly result: Result;
  readonly files: readonly {
    readonly kind: SubjectName;
    readonly digest: string;
    readonly bytes: Uint8Array<ArrayBuffer>;
  }[];
}

export class Spool {
  readonly #folder: string;
  readonly #refused: string;

  constructor(data: string) {
    this.#folder = join(data, "spool");
    this.#refused = join(data, "refused");
  }

  /** Removes what a crash left half-written. Call once, before anything else. */
  async open(): Promise<void> {
    await makePrivateFolder(this.#folder);
    await removeUnfinished(this.#folder);
  }

  /** An empty folder for the files of a run; it becomes the entry on `commit`. */
  async stage(jobId: string): Promise<string> {
    const folder = this.#staging(jobId);
    await rm(folder, { recursive: true, force: true });
    await makePrivateFolder(folder);
    return folder;
  }

  /** Where `stage` put the files of a run. */
  staged(jobId: string): string {
    return this.#staging(jobId);
  }

  /** Turns the staged files into an entry. An entry left from an earlier lease of the job moves to refused. */
  async commit(job: ClaimedJob, envelope: Envelope): Promise<void> {
    const staging = this.#staging(job.id);
    await writeAtomically(join(staging, "job.json"), JSON.stringify(job), PRIVATE_FILE);
    await writeAtomically(join(staging, "envelope.json"), JSON.stringify(envelope), PRIVATE_FILE);
    if (await exists(this.#entry(job.id))) {
      await this.refuse(
        job.id,
        new Problem("conflict", `job ${job.id}: another result of it came before this one was sent`),
      );
    }
    await rename(staging, this.#entry(job.id));
    await syncFolder(this.#folder);
  }

  /** Drops what was staged: the run was cancelled, or failed. */
  discard(jobId: string): Promise<void> {
    return rm(this.#staging(jobId), { recursive: true, force: true });
  }

  /** Ids of the jobs whose results wait. */
  waiting(): Promise<string[]> {
    return namesIn(this.#folder);
  }

  /** Throws Problem "bad-file" when the entry is damaged. */
  async read(jobId: string): Promise<Entry> {
    const folder = this.#entry(jobId);
    const [job, envelope] = await Promise.all([
      readJson(join(folder, "job.json"), claimedJobSchema),
      readJson(join(folder, "envelope.json"), envelopeSchema),
    ]);
    const files: Entry["files"][number][] = [];
    for (const kind of ["result", "ticket", "trained"] as const) {
      const bytes = await readBounded(join(folder, FILE_NAMES[kind]), MAX_FILE_BYTES);
      if (bytes) files.push({ kind, digest: digestOf(bytes), bytes: bytes as Uint8Array<ArrayBuffer> });
    }
    const result = await readResult(folder);
    if (!job || !envelope) throw new Problem("bad-file", `${folder}: expected job.json and envelope.json`);
    return { job, envelope, result, files };
  }

  /** The site has it. Renamed first, so that a crash leaves no half of an entry. */
  async remove(jobId: string): Promise<void> {
    const gone = this.#staging(`${jobId}-sent`);
    await rename(this.#entry(jobId), gone);
    await rm(gone, { recursive: true, force: true });
  }

  /** Keeps the entry out of the way, with the reason. Returns where. */
  async refuse(jobId: string, problem: Problem): Promise<string> {
    await makePrivateFolder(this.#refused);
    await writeAtomically(join(this.#entry(jobId), "problem.json"), `${JSON.stringify(problem, null, 2)}\n`);
    let target = join(this.#refused, jobId);
    for (let again = 2; await exists(target); again++) target = join(this.#refused, `${jobId}-${again}`);
    await rename(this.#entry(jobId), target);
    await syncFolder(this.#refused);
    return target;
  }

  #entry(jobId: string): string {
    return join(this.#folder, jobId);
  }

  #staging(name: string): string {
    return join(this.#folder, `${UNFINISHED}${name}`);
  }
}

export const MAX_RESULT_BYTES = 64 << 20;

/** The result in a folder of a finished run. Throws Problem "bad-file". */
export async function readResult(folder: string): Promise<Result> {
  const path = join(folder, FILE_NAMES.result);
  const result = await readJson(path, resultSchema, MAX_RESULT_BYTES);
  if (!result) throw new Problem("bad-file", `${path}: expected a result; there is no such file`);
  return result;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
