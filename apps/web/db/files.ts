/** Which files the store holds, and which a job's holder has announced. The bytes are the store's (files.ts above). */
import type { FILE_KINDS } from "@ticketmark/core";
import { and, eq, sql } from "drizzle-orm";
import type { Db } from "./client.ts";
import { announcements, files, type StoredFile } from "./schema.ts";

export interface Announcement {
  readonly jobId: string;
  readonly kind: (typeof FILE_KINDS)[number];
  readonly digest: string;
  readonly bytes: number;
}

/** The latest announcement of a kind counts: a job that was resumed has another result file. */
export const announce = (db: Db, { jobId, kind, digest, bytes }: Announcement) =>
  db
    .insert(announcements)
    .values({ jobId, kind, digest, bytes })
    .onConflictDoUpdate({
      target: [announcements.jobId, announcements.kind],
      set: { digest, bytes, announcedAt: sql`now()` },
    });

export async function findAnnouncement(db: Db, jobId: string, digest: string): Promise<Announcement | null> {
  const [row] = await db
    .select()
    .from(announcements)
    .where(and(eq(announcements.jobId, jobId), eq(announcements.digest, digest)));
  return row ?? null;
}

/** The bytes are in the store. Twice = once. */
export const addFile = (db: Db, { jobId, kind, digest, bytes }: Announcement) =>
  db.insert(files).values({ jobId, kind, digest, bytes }).onConflictDoNothing();

export async function findFile(db: Db, digest: string): Promise<StoredFile | null> {
  const [row] = await db.select().from(files).where(eq(files.digest, digest));
  return row ?? null;
}
