/**
 * Jobs that this runner holds, on disk, so that a restarted runner presents its leases and goes on: DATA/leases/JOB.json.
 * And DATA/leases/.next, the token of the next claim: made here and kept before it is sent, so that a job whose claim was
 * answered to nobody is given to the same claim again.
 */
import { randomBytes } from "node:crypto";
import { readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type ClaimedJob, claimedJobSchema, Problem } from "@ticketmark/core";
import {
  isJobId,
  makePrivateFolder,
  namesIn,
  PRIVATE_FILE,
  readJson,
  removeUnfinished,
  writeAtomically,
} from "./files.ts";

const TOKEN_BYTES = 32;
/** base64url of that. */
const TOKEN = /^[\w-]{43}$/;

export class Leases {
  readonly #folder: string;
  readonly #next: string;

  constructor(data: string) {
    this.#folder = join(data, "leases");
    this.#next = join(this.#folder, ".next");
  }

  /** Call once, before anything else. */
  async open(): Promise<void> {
    await makePrivateFolder(this.#folder);
    await removeUnfinished(this.#folder);
  }

  /** The lease's token for the next claim: the same until a job came of it. */
  async nextToken(): Promise<string> {
    const kept = await this.#keptToken();
    if (kept) return kept;
    const token = randomBytes(TOKEN_BYTES).toString("base64url");
    await writeAtomically(this.#next, token, PRIVATE_FILE);
    return token;
  }

  async keep(job: ClaimedJob): Promise<void> {
    await writeAtomically(this.#file(job.id), JSON.stringify(job), PRIVATE_FILE); // holds the lease's secret
    if ((await this.#keptToken()) === job.lease.token) await rm(this.#next, { force: true });
  }

  drop(jobId: string): Promise<void> {
    return rm(this.#file(jobId), { force: true });
  }

  /** The jobs held. A damaged file is set aside, and `onDamaged` told why: the site gives that job to somebody again. */
  async held(onDamaged: (why: string) => void): Promise<ClaimedJob[]> {
    const jobs: ClaimedJob[] = [];
    for (const name of await namesIn(this.#folder)) {
      const id = name.slice(0, -".json".length);
      if (name !== `${id}.json` || !isJobId(id)) continue;
      try {
        const job = await readJson(this.#file(id), claimedJobSchema);
        if (job && job.id !== id) throw new Problem("bad-file", `${this.#file(id)}: it is the lease of job ${job.id}`);
        if (job) jobs.push(job);
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        await rename(this.#file(id), join(this.#folder, `${id}.damaged`));
        onDamaged(error.message);
      }
    }
    return jobs;
  }

  async #keptToken(): Promise<string | null> {
    const [line] = (await readFile(this.#next, "utf8").catch(() => "")).split("\n");
    return line !== undefined && TOKEN.test(line) ? line : null; // a damaged one is as good as none
  }

  #file(jobId: string): string {
    return join(this.#folder, `${jobId}.json`);
  }
}
