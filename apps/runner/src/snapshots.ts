/**
 * Snapshots of a job in the middle: one file a folder, named SPECDIGEST.COMMIT.ITERATION.tkt, so that one rename
 * replaces it and its name says whether it may be used. A snapshot is used only by the commit that made it: the
 * statement names one commit for the whole run.
 */
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { makePrivateFolder, namesIn, readBounded, writeAtomically } from "./files.ts";
import type { Code } from "./protocol.ts";

const MAX_SNAPSHOT_BYTES = 4 * 2 ** 30 - 1;
/** Jobs whose snapshots are kept: a job that another runner finished in the meantime leaves one behind. */
const KEPT_JOBS = 20;

const NAME = /^([0-9a-f]{64})\.([0-9a-f]{40}|none)\.(\d{1,15})\.tkt$/;

interface Found {
  readonly name: string;
  readonly specDigest: string;
  readonly commit: string;
  readonly iteration: number;
}

async function list(folder: string): Promise<Found[]> {
  const found: Found[] = [];
  for (const name of await namesIn(folder)) {
    const match = NAME.exec(name);
    if (match) found.push({ name, specDigest: match[1]!, commit: match[2]!, iteration: Number(match[3]) });
  }
  return found.sort((a, b) => b.iteration - a.iteration);
}

export async function writeSnapshot(
  folder: string,
  of: { specDigest: string; code: Code; iteration: number },
  bytes: Uint8Array,
): Promise<void> {
  await makePrivateFolder(folder);
  const name = `${of.specDigest}.${of.code.commit ?? "none"}.${of.iteration}.tkt`;
  await writeAtomically(join(folder, name), bytes);
  for (const old of await list(folder)) if (old.name !== name) await rm(join(folder, old.name), { force: true });
}

/** The snapshot that a run of this spec by this code goes on from; null when there is none. */
export async function readSnapshot(
  folder: string,
  of: { specDigest: string; code: Code },
): Promise<{ iteration: number; bytes: Uint8Array } | null> {
  for (const { name, specDigest, commit, iteration } of await list(folder)) {
    if (specDigest !== of.specDigest || commit !== (of.code.commit ?? "none")) continue;
    const bytes = await readBounded(join(folder, name), MAX_SNAPSHOT_BYTES);
    if (bytes) return { iteration, bytes };
  }
  return null;
}

/** Iterations in the newest snapshot of a folder; null when there is none. */
export const snapshotIteration = async (folder: string): Promise<number | null> =>
  (await list(folder))[0]?.iteration ?? null;

/** Ids of jobs with a snapshot under `root` (one folder a job), the newest first; all but the newest are removed. */
export async function keepNewestJobs(root: string): Promise<string[]> {
  const jobs = await Promise.all(
    (await namesIn(root)).map(async (id) => ({ id, time: (await stat(join(root, id))).mtimeMs })),
  );
  jobs.sort((a, b) => b.time - a.time);
  for (const { id } of jobs.slice(KEPT_JOBS)) await rm(join(root, id), { recursive: true, force: true });
  return jobs.slice(0, KEPT_JOBS).map(({ id }) => id);
}
