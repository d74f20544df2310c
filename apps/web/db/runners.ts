/** Runners: enrolment, and who is calling. */
import { type Environment, Problem } from "@ticketmark/core";
import { and, eq, isNull, sql } from "drizzle-orm";
import type { Db } from "./client.ts";
import type { Sender } from "./files.ts";
import { jobs, type Runner, runners, tokens } from "./schema.ts";

export interface Enrolment {
  readonly tokenHash: string;
  readonly name: string;
  readonly keyId: string;
  /** 32 bytes; the caller proved that it holds the private half. */
  readonly publicKey: Uint8Array;
  readonly bearerHash: string;
  readonly environment: Environment;
}

const NO_TOKEN = "token: expected an enrolment token; there is none like this one";

/**
 * Uses a token up and adds the runner. The same token with the same key works again (the reply may have been lost), and
 * a key that is enrolled already gets a new bearer, and the trust of the new token. Throws Problem "unauthorized" (token), "forbidden" (key revoked).
 */
export function enrol(db: Db, { tokenHash, ...runner }: Enrolment): Promise<{ id: string }> {
  return db.transaction(async (tx) => {
    const [token] = await tx
      .select({
        usedAt: tokens.usedAt,
        usedBy: tokens.usedBy,
        trusted: tokens.trusted,
        expired: sql<boolean>`${tokens.expiresAt} < now()`,
      })
      .from(tokens)
      .where(sql`${tokens.hash} = ${tokenHash} and ${tokens.role} = 'enrolment'`)
      .for("update");
    if (!token) throw new Problem("unauthorized", NO_TOKEN);
    if (token.expired)
      throw new Problem("unauthorized", "token: expected an unexpired enrolment token; make a new one");
    const { name, bearerHash, environment } = runner;
    const [row] = await tx
      .insert(runners)
      .values({ ...runner, trusted: token.trusted })
      .onConflictDoUpdate({
        target: runners.keyId,
        // A token that was used before says nothing new: a later one may have ended the trust.
        set: {
          name,
          bearerHash,
          environment,
          lastSeenAt: sql`now()`,
          ...(token.usedAt ? {} : { trusted: token.trusted }),
        },
        setWhere: isNull(runners.revokedAt),
      })
      .returning({ id: runners.id });
    if (!row) throw new Problem("forbidden", `key ${runner.keyId.slice(0, 12)}… was revoked: enrol with a new key`);
    if (token.usedAt && token.usedBy !== row.id)
      throw new Problem("unauthorized", "token: expected an unused enrolment token; this one enrolled another runner");
    await tx.update(tokens).set({ usedAt: sql`now()`, usedBy: row.id }).where(eq(tokens.hash, tokenHash));
    return row;
  });
}

/** Throws Problem "unauthorized" for a token that is no enrolment token: the cheap question, before the key is looked at. */
export async function requireEnrolmentToken(db: Db, tokenHash: string): Promise<void> {
  const [token] = await db
    .select({ hash: tokens.hash })
    .from(tokens)
    .where(and(eq(tokens.hash, tokenHash), eq(tokens.role, "enrolment")));
  if (!token) throw new Problem("unauthorized", NO_TOKEN);
}

/** "drain": it ends its job and takes no other, until it is told to "continue". Throws Problem "not-found". */
export async function tellRunner(db: Db, id: string, command: "continue" | "drain"): Promise<void> {
  const [row] = await db.update(runners).set({ command }).where(eq(runners.id, id)).returning({ id: runners.id });
  if (!row) throw new Problem("not-found", `runner ${id}: there is none`);
}

/** May it tell the site which commits there are? Throws Problem "not-found". */
export async function trustRunner(db: Db, id: string, trusted: boolean): Promise<void> {
  const [row] = await db.update(runners).set({ trusted }).where(eq(runners.id, id)).returning({ id: runners.id });
  if (!row) throw new Problem("not-found", `runner ${id}: there is none`);
}

/**
 * Ends a key's trust for good: the bearer no longer works, the key cannot enrol again, and its jobs go back to the queue
 * without a fault counted. Results it signed before stay, and say so. Returns the leases it held. Throws Problem "not-found".
 */
export function revokeRunner(db: Db, id: string): Promise<Sender[]> {
  return db.transaction(async (tx) => {
    const [row] = await tx
      .update(runners)
      .set({ revokedAt: sql`coalesce(${runners.revokedAt}, now())` })
      .where(eq(runners.id, id))
      .returning({ id: runners.id });
    if (!row) throw new Problem("not-found", `runner ${id}: there is none`);
    const ended = sql`${jobs.command} = 'cancel'`;
    return tx
      .update(jobs)
      .set({
        state: sql`(case when ${ended} then 'cancelled' else 'queued' end)::job_state`,
        attempts: sql`${jobs.leaseAttempt} - 1`,
        leaseExpiresAt: null,
        snapshotIteration: null,
        finishedAt: sql`case when ${ended} then now() end`,
        message: sql`case when ${ended} then ${jobs.message} else 'its runner''s key was revoked' end`,
      })
      .where(and(eq(jobs.runnerId, id), eq(jobs.state, "running")))
      .returning({ jobId: jobs.id, leaseHash: sql<string>`${jobs.leaseHash}` });
  });
}

/** The runner with this bearer, marked as seen. Throws Problem "unauthorized" or "forbidden". */
export async function seeRunner(db: Db, bearerHash: string): Promise<Runner> {
  const [runner] = await db
    .update(runners)
    .set({ lastSeenAt: sql`now()` })
    .where(eq(runners.bearerHash, bearerHash))
    .returning();
  if (!runner) throw new Problem("unauthorized", "authorization: expected the bearer of an enrolled runner");
  if (runner.revokedAt) throw new Problem("forbidden", `runner ${runner.name}: its key was revoked`);
  return runner;
}

/** Runners heard of within `seconds`, with what they offer. */
export const onlineRunners = (db: Db, seconds: number) =>
  db
    .select({ id: runners.id, name: runners.name, kinds: runners.kinds, engines: runners.engines })
    .from(runners)
    .where(sql`${runners.revokedAt} is null and ${runners.lastSeenAt} > now() - make_interval(secs => ${seconds})`);
