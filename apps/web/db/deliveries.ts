/**
 * The outbox: messages to the outside are written with what they tell of, in one transaction, and sent afterwards until
 * they are through (pattern: transactional outbox). A message is told once by its subject; after a crash in the middle of
 * sending it may arrive twice, with the same id. Time is the database's.
 */
import { and, asc, eq, inArray, isNull, like, ne, sql } from "drizzle-orm";
import type { Db } from "./client.ts";
import { deliveries } from "./tracking-schema.ts";

export type Delivery = typeof deliveries.$inferSelect;

export interface NewDelivery {
  readonly target: Delivery["target"];
  /** "alert/ID", "try/ID", "pull/NUMBER". */
  readonly about: string;
  /** Which telling of it: the same one is sent once. */
  readonly revision: string | number;
  readonly body: object;
}

/** Who is sending has so long before another may take the message: more than all its requests may take together. */
const TAKEN_SECONDS = 600;
const ATTEMPTS = 10;
const FIRST_WAIT = 60;
const LONGEST_WAIT = 6 * 3_600;
/** From one minute to six hours within ten attempts: half a day in all. */
const GROWTH = 2.1;
/** Longest error that is kept. */
const MAX_ERROR = 500;

const waiting = and(isNull(deliveries.sentAt), isNull(deliveries.failedAt));

/**
 * Adds a message, to be called in the transaction of what it tells of. GitHub shows one state of a thing: an older
 * telling that still waits there is dropped, so that it cannot come later than this one.
 */
export async function addDelivery(db: Db, { target, about, revision, body }: NewDelivery): Promise<void> {
  const subject = `${about}/${revision}`;
  const added = await db.insert(deliveries).values({ target, subject, body }).onConflictDoNothing().returning();
  if (added.length === 0 || target === "webhook") return;
  const older = and(eq(deliveries.target, target), like(deliveries.subject, `${about}/%`));
  await db.delete(deliveries).where(and(older, ne(deliveries.subject, subject), waiting));
}

/** How often something was told, from 0; the caller holds its row locked. */
export async function lastRevision(db: Db, about: string): Promise<number> {
  const revision = sql<number>`coalesce(max(split_part(${deliveries.subject}, '/', 3)::int), 0)`;
  const [row] = await db
    .select({ revision })
    .from(deliveries)
    .where(like(deliveries.subject, `${about}/%`));
  return row!.revision;
}

/** The message that has waited longest, counted as an attempt; null where none is due. */
export async function takeDelivery(db: Db): Promise<Delivery | null> {
  const due = db
    .select({ id: deliveries.id })
    .from(deliveries)
    .where(and(waiting, sql`${deliveries.nextAt} <= now()`))
    .orderBy(asc(deliveries.nextAt))
    .limit(1)
    .for("update", { skipLocked: true });
  const [row] = await db
    .update(deliveries)
    .set({ attempts: sql`${deliveries.attempts} + 1`, nextAt: inSeconds(TAKEN_SECONDS) })
    .where(inArray(deliveries.id, due))
    .returning();
  return row ?? null;
}

export async function setSent(db: Db, id: string): Promise<void> {
  await db.update(deliveries).set({ sentAt: sql`now()`, error: null }).where(eq(deliveries.id, id));
}

/** Puts it off, or gives it up. Returns the seconds until the next attempt; null = given up. */
export async function setFailed(db: Db, { id, attempts }: Delivery, error: string): Promise<number | null> {
  const wait = waitAfter(attempts);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: Postgres stores no U+0000
  const text = error.replaceAll(/[\u0000-\u0020]+/g, " ").slice(0, MAX_ERROR);
  await db
    .update(deliveries)
    .set({ error: text, ...(wait === null ? { failedAt: sql`now()` } : { nextAt: inSeconds(wait) }) })
    .where(eq(deliveries.id, id));
  return wait;
}

/** Seconds to wait after the n-th attempt failed; null = it was the last. */
export const waitAfter = (attempt: number): number | null =>
  attempt >= ATTEMPTS ? null : Math.min(LONGEST_WAIT, FIRST_WAIT * GROWTH ** (attempt - 1));

/** Seconds until the next message is due, 0 = now; null where none waits. */
export async function secondsToNext(db: Db): Promise<number | null> {
  const seconds = sql<string | null>`extract(epoch from min(${deliveries.nextAt}) - now())`;
  const [row] = await db.select({ seconds }).from(deliveries).where(waiting);
  return row!.seconds === null ? null : Math.max(0, Number(row!.seconds));
}

const inSeconds = (seconds: number) => sql`now() + make_interval(secs => ${seconds})`;
