/** What the leaderboard is drawn from: every stored result of one data set and model, and which pairs there are. */
import { and, asc, count, desc, eq, max, sql } from "drizzle-orm";
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
    .groupBy(results.dataset, results.model)
    .orderBy(desc(count()), results.dataset, results.model);
}

const cost = (name: string) => sql<number>`(${results.result} -> 'cost' ->> ${name})::float8`;
const sparsityMeasure = (name: string) => sql<number | null>`(${results.result} -> 'sparsity' ->> ${name})::float8`;

/** All results of a data set and model in order of arrival, without curves. */
export async function listRuns(db: Db, dataset: string, model: string): Promise<Run[]> {
  const rows = await db
    .select({
      id: results.id,
      spec: results.spec,
      groupDigest: results.groupDigest,
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
    .where(and(eq(results.dataset, dataset), eq(results.model, model)))
    .orderBy(asc(results.seq));
  return rows;
}
