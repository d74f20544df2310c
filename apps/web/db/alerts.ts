/**
 * Alerts: what was confirmed of one commit, in however many series, and what people made of it. The messages that tell of
 * it are written in the same transaction. Events are only ever added.
 */
import { ALERT_STATES, type AlertState, canonicalJson, type Finding, Problem } from "@ticketmark/core";
import { and, asc, count, desc, eq, getTableColumns, lt, ne, type SQL, sql } from "drizzle-orm";
import { announceAlert } from "../track/announce.ts";
import { byWeight } from "../track/messages.ts";
import type { Db } from "./client.ts";
import { type Alert, alertEvents, alerts, commits } from "./tracking-schema.ts";

/** An alert with what the graph knows of its commit; null = the commit is not known. */
export interface AlertView extends Alert {
  readonly subject: string | null;
  readonly author: string | null;
  readonly committedAt: Date | null;
  readonly firstParent: string | null;
}

export type AlertEvent = Omit<typeof alertEvents.$inferSelect, "alertId">;

export interface Confirmed {
  readonly commit: string;
  /** The commit it was held against; not its parent where the change could not be located further. */
  readonly parent: string;
  /** At least one. */
  readonly findings: readonly Finding[];
}

/** Whose events are no person's. */
const SITE = "this site";

/**
 * Tells of a commit: the first time by a new alert; after that the findings join it, and the same series measured again
 * replaces what stood there. What a person decided stays as it is; what was told and did not change is not told again.
 */
export function openAlert(db: Db, confirmed: Confirmed): Promise<{ id: string; isNew: boolean }> {
  const { commit, parent } = confirmed;
  if (confirmed.findings.length === 0) throw new Error(`an alert of nothing: ${commit}`);
  return db.transaction(async (tx) => {
    const findings = byWeight(confirmed.findings);
    const { state, reason } = stateOf(findings);
    const [added] = await tx
      .insert(alerts)
      .values({ commit, parent, state, findings })
      .onConflictDoNothing()
      .returning();
    if (!added) return { id: await join(tx, confirmed), isNew: false };
    if (reason) await tx.insert(alertEvents).values({ alertId: added.id, state, reason, by: SITE });
    await announceAlert(tx, await viewOf(tx, added.id));
    return { id: added.id, isNew: true };
  });
}

/** What joins an alert that is there. Returns its id. */
async function join(tx: Db, { commit, parent, findings }: Confirmed): Promise<string> {
  const [before] = await tx.select().from(alerts).where(eq(alerts.commit, commit)).for("update");
  const { id } = before!;
  const firstParent = (await viewOf(tx, id)).firstParent;
  const again = new Set(findings.map(seriesOf));
  const kept = before!.findings.filter((finding) => !again.has(seriesOf(finding)));
  const joined = byWeight([...kept, ...findings]);
  // One commit for all findings: where some were located less far than others, the title says what holds for each.
  const against =
    kept.length === 0 ? parent : ([before!.parent, parent].find((hash) => hash !== firstParent) ?? parent);
  if (canonicalJson([against, joined]) === canonicalJson([before!.parent, before!.findings])) return id;

  const decided = await tx.$count(alertEvents, and(eq(alertEvents.alertId, id), ne(alertEvents.by, SITE)));
  const { state, reason } = decided ? { state: before!.state, reason: null } : stateOf(joined);
  await tx
    .update(alerts)
    .set({ parent: against, findings: joined, state, updatedAt: sql`now()` })
    .where(eq(alerts.id, id));
  if (state !== before!.state)
    await tx
      .insert(alertEvents)
      .values({ alertId: id, state, reason: reason ?? "another finding joined it", by: SITE });
  await announceAlert(tx, await viewOf(tx, id));
  return id;
}

const seriesOf = ({ groupDigest, testbed, metric }: Finding): string => `${groupDigest} ${testbed} ${metric}`;

/** Nobody need look at a commit that made nothing worse. */
function stateOf(findings: readonly Finding[]): { state: AlertState; reason: string | null } {
  const kinds = new Set(findings.map(({ kind }) => kind));
  if (kinds.has("regression") || kinds.has("behaviour")) return { state: "open", reason: null };
  return kinds.has("intended")
    ? { state: "intended", reason: "NUMERICS was raised with it" }
    : { state: "resolved", reason: "nothing got worse" };
}

/**
 * A maintainer's word on an alert, kept for ever.
 * Throws Problem "not-found", and "conflict" where it is in that state already.
 * @param by the maintainer's label
 */
export function changeAlert(
  db: Db,
  id: string,
  { state, reason, by }: { readonly state: AlertState; readonly reason: string; readonly by: string },
): Promise<void> {
  return db.transaction(async (tx) => {
    const changed = await tx
      .update(alerts)
      .set({ state, updatedAt: sql`now()` })
      .where(and(eq(alerts.id, id), ne(alerts.state, state)))
      .returning({ id: alerts.id });
    if (changed.length === 0) {
      await viewOf(tx, id);
      throw new Problem("conflict", `alert ${id}: expected another state; it is ${state} already`);
    }
    await tx.insert(alertEvents).values({ alertId: id, state, reason, by });
  });
}

export interface AlertPage {
  readonly state?: AlertState;
  /** `seq` of the last alert of the page before. */
  readonly after?: number;
  readonly limit: number;
}

/** Newest first. */
export async function listAlerts(db: Db, page: AlertPage): Promise<{ alerts: AlertView[]; next: number | null }> {
  const rows = await select(
    db,
    and(
      page.state ? eq(alerts.state, page.state) : undefined,
      page.after === undefined ? undefined : lt(alerts.seq, page.after),
    ),
    page.limit + 1,
  );
  const shown = rows.slice(0, page.limit);
  return { alerts: shown, next: rows.length > shown.length ? shown.at(-1)!.seq : null };
}

/** With what became of it, oldest first. Throws Problem "not-found". */
export async function findAlert(db: Db, id: string): Promise<AlertView & { readonly events: AlertEvent[] }> {
  const { alertId: _, ...columns } = getTableColumns(alertEvents);
  const [alert, events] = [
    await viewOf(db, id),
    await db.select(columns).from(alertEvents).where(eq(alertEvents.alertId, id)).orderBy(asc(alertEvents.at)),
  ];
  return { ...alert, events };
}

/** How many there are in each state. */
export async function alertCounts(db: Db): Promise<Record<AlertState, number>> {
  const rows = await db.select({ state: alerts.state, n: count() }).from(alerts).groupBy(alerts.state);
  const none = Object.fromEntries(ALERT_STATES.map((state) => [state, 0])) as Record<AlertState, number>;
  return { ...none, ...Object.fromEntries(rows.map(({ state, n }) => [state, n])) };
}

async function viewOf(db: Db, id: string): Promise<AlertView> {
  const [alert] = await select(db, eq(alerts.id, id), 1);
  if (!alert) throw new Problem("not-found", `alert ${id}: there is none`);
  return alert;
}

const select = (db: Db, where: SQL | undefined, limit: number): Promise<AlertView[]> =>
  db
    .select({
      ...getTableColumns(alerts),
      subject: commits.subject,
      author: commits.author,
      committedAt: commits.committedAt,
      firstParent: sql<string | null>`${commits.parents}[1]`,
    })
    .from(alerts)
    .leftJoin(commits, eq(commits.hash, alerts.commit))
    .where(where)
    .orderBy(desc(alerts.seq))
    .limit(limit);
