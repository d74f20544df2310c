/**
 * Files on their way in: announced and bounded, sent, kept out of sight. They become public when a stored result names
 * them; when the job ends, is refused or handed back, or its lease is gone, rows and bytes go.
 */
import { architectureOf, type FILE_KINDS, MAX_RESULT_BYTES, Problem, parameters, type Spec } from "@ticketmark/core";
import type { Db } from "./db/client.ts";
import {
  type Announcement,
  announce,
  findFile,
  listAnnounced,
  listPublic,
  listSenders,
  type Sender,
  seeAnnouncement,
  withdraw,
  withdrawDead,
} from "./db/files.ts";
import { env } from "./env.ts";
import { hasFile, hasPending, listPending, putPending, removeLeftovers, removePending } from "./file-store.ts";

/** Room for the header, and for what a later version may add. */
const SPARE_BYTES = 1_000_000;

/** Bytes that a file of a job can need at most: twice all weights and a bit a weight for the mask, or any result. */
export function mostBytes(kind: (typeof FILE_KINDS)[number], spec: Spec): number {
  if (kind === "result") return MAX_RESULT_BYTES;
  const weights = parameters(architectureOf(spec)).reduce((sum, p) => sum + p.size, 0);
  return 2 * Math.ceil(weights * 4 + weights / 8) + SPARE_BYTES;
}

/** True if the bytes are here already. */
export async function isHere(db: Db, { digest, bytes, ...sender }: Announcement): Promise<boolean> {
  const known = await findFile(db, digest);
  return (known !== null && (await hasFile(digest, known.bytes))) || hasPending(sender, digest, bytes);
}

/** Takes an announcement in; an earlier one of the same kind is dropped with its bytes. Throws Problem "too-large". */
export async function expectFile(db: Db, announced: Announcement, spec: Spec): Promise<void> {
  const { kind, bytes, digest } = announced;
  const most = mostBytes(kind, spec);
  if (bytes > most)
    throw new Problem("too-large", `${kind}: expected at most ${most} bytes for this job; got ${bytes}`);
  const before = await listAnnounced(db, announced);
  await announce(db, announced);
  const stale = before.filter((earlier) => earlier.kind === kind && earlier.digest !== digest);
  const others = before.filter((earlier) => earlier.kind !== kind);
  for (const earlier of stale)
    if (!others.some((other) => other.digest === earlier.digest)) await removePending(announced, earlier.digest);
}

/** Takes the announced bytes in. Throws Problem "conflict" if nothing was announced, "bad-file", and what `body` throws. */
export async function takeFile(
  db: Db,
  sender: Sender,
  digest: string,
  body: (bytes: number) => AsyncIterable<Uint8Array>,
): Promise<void> {
  const announced = await seeAnnouncement(db, sender, digest);
  if (!announced) throw new Problem("conflict", `file ${digest}: expected an announcement by this job first`);
  await putPending(announced, body(announced.bytes));
  if (await seeAnnouncement(db, sender, digest)) return;
  await removePending(sender, digest);
  throw new Problem("conflict", `file ${digest}: it was no longer expected when it was here`);
}

const remove = async (senders: readonly Sender[]): Promise<void> => {
  for (const sender of senders) await removePending(sender);
};

/** Drops what one lease sent, or, without a lease, all of a job. */
export const dropFiles = async (db: Db, whose: { jobId: string; leaseHash?: string }): Promise<void> =>
  remove(await withdraw(db, whose));

/** Drops what belongs to ended jobs and lost leases. */
export const dropDead = async (db: Db): Promise<void> => remove(await withdrawDead(db, env().leaseSeconds));

/** When the site starts: also what a killed process left. */
export async function sweepFiles(db: Db): Promise<void> {
  await dropDead(db);
  const sent = await listPending(); // before the announcements are read: each was announced before it was sent
  const announced = new Set((await listSenders(db)).map(({ jobId, leaseHash }) => `${jobId} ${leaseHash}`));
  await remove(sent.filter(({ jobId, leaseHash }) => !announced.has(`${jobId} ${leaseHash}`)));
  await removeLeftovers(await listPublic(db));
}
