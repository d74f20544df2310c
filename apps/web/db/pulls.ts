/** Pull requests as webhooks tell them, and which of their heads a maintainer let run. */
import { Problem } from "@ticketmark/core";
import { and, asc, eq, isNull, lte, sql } from "drizzle-orm";
import type { Db } from "./client.ts";
import { askForScan } from "./commits.ts";
import { commits, type Pull, pulls } from "./schema.ts";

export type ToldPull = Omit<Pull, "approvedHead" | "approvedBy">;

/** Adds it or brings it up to date. Of two messages the one that GitHub dates later holds, in whatever order they arrive. */
export async function setPull(db: Db, pull: ToldPull): Promise<void> {
  await db
    .insert(pulls)
    .values(pull)
    .onConflictDoUpdate({ target: pulls.number, set: pull, setWhere: lte(pulls.updatedAt, pull.updatedAt) });
}

export async function findPull(db: Db, number: number): Promise<Pull | null> {
  const [row] = await db.select().from(pulls).where(eq(pulls.number, number));
  return row ?? null;
}

/** The open pull request whose head is this commit and was approved; null = there is none. */
export async function findApproved(db: Db, head: string): Promise<Pull | null> {
  const [row] = await db
    .select()
    .from(pulls)
    .where(and(eq(pulls.head, head), eq(pulls.approvedHead, head), pulls.open))
    .orderBy(asc(pulls.number));
  return row ?? null;
}

/** Git's names of at most `most` heads that may run and whose parents are not known here: webhooks do not tell of them. */
export async function listUnseen(db: Db, most: number): Promise<string[]> {
  const rows = await db
    .select({ number: pulls.number })
    .from(pulls)
    .leftJoin(commits, eq(commits.hash, pulls.head))
    .where(and(pulls.open, eq(pulls.approvedHead, pulls.head), isNull(commits.parents)))
    .orderBy(asc(pulls.number))
    .limit(most);
  return rows.map(({ number }) => `refs/pull/${number}/head`);
}

/**
 * Lets one head run, and no later one, and asks for a scan of it. Throws Problem "not-found", and "conflict" where the pull request is closed or has
 * another head than the one the maintainer looked at.
 */
export async function approvePull(db: Db, number: number, head: string, by: string): Promise<void> {
  const [row] = await db
    .update(pulls)
    .set({ approvedHead: sql`${pulls.head}`, approvedBy: by })
    .where(and(eq(pulls.number, number), eq(pulls.head, head), pulls.open))
    .returning({ number: pulls.number });
  if (row) {
    await askForScan(db); // webhooks do not say where it left the branch
    return;
  }
  const now = await findPull(db, number);
  if (!now) throw new Problem("not-found", `pull ${number}: there is none`);
  if (!now.open) throw new Problem("conflict", `pull ${number}: expected an open one; it is closed`);
  throw new Problem("conflict", `pull ${number}: expected its head ${now.head}; got ${head}: it has changed meanwhile`);
}
