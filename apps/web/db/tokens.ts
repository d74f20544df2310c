/** Maintainers' tokens and sessions, and the one-time tokens that enrol runners. Hashes in, hashes out. */
import { and, eq, gt, isNull, or, sql } from "drizzle-orm";
import type { Db } from "./client.ts";
import { sessions, tokens } from "./schema.ts";

const SESSION_SECONDS = 30 * 86_400;
const ENROLMENT_SECONDS = 86_400;

const fromNow = (seconds: number) => sql<Date>`now() + make_interval(secs => ${seconds})`;
const unexpired = or(isNull(tokens.expiresAt), gt(tokens.expiresAt, sql`now()`));

/** True if this token became the first maintainer's; false if there was a maintainer. Of many at once, one wins. */
export async function addFirstMaintainer(db: Db, hash: string): Promise<boolean> {
  const { rows } = (await db.execute(sql`
    insert into tokens (hash, role, label)
    select ${hash}, 'maintainer', 'first maintainer'
    where not exists (select from tokens where role = 'maintainer')
    on conflict do nothing returning hash`)) as unknown as { rows: unknown[] };
  return rows.length === 1;
}

/** Label of the maintainer with this token; null if there is none. */
export async function findMaintainer(db: Db, tokenHash: string): Promise<string | null> {
  const [row] = await db
    .select({ label: tokens.label })
    .from(tokens)
    .where(and(eq(tokens.hash, tokenHash), eq(tokens.role, "maintainer"), unexpired));
  return row?.label ?? null;
}

/** A one-time token for one runner. `trusted`: it may say which commits there are. */
export async function addEnrolmentToken(
  db: Db,
  hash: string,
  label: string,
  trusted = false,
): Promise<{ expiresAt: Date }> {
  const [row] = await db
    .insert(tokens)
    .values({ hash, role: "enrolment", label, trusted, expiresAt: fromNow(ENROLMENT_SECONDS) })
    .returning({ expiresAt: tokens.expiresAt });
  return { expiresAt: row!.expiresAt! };
}

/** Also drops sessions that ran out. */
export async function addSession(db: Db, hash: string, tokenHash: string): Promise<{ expiresAt: Date }> {
  await db.delete(sessions).where(sql`${sessions.expiresAt} < now()`);
  const [row] = await db
    .insert(sessions)
    .values({ hash, tokenHash, expiresAt: fromNow(SESSION_SECONDS) })
    .returning({ expiresAt: sessions.expiresAt });
  return row!;
}

/** Label of the maintainer who signed in with this session; null if it ended, or the token did. */
export async function findSession(db: Db, hash: string): Promise<string | null> {
  const [row] = await db
    .select({ label: tokens.label })
    .from(sessions)
    .innerJoin(tokens, eq(tokens.hash, sessions.tokenHash))
    .where(and(eq(sessions.hash, hash), gt(sessions.expiresAt, sql`now()`), unexpired));
  return row?.label ?? null;
}

export const removeSession = (db: Db, hash: string) => db.delete(sessions).where(eq(sessions.hash, hash));
