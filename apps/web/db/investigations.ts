/** Suspicions on their way to an alert, and tries. What happens to them is decided in track/. */
import type { Finding } from "@ticketmark/core";
import { and, desc, eq, inArray, or, sql } from "drizzle-orm";
import type { Db } from "./client.ts";
import { type Alert, alerts, type Investigation, type InvestigationStep, investigations } from "./tracking-schema.ts";

export interface Try {
  readonly base: string;
  readonly head: string;
  /** Pull request that the head belongs to. */
  readonly pull: number | null;
  readonly createdBy: string;
}

/** A commit beside its merge base, every group of the policy. */
export async function addTry(db: Db, { base, head, pull, createdBy }: Try): Promise<{ id: string }> {
  const [row] = await db
    .insert(investigations)
    .values({
      ...{ kind: "try", base, head, firstBase: base, firstHead: head, pull, createdBy },
      reason: pull === null ? "asked for" : `asked for, for pull request ${pull}`,
    })
    .returning({ id: investigations.id });
  return row!;
}

export interface Suspicion {
  readonly base: string;
  readonly head: string;
  readonly groupDigest: string;
  readonly testbed: string;
  readonly runnerId: string;
  /** Id of a metric, or "behaviour". */
  readonly metric: string;
  readonly reason: string;
}

/** Is it new? Not where another site on this database was as quick. */
export async function addSuspicion(db: Db, { metric, base, head, ...rest }: Suspicion): Promise<boolean> {
  const added = await db
    .insert(investigations)
    .values({ kind: "confirm", ...rest, base, head, firstBase: base, firstHead: head, metrics: [metric] })
    .onConflictDoNothing()
    .returning({ id: investigations.id });
  return added.length > 0;
}

/** All that were made to confirm a change and end, or began, at one of these commits. */
export const investigationsOf = (db: Db, line: readonly string[]): Promise<Investigation[]> =>
  db
    .select()
    .from(investigations)
    .where(
      and(
        eq(investigations.kind, "confirm"),
        or(inArray(investigations.head, [...line]), inArray(investigations.firstHead, [...line])),
      ),
    );

/** What is confirmed, wherever: enough to know which changes are explained. */
export const confirmedChanges = (db: Db): Promise<Pick<Alert, "commit" | "parent" | "findings">[]> =>
  db.select({ commit: alerts.commit, parent: alerts.parent, findings: alerts.findings }).from(alerts);

/** Newest first. */
export const listInvestigations = (
  db: Db,
  filter: {
    readonly state?: Investigation["state"];
    readonly commits?: readonly string[];
    readonly limit?: number;
  } = {},
): Promise<Investigation[]> =>
  db
    .select()
    .from(investigations)
    .where(
      and(
        filter.state ? eq(investigations.state, filter.state) : undefined,
        filter.commits && inArray(investigations.head, [...filter.commits]),
      ),
    )
    .orderBy(desc(investigations.createdAt), desc(investigations.id))
    .limit(filter.limit ?? 1_000);

export async function findInvestigation(db: Db, id: string): Promise<Investigation | null> {
  const [row] = await db.select().from(investigations).where(eq(investigations.id, id));
  return row ?? null;
}

export interface Progressed {
  readonly state?: Investigation["state"];
  readonly base?: string;
  readonly head?: string;
  readonly testbed?: string;
  readonly findings?: readonly Finding[];
  readonly alertId?: string;
  /** One more line for people. */
  readonly step?: string;
}

/** Longest list of steps that is kept; later ones are left out. */
const MOST_STEPS = 200;

/** What became of it; a state other than "running" ends it. */
export async function progress(db: Db, investigation: Investigation, { step, ...more }: Progressed): Promise<void> {
  const steps: readonly InvestigationStep[] = step
    ? [...investigation.steps, { at: Date.now(), text: step }].slice(0, MOST_STEPS)
    : investigation.steps;
  await db
    .update(investigations)
    .set({
      ...more,
      steps,
      ...(more.state && more.state !== "running" ? { finishedAt: sql`now()` } : {}),
    })
    .where(eq(investigations.id, investigation.id));
}

/** A try is some runner's from now on. */
export const assignTry = (db: Db, { id }: Investigation, runnerId: string) =>
  db.update(investigations).set({ runnerId }).where(eq(investigations.id, id));
