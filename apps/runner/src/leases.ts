/** Jobs that this runner holds, on disk, so that a restarted runner presents its leases and goes on: DATA/leases/JOB.json. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type ClaimedJob, claimedJobSchema } from "@ticketmark/core";
import { makePrivateFolder, namesIn, PRIVATE_FILE, readJson, removeUnfinished, writeAtomically } from "./files.ts";

export class Leases {
  readonly #folder: string;

  constructor(data: string) {
    this.#folder = join(data, "leases");
  }

  /** Call once, before anything else. */
  async open(): Promise<void> {
    await makePrivateFolder(this.#folder);
    await removeUnfinished(this.#folder);
  }

  keep(job: ClaimedJob): Promise<void> {
    return writeAtomically(this.#file(job.id), JSON.stringify(job), PRIVATE_FILE); // holds the lease's secret
  }

  drop(jobId: string): Promise<void> {
    return rm(this.#file(jobId), { force: true });
  }

  async held(): Promise<ClaimedJob[]> {
    const jobs: ClaimedJob[] = [];
    for (const name of await namesIn(this.#folder)) {
      const job = await readJson(join(this.#folder, name), claimedJobSchema);
      if (job) jobs.push(job);
    }
    return jobs;
  }

  #file(jobId: string): string {
    return join(this.#folder, `${jobId}.json`);
  }
}
