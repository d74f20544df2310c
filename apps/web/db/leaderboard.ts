/** What the leaderboard is drawn from: every stored result of one data set and model, and which pairs there are. */
import { and, asc, count, desc, eq, max, not, sql } from "drizzle-orm";
import type { Run } from "../components/leaderboard-groups.ts";
import type { Db } from "./client.ts";
import { results, runners } from "./schema.ts";

export interface Pair {
  readonly dataset: string;
  readonly model: string;
  readonly results: number;
  readonly latest: Date | null;
}

/** Data sets and models that have results, the pair with most results first. */
export function listPairs(db: Db): Promise<Pair[]> {
  return db
    .select({
      dataset: results.dataset,
      model: results.model,
      results: count(),
      latest: max(results.receivedAt),
    })
    .from(results)
    .where(not(results.tracked))
    .groupBy(results.dataset, results.model)
    .orderBy(desc(count()), results.dataset, results.model);
}

/** The pair that is asked for, or one that has what is asked for of it, or the fullest; undefined = no result at all. */
export const pairOf = (
  pairs: readonly Pair[],
  asked: { readonly dataset: string | null; readonly model: string | null },
): Pair | undefined =>
  pairs.find((pair) => pair.dataset === asked.dataset && pair.model === asked.model) ??
  pairs.find((pair) => pair.dataset === asked.dataset || pair.model === asked.model) ??
  pairs[0];

const cost = (name: string) => sql<number>`(${results.result} -> 'cost' ->> ${name})::float8`;
const sparsityMeasure = (name: string) => sql<number | null>`(${results.result} -> 'sparsity' ->> ${name})::float8`;

/** What was read last, by data set and model, and which state of the log it was read from. */
const cached = new WeakMap<Db, Map<string, { readonly version: string; readonly runs: Promise<Run[]> }>>();
const MOST_CACHED = 20;

/** All results of a data set and model in order of arrival, without curves. Read again only when the log has changed. */
export async function listRuns(db: Db, dataset: string, model: string): Promise<Run[]> {
  const ofDb = cached.get(db) ?? new Map();
  cached.set(db, ofDb);
  const key = `${dataset} ${model}`;
  const version = await logVersion(db);
  const known = ofDb.get(key);
  if (known?.version === version) return known.runs;
  const runs = readRuns(db, dataset, model);
  if (ofDb.size >= MOST_CACHED) ofDb.clear();
  ofDb.set(key, { version, runs });
  runs.catch(() => ofDb.delete(key)); // the caller sees the fault; the next one asks again
  return runs;
}

/** Changes with every result that is stored, and every check; counts, as transactions need not end in their order of seq. */
async function logVersion(db: Db): Promise<string> {
  const [row] = await db
    .select({ seq: max(results.seq), stored: count(), checked: count(results.check) })
    .from(results);
  return `${row!.seq} ${row!.stored} ${row!.checked}`;
}

async function readRuns(db: Db, dataset: string, model: string): Promise<Run[]> {
  return db
    .select({
      id: results.id,
      spec: results.spec,
      groupDigest: results.groupDigest,
      specDigest: results.specDigest,
      keyId: results.keyId,
      outcome: results.outcome,
      message: sql<string | null>`${results.result} ->> 'message'`,
      accuracy: results.accuracy,
      afterCut: results.afterCutAccuracy,
      testImages: sql<number | null>`(${results.result} #>> '{accuracy,last,total}')::float8`,
      realSparsity: sparsityMeasure("real"),
      compression: sparsityMeasure("compression"),
      methodExamples: cost("methodExamples"),
      finalExamples: cost("finalExamples"),
      methodIterations: cost("methodIterations"),
      finalIterations: cost("finalIterations"),
      seconds: sql<number>`(${results.result} ->> 'seconds')::float8`,
      level: results.level,
      refuted: sql<boolean>`coalesce(${results.check} ->> 'ok' = 'false', false)`,
      runner: runners.name,
      receivedAt: results.receivedAt,
    })
    .from(results)
    .innerJoin(runners, eq(runners.id, results.runnerId))
    .where(and(eq(results.dataset, dataset), eq(results.model, model), not(results.tracked)))
    .orderBy(asc(results.seq));
}
