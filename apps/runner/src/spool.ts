/**
 * Results on their way to the site: DATA/spool/JOB/ holds everything a delivery needs, and is there whole or not at
 * all. It appears by one rename before the first byte is sent and goes when the site has acknowledged, so a crash at
 * any point costs at most a repeated, idempotent delivery.
 *
 *   DATA/spool/.ticketmark-JOB/out/  the worker's: what it writes there is taken up by name when it has ended well
 *   DATA/spool/.ticketmark-JOB/      files of a finished run; run.json, the last, is written when out/ is gone
 *   DATA/spool/JOB/       job.json, envelope.json, run.json, result.json, and of completed runs ticket.tkt, trained.tkt
 *   DATA/spool/JOB/later  empty: the site fails on this one, which goes behind the others
 *   DATA/refused/JOB/     the same and problem.json: what the site did not want, for a person to look at
 */
import { rename, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  type ClaimedJob,
  claimedJobSchema,
  digestOf,
  digestSchema,
  type Envelope,
  envelopeSchema,
  MAX_FILE_BYTES,
  MAX_RESULT_BYTES,
  measuredSchema,
  Problem,
  type Result,
  resultSchema,
  type SubjectName,
  testbedSchema,
} from "@ticketmark/core";
import { z } from "zod";
import {
  ifSystem,
  isJobId,
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
import { codeSchema } from "./protocol.ts";

/** Names of the files of a run, in a spool entry as in the folder of `ticketmark run`. */
export const FILE_NAMES = {
  result: "result.json",
  ticket: "ticket.tkt",
  trained: "trained.tkt",
} as const satisfies Record<SubjectName, string>;

/** The worker's folder in that of its run. */
const OUT = "out";

/**
 * Written behind all other files of a run, by the supervisor, when the worker has ended as it should: what signing them
 * takes. A worker may write a file of this name too, in its own folder, where nobody reads it.
 */
export const RUN_FILE = "run.json";
const runSchema = z.strictObject({
  code: codeSchema,
  resultDigest: digestSchema,
  testbed: testbedSchema,
  measured: measuredSchema,
});
export type FinishedRun = z.infer<typeof runSchema>;

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

  /** Removes what a crash left half-written, but for finished runs of the jobs that are `held`. Call once, before anything else. */
  async open(held: readonly string[]): Promise<void> {
    await makePrivateFolder(this.#folder);
    const finished = [];
    for (const id of held) if (await this.finished(id)) finished.push(basename(this.#staging(id)));
    await removeUnfinished(this.#folder, finished).catch(ifSystem); // it costs disk, no more
  }

  /** An empty folder for the worker of a run. What lies around it becomes the entry on `commit`. */
  async stage(jobId: string): Promise<string> {
    const folder = this.#staging(jobId);
    await rm(folder, { recursive: true, force: true });
    await makePrivateFolder(join(folder, OUT));
    return join(folder, OUT);
  }

  /** A run whose files are all staged, and not yet signed; null when there is none. */
  async finished(jobId: string): Promise<FinishedRun | null> {
    if (await exists(join(this.#staging(jobId), OUT))) return null; // whoever wrote the file, it was not `keepFinished`
    try {
      return await readJson(join(this.#staging(jobId), RUN_FILE), runSchema);
    } catch (error) {
      if (error instanceof Problem) return null;
      throw error;
    }
  }

  /**
   * The worker has ended well: its files are staged, whatever else it left goes, and the run is signed, if not now, then
   * at the next start. May be repeated when the system refused it.
   */
  async keepFinished(jobId: string, run: FinishedRun): Promise<void> {
    const folder = this.#staging(jobId);
    for (const name of Object.values(FILE_NAMES)) {
      const path = join(folder, OUT, name);
      if (await exists(path)) await rename(path, join(folder, name));
    }
    await rm(join(folder, OUT), { recursive: true, force: true });
    await writeAtomically(join(folder, RUN_FILE), JSON.stringify(run));
  }

  /** Where the files of a finished run are until `commit`. */
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

  /** Drops what was staged: the run was cancelled, or failed. What a worker made unremovable is tried again at the next start. */
  discard(jobId: string): Promise<void> {
    return rm(this.#staging(jobId), { recursive: true, force: true }).catch(ifSystem);
  }

  /** Ids of the jobs whose results wait: the oldest first, behind all others those that the site fails on. */
  async waiting(): Promise<string[]> {
    const found = [];
    for (const id of (await namesIn(this.#folder)).filter(isJobId))
      found.push({ id, later: await this.isLater(id), time: (await stat(this.#entry(id))).mtimeMs });
    return found.sort((a, b) => Number(a.later) - Number(b.later) || a.time - b.time).map(({ id }) => id);
  }

  isLater(jobId: string): Promise<boolean> {
    return exists(join(this.#entry(jobId), "later"));
  }

  /** The site fails on this entry: it goes behind all others. */
  putLater(jobId: string): Promise<void> {
    return writeAtomically(join(this.#entry(jobId), "later"), ""); // by a rename, which moves the folder's time
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
  refuse(jobId: string, problem: Problem): Promise<string> {
    return this.#setAside(this.#entry(jobId), jobId, problem);
  }

  /** Keeps a finished run that cannot be signed, as `refuse` does. */
  refuseStaged(jobId: string, problem: Problem): Promise<string> {
    return this.#setAside(this.#staging(jobId), jobId, problem);
  }

  async #setAside(folder: string, jobId: string, problem: Problem): Promise<string> {
    await makePrivateFolder(this.#refused);
    let target = join(this.#refused, jobId);
    for (let again = 2; await exists(target); again++) target = join(this.#refused, `${jobId}-${again}`);
    await rename(folder, target);
    await syncFolder(this.#refused);
    // Said aloud, too: on a disk that is full, keeping the files is what counts.
    await writeAtomically(join(target, "problem.json"), `${JSON.stringify(problem, null, 2)}\n`).catch(ifSystem);
    return target;
  }

  #entry(jobId: string): string {
    return join(this.#folder, jobId);
  }

  #staging(name: string): string {
    return join(this.#folder, `${UNFINISHED}${name}`);
  }
}

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
