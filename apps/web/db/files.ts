/**
 * Which files are public, because a stored result names them, and which a lease's holder has announced. The bytes lie in
 * file-store.ts.
 */
import type { FILE_KINDS } from "@ticketmark/core";
import { and, eq, exists, sql } from "drizzle-orm";
import type { Db } from "./client.ts";
import { announcements, files, jobs, type StoredFile } from "./schema.ts";

/** Whose pending files: those of one lease of a job. */
export interface Sender {
  readonly jobId: string;
  readonly leaseHash: string;
}

export interface Announcement extends Sender {
  readonly kind: (typeof FILE_KINDS)[number];
  readonly digest: string;
  readonly bytes: number;
}

const of = ({ jobId, leaseHash }: Sender) =>
  and(eq(announcements.jobId, jobId), eq(announcements.leaseHash, leaseHash));

/** The latest announcement of a kind counts: a job that was resumed has another result file. */
export const announce = (db: Db, { jobId, leaseHash, kind, digest, bytes }: Announcement) =>
  db
    .insert(announcements)
    .values({ jobId, leaseHash, kind, digest, bytes })
    .onConflictDoUpdate({
      target: [announcements.jobId, announcements.leaseHash, announcements.kind],
      set: { digest, bytes, announcedAt: sql`now()` },
    });

export const listAnnounced = (db: Db, sender: Sender): Promise<Announcement[]> =>
  db.select().from(announcements).where(of(sender));

/** The announcement of this file, marked as alive; null if there is none. */
export async function seeAnnouncement(db: Db, sender: Sender, digest: string): Promise<Announcement | null> {
  const [row] = await db
    .update(announcements)
    .set({ announcedAt: sql`now()` })
    .where(and(of(sender), eq(announcements.digest, digest)))
    .returning();
  return row ?? null;
}

/** Withdraws what one lease announced, or all leases of a job. Returns whose files may go now. */
export async function withdraw(db: Db, { jobId, leaseHash }: { jobId: string; leaseHash?: string }): Promise<Sender[]> {
  return db
    .delete(announcements)
    .where(leaseHash === undefined ? eq(announcements.jobId, jobId) : of({ jobId, leaseHash }))
    .returning({ jobId: announcements.jobId, leaseHash: announcements.leaseHash });
}

/**
 * Withdraws all that belongs to jobs that ended and to leases that are no longer held, unless something came for a lease
 * within `seconds`: a late result is on its way then. Returns whose files may go now.
 */
export async function withdrawDead(db: Db, seconds: number): Promise<Sender[]> {
  const dead = db
    .select({ id: jobs.id })
    .from(jobs)
    .where(
      sql`${jobs.id} = ${announcements.jobId} and (${jobs.state} in ('done', 'cancelled')
        or ((select max(announced_at) from announcements latest
              where latest.job_id = ${announcements.jobId} and latest.lease_hash = ${announcements.leaseHash})
            < now() - make_interval(secs => ${seconds})
          and (${jobs.state} <> 'running' or ${jobs.leaseExpiresAt} < now() or ${jobs.leaseHash} <> ${announcements.leaseHash})))`,
    );
  return db
    .delete(announcements)
    .where(exists(dead))
    .returning({ jobId: announcements.jobId, leaseHash: announcements.leaseHash });
}

/** Everybody who has announced a file. */
export const listSenders = (db: Db): Promise<Sender[]> =>
  db.selectDistinct({ jobId: announcements.jobId, leaseHash: announcements.leaseHash }).from(announcements);

export async function findFile(db: Db, digest: string): Promise<StoredFile | null> {
  const [row] = await db.select().from(files).where(eq(files.digest, digest));
  return row ?? null;
}

/** The digests of all public files. */
export async function listPublic(db: Db): Promise<Set<string>> {
  const rows = await db.select({ digest: files.digest }).from(files);
  return new Set(rows.map(({ digest }) => digest));
}
