/**
 * The commit graph of the followed repository and the heads of its branches, as pushes and scans tell them. Rows are only
 * added, and unknown parents filled in: a commit's name is a hash over its parents, so what is known of it stays.
 *
 * A push says heads and commits, at once but without parents, and GitHub promises neither order nor that each arrives. A
 * scan by a trusted runner says everything, a little later. So a push moves a head only from where the site knew it, and
 * in every case asks for a scan, which has the last word.
 */
import { ancestorsOf, type Policy, Problem, parsePolicy, type Scan } from "@ticketmark/core";
import { and, desc, eq, inArray, isNotNull, isNull, sql } from "drizzle-orm";
import type { Db } from "./client.ts";
import { type Branch, branches, commits } from "./schema.ts";

/** Most commits of the graph that are looked at, newest first. */
export const MOST_COMMITS = 50_000;
/** A scan that was handed out and has not come back is wanted again. */
const LOST_SECONDS = 60;
/** Nobody need tell of a push: branches are looked at every so often. */
const STALE_SECONDS = 300;
/** Latest time that Postgres reads as JavaScript writes it: the end of the year 9999. Any commit may claim any time. */
const LATEST_MS = 253_402_300_799_999;
const MOST_POLICY_PROBLEM = 2_000;

export interface NewCommit {
  readonly hash: string;
  /** In git's order; null = not told. */
  readonly parents: readonly string[] | null;
  readonly subject: string;
  readonly author: string;
  /** Milliseconds since 1970 UTC. */
  readonly committedAt: number;
}

/** Adds those that are new, and parents where they were unknown; what is known is never overwritten. */
export async function addCommits(db: Db, told: readonly NewCommit[]): Promise<void> {
  const byHash = new Map(told.map((commit) => [commit.hash, commit]));
  if (byHash.size === 0) return;
  const rows = [...byHash.values()]
    .sort((a, b) => (a.hash < b.hash ? -1 : 1)) // of two that tell the same at once, neither waits for the other
    .map(({ parents, committedAt, ...text }) => ({
      ...text,
      parents: parents && [...parents],
      committedAt: new Date(Math.min(committedAt, LATEST_MS)),
    }));
  await db
    .insert(commits)
    .values(rows)
    .onConflictDoUpdate({
      target: commits.hash,
      set: { parents: sql`excluded.parents` },
      setWhere: and(isNull(commits.parents), sql`excluded.parents is not null`),
    });
}

/** Parents by commit; undefined for one that was told without: such a commit waits for a scan. */
export type Graph = ReadonlyMap<string, readonly string[] | undefined>;

const graphs = new WeakMap<Db, { readonly version: string; readonly graph: Graph }>();

/** The newest `most` commits. Read once for each state of the table: a pass asks often, a commit comes seldom. */
export async function graphOf(db: Db, most = MOST_COMMITS): Promise<Graph> {
  const [state] = await db
    .select({
      version: sql<string>`concat_ws(' ', count(*), count(${commits.parents}), max(${commits.receivedAt}), ${most}::int)`,
    })
    .from(commits);
  const version = state!.version;
  const cached = graphs.get(db);
  if (cached?.version === version) return cached.graph;
  const rows = await db
    .select({ hash: commits.hash, parents: commits.parents })
    .from(commits)
    .orderBy(desc(commits.committedAt), desc(commits.hash))
    .limit(most);
  const graph = new Map(rows.map(({ hash, parents }) => [hash, parents ?? undefined]));
  graphs.set(db, { version, graph });
  return graph;
}

/** What is known of these branches, in the order of the names; one that has no head yet is left out. */
export async function listBranches(db: Db, names: readonly string[]): Promise<Branch[]> {
  const rows = await db
    .select()
    .from(branches)
    .where(inArray(branches.name, [...names]));
  return rows.sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
}

/** A push moved the branch from `before` to `head`. Told twice, or late, it does no more than ask for a scan. */
export async function setBranch(db: Db, name: string, before: string, head: string): Promise<void> {
  await db
    .insert(branches)
    .values({ name, head })
    .onConflictDoUpdate({
      target: branches.name,
      set: {
        head: sql`case when ${branches.head} = ${before} then ${head} else ${branches.head} end`,
        scannedAt: null,
      },
    });
}

/** A push deleted the branch, which was at `before`. */
export async function removeBranch(db: Db, name: string, before: string): Promise<void> {
  await db.delete(branches).where(and(eq(branches.name, name), eq(branches.head, before)));
  await db.update(branches).set({ scannedAt: null }).where(eq(branches.name, name));
}

