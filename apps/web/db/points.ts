/** The points of series: results of clean checkouts on a known testbed, with no more of each than series need. */
import type { Result, TraceState } from "@ticketmark/core";
import { and, asc, eq, inArray, isNotNull, type SQL, sql } from "drizzle-orm";
import type { Db } from "./client.ts";
import { jobs, type results as Results, results } from "./schema.ts";

type Stored = typeof Results.$inferSelect;

export interface PointRun
  extends Pick<
    Stored,
    | "spec"
    | "specDigest"
    | "groupDigest"
    | "seed"
    | "outcome"
    | "ticketDigest"
    | "trainedDigest"
    | "values"
    | "codeDigest"
    | "receivedAt"
    | "runnerId"
  > {
  readonly resultId: string;
  readonly commit: string;
  readonly testbed: string;
  readonly numerics: number;
  /** Marks only where they are asked for: most of what a long run's row weighs. */
  readonly trace: Pick<TraceState, "head" | "marks">;
  /** Of a run for the series: why it was made, and for which investigation. */
  readonly purpose: (typeof jobs.$inferSelect)["purpose"];
  readonly investigationId: string | null;
}

export interface PointFilter {
  readonly commits?: readonly string[];
  readonly groupDigest?: string;
  readonly testbed?: string;
  readonly investigationId?: string;
  /** With the traces' marks, to tell where runs first differ. */
  readonly marks?: boolean;
}

/** In order of arrival. Everything at once unless it is filtered: a site asks by group and testbed, or by commits. */
export async function listPoints(db: Db, filter: PointFilter): Promise<PointRun[]> {
  const { commits, groupDigest, testbed, investigationId } = filter;
  if (commits?.length === 0) return [];
  const wanted: (SQL | undefined)[] = [
    isNotNull(results.commit),
    isNotNull(results.testbed),
    commits && inArray(results.commit, [...commits]),
    groupDigest ? eq(results.groupDigest, groupDigest) : undefined,
    testbed ? eq(results.testbed, testbed) : undefined,
    investigationId ? eq(jobs.investigationId, investigationId) : undefined,
  ];
  const rows = await db
    .select({
      resultId: results.id,
      commit: results.commit,
      testbed: results.testbed,
      numerics: results.numerics,
      traceHead: results.traceHead,
      marks: filter.marks ? sql<string | null>`${results.result} #>> '{trace,marks}'` : sql<null>`null`,
      spec: results.spec,
      specDigest: results.specDigest,
      groupDigest: results.groupDigest,
      seed: results.seed,
      outcome: results.outcome,
      ticketDigest: results.ticketDigest,
      trainedDigest: results.trainedDigest,
      values: results.values,
      codeDigest: results.codeDigest,
      receivedAt: results.receivedAt,
      runnerId: results.runnerId,
      purpose: jobs.purpose,
      investigationId: jobs.investigationId,
    })
    .from(results)
    .innerJoin(jobs, eq(jobs.id, results.jobId))
    .where(and(...wanted))
    .orderBy(asc(results.seq));
  return rows.map(({ traceHead, marks, ...row }) => ({
    ...row,
    commit: row.commit!,
    testbed: row.testbed!,
    numerics: row.numerics ?? 0,
    trace: { head: traceHead ?? "", ...(marks !== null && { marks }) },
  }));
}

/** What tells where two runs first differ, by result. */
export async function listTraces(
  db: Db,
  ids: readonly string[],
): Promise<Map<string, { readonly trace: TraceState; readonly phases: Result["phases"] }>> {
  const rows = await db
    .select({
      id: results.id,
      trace: sql<TraceState>`${results.result} -> 'trace'`,
      phases: sql<Result["phases"]>`${results.result} -> 'phases'`,
    })
    .from(results)
    .where(inArray(results.id, [...ids]));
  return new Map(rows.map(({ id, ...traced }) => [id, traced]));
}
