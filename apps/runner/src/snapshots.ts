/**
 * Snapshots of a job in the middle: one file a folder, named SPECDIGEST.STATE.ITERATION.SHA256.tkt, so that one rename
 * replaces it and its name says whether it may be used. A snapshot is used only by the state of the code that made it
 * (code.ts), since the statement names one for the whole run; and only if its bytes have the sha256 in the name: one
 * flipped bit would be trained on, and signed.
 */
import { createHash } from "node:crypto";
import { rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Problem } from "@ticketmark/core";
import { isJobId, makePrivateFolder, namesIn, readBounded, writeAtomically } from "./files.ts";

/** What Node reads from a file at once. Of vgg-19-bn, the largest net: 24 phases done; of ResNet-18: 45. */
const MAX_SNAPSHOT_BYTES = 2 ** 31 - 1;
/** Jobs whose snapshots are kept: a job that another runner finished in the meantime leaves one behind. */
const KEPT_JOBS = 20;

const NAME = /^([0-9a-f]{64})\.([0-9a-f]{32})\.(\d{1,15})\.([0-9a-f]{64})\.tkt$/;
/** The latest damaged one of a folder, for a person to look at. */
const DAMAGED = "damaged.tkt";

/** What a snapshot is of: the digest of a complete spec, and the state of the code (`codeState`). */
export interface SnapshotOf {
  readonly specDigest: string;
  readonly state: string;
}

interface Found extends SnapshotOf {
  readonly name: string;
  readonly iteration: number;
  readonly sha256: string;
}

async function list(folder: string): Promise<Found[]> {
  const found: Found[] = [];
  for (const name of await namesIn(folder)) {
    const [, specDigest, state, iteration, sha256] = NAME.exec(name) ?? [];
    if (specDigest && state && sha256) found.push({ name, specDigest, state, iteration: Number(iteration), sha256 });
  }
  return found.sort((a, b) => b.iteration - a.iteration);
}

const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** False for one that is too large to be read again: the one before stays. */
export async function writeSnapshot(
  folder: string,
  { specDigest, state, iteration }: SnapshotOf & { iteration: number },
  bytes: Uint8Array,
): Promise<boolean> {
  if (bytes.length > MAX_SNAPSHOT_BYTES) return false;
  await makePrivateFolder(folder);
  const name = `${specDigest}.${state}.${iteration}.${sha256Of(bytes)}.tkt`;
  await writeAtomically(join(folder, name), bytes);
  for (const old of await list(folder)) if (old.name !== name) await rm(join(folder, old.name), { force: true });
  return true;
}

/**
 * The snapshot that a run goes on from; null when there is none. One whose bytes are not those that were written is set
 * aside. `onRefused` hears of that, and of one that another state of the code made.
 */
export async function readSnapshot(
  folder: string,
  of: SnapshotOf,
  onRefused: (why: string) => void,
): Promise<{ iteration: number; bytes: Uint8Array } | null> {
  const snapshots = (await list(folder)).filter(({ specDigest }) => specDigest === of.specDigest);
  for (const { name, state, iteration, sha256 } of snapshots) {
    if (state !== of.state) continue;
    try {
      const bytes = await readBounded(join(folder, name), MAX_SNAPSHOT_BYTES);
      if (!bytes) continue;
      const got = sha256Of(bytes);
      if (got === sha256) return { iteration, bytes };
      throw new Problem("bad-file", `${name}: expected bytes with the sha256 in its name; got ${got}`);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      await rename(join(folder, name), join(folder, DAMAGED));
      onRefused(error.message);
    }
  }
  const other = snapshots.find(({ state }) => state !== of.state);
  if (other) onRefused(`the code has changed since iteration ${other.iteration}, and a result names one state of it`);
  return null;
}

/** Iterations in the newest snapshot of a folder; null when there is none. */
export const snapshotIteration = async (folder: string): Promise<number | null> =>
  (await list(folder))[0]?.iteration ?? null;

/** Ids of jobs with a snapshot under `root` (one folder a job), the newest first; all but the newest are removed. */
export async function keepNewestJobs(root: string): Promise<string[]> {
  const jobs: { id: string; time: number }[] = [];
  for (const id of (await namesIn(root)).filter(isJobId)) {
    const found = await stat(join(root, id));
    if (found.isDirectory()) jobs.push({ id, time: found.mtimeMs });
  }
  jobs.sort((a, b) => b.time - a.time);
  for (const { id } of jobs.slice(KEPT_JOBS)) await rm(join(root, id), { recursive: true, force: true });
  return jobs.slice(0, KEPT_JOBS).map(({ id }) => id);
}