/** Whatever was scanned last: the next trusted runner that claims is asked for a scan. */
export const askForScan = (db: Db) => db.update(branches).set({ scannedAt: null });

/**
 * What a trusted runner saw: commits, heads, policies. It may come in parts, commits first, and of some branches only:
 * runners differ in those that they may look at.
 */
export async function recordScan(db: Db, scan: Scan): Promise<void> {
  await db.transaction(async (tx) => {
    await addCommits(tx, scan.commits);
    for (const { name, head, policy: text } of scan.branches) {
      if (head === null) {
        // But for one that a push has told of since the scan was handed out.
        await tx.delete(branches).where(and(eq(branches.name, name), isNotNull(branches.scannedAt)));
        continue;
      }
      const { policy, problem } = readPolicy(text);
      const policies = { policyProblem: problem, ...(problem === null ? { policy } : {}) };
      await tx
        .insert(branches)
        .values({ name, head, ...policies, scannedHead: head, scannedAt: sql`now()` })
        .onConflictDoUpdate({
          target: branches.name,
          set: {
            ...policies,
            // Null: a push came after the scan was handed out, and may have told of a newer head. The next scan decides.
            head: sql`case when ${branches.scannedAt} is null then ${branches.head} else ${head} end`,
            scannedHead: head,
            scannedAt: sql`case when ${branches.scannedAt} is not null then now() end`,
          },
        });
    }
  });
}

/** Of a file that cannot be used only the reason. */
function readPolicy(text: string | null): { policy: Policy | null; problem: string | null } {
  if (text === null) return { policy: null, problem: null };
  try {
    return { policy: parsePolicy(text), problem: null };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    // It may quote the file: without what Postgres does not store (U+0000, halves of surrogate pairs).
    const message = Buffer.from(error.message.slice(0, MOST_POLICY_PROBLEM)).toString().replaceAll("\0", " ");
    return { policy: null, problem: message };
  }
}

/** When the first scan was last handed out: there is no branch yet to note it at. In this process only. */
const slot = globalThis as typeof globalThis & { ticketmarkFirstScan?: number };

/**
 * Is a scan of these branches wanted? Whoever hears yes is to make it, and for a while nobody else hears the same.
 * Returns heads of which everything is known, 100 at most; null = no scan is wanted.
 */
export async function takeScan(db: Db, names: readonly string[]): Promise<{ known: string[] } | null> {
  const [rows, graph] = [await listBranches(db, names), await graphOf(db)];
  const whole = (head: string) => isWhole(graph, head);
  const taken = rows.length === 0 ? takeFirst() : await take(db, names, !rows.every(({ head }) => whole(head)));
  if (!taken) return null;
  const heads = new Set(rows.flatMap(({ head, scannedHead }) => (scannedHead ? [head, scannedHead] : [head])));
  return { known: [...heads].filter(whole).slice(0, 100) };
}

function takeFirst(): boolean {
  const now = performance.now();
  if (slot.ticketmarkFirstScan !== undefined && now - slot.ticketmarkFirstScan < LOST_SECONDS * 1_000) return false;
  slot.ticketmarkFirstScan = now;
  return true;
}

/** One statement: of many runners that ask at once, one gets it. `incomplete`: something that a head is made from is not known. */
async function take(db: Db, names: readonly string[], incomplete: boolean): Promise<boolean> {
  const before = (seconds: number) => sql`scanned_at < now() - make_interval(secs => ${seconds})`;
  const { rows } = (await db.execute(sql`
    with wanting as materialized (
      select name from branches
      where ${inArray(branches.name, [...names])} and (scanned_at is null or ${before(STALE_SECONDS)}
        or ((head is distinct from scanned_head or ${incomplete}::boolean) and ${before(LOST_SECONDS)}))
      for update
    )
    update branches set scanned_at = now() where exists (select from wanting) returning name`)) as unknown as {
    readonly rows: readonly unknown[];
  };
  return rows.length > 0;
}

/** False while the head, or something it was made from, was told without parents. Where history was cut off it ends. */
function isWhole(graph: Graph, head: string): boolean {
  if (!graph.get(head)) return false;
  for (const commit of ancestorsOf(head, (one) => graph.get(one), MOST_COMMITS))
    if (graph.has(commit) && !graph.get(commit)) return false;
  return true;
}
