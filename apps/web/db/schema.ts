/**
 * Every table. Postgres is the one dialect: PGlite and a server run the same migrations (drizzle/, generated from this
 * file by `npm run migration`, never edited). Times are the database's own. Secrets are stored as sha256 only.
 *
 * No value is imported from core, so that drizzle-kit can load this file alone; schema.test.ts compares the lists.
 */
import type { COMMANDS, Environment, JobKind, Plan, Progress, Result, Score, Spec } from "@ticketmark/core";
import { sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  bigint,
  bigserial,
  boolean,
  check,
  doublePrecision,
  foreignKey,
  index,
  integer,
  jsonb,
  pgEnum,
  pgTable,
  primaryKey,
  text,
  unique,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { bytea, commitName, digest, time } from "./columns.ts";
import { investigations, testbeds } from "./tracking-schema.ts";

export * from "./tracking-schema.ts";

export const tokenRole = pgEnum("token_role", ["maintainer", "enrolment"]);
export const jobState = pgEnum("job_state", ["queued", "running", "done", "failed", "cancelled"]);
export const command = pgEnum("command", ["continue", "cancel", "drain", "update"]);
export const outcome = pgEnum("outcome", ["completed", "diverged", "failed"]);
/** In sort order: Postgres compares an enum by the order of its values. */
export const level = pgEnum("level", ["signed", "checked", "repeated", "bit-reproduced"]);
export const fileKind = pgEnum("file_kind", ["result", "ticket", "trained"]);
/** Why a job of the tracking is there. */
export const purpose = pgEnum("purpose", ["track", "backfill", "confirm", "bisect", "try"]);

/** Maintainers' tokens, and one-time tokens that enrol a runner. */
export const tokens = pgTable(
  "tokens",
  {
    hash: text().primaryKey(),
    role: tokenRole().notNull(),
    label: text().notNull(),
    /** Null = never. */
    expiresAt: time(),
    /** Enrolment: when, and by which runner, it was used. */
    usedAt: time(),
    usedBy: uuid().references((): AnyPgColumn => runners.id),
    /** Enrolment: the runner will be trusted to say what git says. */
    trusted: boolean().notNull().default(false),
  },
  (t) => [uniqueIndex("tokens_maintainer_label").on(t.label).where(sql`${t.role} = 'maintainer'`)],
);

/** A browser that signed in with a maintainer's token. The cookie holds a random value; here is its hash. */
export const sessions = pgTable("sessions", {
  hash: text().primaryKey(),
  tokenHash: text()
    .notNull()
    .references(() => tokens.hash, { onDelete: "cascade" }),
  expiresAt: time().notNull(),
});

export const runners = pgTable(
  "runners",
  {
    id: uuid().primaryKey().defaultRandom(),
    name: text().notNull(),
    /** sha256 of the public key. */
    keyId: text().notNull().unique("runners_key"),
    /** Ed25519, 32 bytes. */
    publicKey: bytea().notNull(),
    bearerHash: text().notNull().unique("runners_bearer"),
    environment: jsonb().$type<Environment>().notNull(),
    /** What it offered in its last claim; empty before the first. */
    kinds: text().array().notNull().default([]),
    engines: text().array().notNull().default([]),
    /** May tell the site which commits there are. */
    trusted: boolean().notNull().default(false),
    /** What it said in its last claim; null = it runs its own code only. */
    tracks: jsonb().$type<{ repository: string; pulls: boolean }>(),
    lastSeenAt: time().notNull().defaultNow(),
    /** Told by a maintainer: "drain" = finish the job at hand, take no other. */
    command: command().$type<"continue" | "drain">().notNull().default("continue"),
    /** Its bearer no longer works; what it signed before stays. */
    revokedAt: time(),
  },
  (t) => [check("runners_key_id", digest(t.keyId))],
);

export const jobs = pgTable(
  "jobs",
  {
    id: uuid().primaryKey().defaultRandom(),
    /** Order of the queue among jobs of one priority. */
    position: bigserial({ mode: "number" }).notNull(),
    kind: text().$type<JobKind>().notNull().default("run"),
    spec: jsonb().$type<Spec>().notNull(),
    specDigest: text().notNull(),
    groupDigest: text().notNull(),
    /** What the submitter asked for: auto, cpu, reference. */
    engine: text().notNull().default("auto"),
    priority: integer().notNull().default(0),
    state: jobState().notNull().default("queued"),
    plan: jsonb().$type<Plan>().notNull(),
    /** Suite that queued it. */
    suite: text(),
    /** The code to run it with; null = the runner's own, and the four below are null too. */
    commit: text(),
    /** Pull request that the commit belongs to; null = an ancestor of an allow-listed branch. */
    pull: integer(),
    purpose: purpose(),
    investigationId: uuid().references((): AnyPgColumn => investigations.id),
    /** Nobody else may take it: numbers of two testbeds are never held against each other. */
    onlyRunner: uuid().references(() => runners.id),
    /** Claims that ended by a fault. */
    attempts: integer().notNull().default(0),
    /** The last holder and its lease: they stay when the lease expires, so that it may be taken up again. */
    runnerId: uuid().references(() => runners.id),
    leaseHash: text(),
    /** From 1: attempts + 1 at the time of the claim. */
    leaseAttempt: integer(),
    /** Null = handed back. In the past = may be taken by the next claim. */
    leaseExpiresAt: time(),
    command: command().$type<(typeof COMMANDS)[number]>().notNull().default("continue"),
    progress: jsonb().$type<Progress>(),
    progressAt: time(),
    /** Of which iteration its last holder keeps a snapshot; null = none. */
    snapshotIteration: integer(),
    /** Why it is where it is: the last fault, who cancelled it. */
    message: text(),
    queuedAt: time().notNull().defaultNow(),
    /** First claim; latest end. */
    startedAt: time(),
    finishedAt: time(),
    createdBy: text(),
  },
  (t) => [
    unique("jobs_suite_spec").on(t.suite, t.specDigest),
    /** One job a token at a time: of two claims with one token, sent again before the first was answered, one fails. */
    uniqueIndex("jobs_running_lease").on(t.leaseHash).where(sql`${t.state} = 'running'`),
    index("jobs_queue").on(t.priority.desc().nullsFirst(), t.position).where(sql`${t.state} = 'queued'`),
    index("jobs_leases").on(t.leaseExpiresAt).where(sql`${t.state} = 'running'`),
    index("jobs_by_position").on(t.position),
    index("jobs_by_runner").on(t.runnerId),
    index("jobs_by_commit").on(t.commit),
    /** Followed once on each runner, however many sites follow the branch on one database. */
    uniqueIndex("jobs_tracked")
      .on(t.commit, t.specDigest, t.onlyRunner)
      .where(sql`${t.purpose} in ('track', 'backfill')`),
    index("jobs_by_investigation").on(t.investigationId),
    check("jobs_commit", sql`${t.commit} is null or (${commitName(t.commit)} and ${t.purpose} is not null)`),
    check("jobs_digests", sql`${digest(t.specDigest)} and ${digest(t.groupDigest)}`),
    check("jobs_attempts", sql`${t.attempts} >= 0`),
    check(
      "jobs_lease",
      sql`${t.state} <> 'running' or (${t.runnerId} is not null and ${t.leaseHash} is not null and ${t.leaseAttempt} is not null and ${t.leaseExpiresAt} is not null)`,
    ),
  ],
);

/** Every lease a job was given, never taken away: the first valid result under any of them ends the job. */
export const leases = pgTable(
  "leases",
  {
    jobId: uuid()
      .notNull()
      .references(() => jobs.id),
    /** sha256 of the runner's token. */
    hash: text().notNull(),
    runnerId: uuid()
      .notNull()
      .references(() => runners.id),
    /** Both stand in the signed statement. */
    nonce: text().notNull(),
    attempt: integer().notNull(),
    claimedAt: time().notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.jobId, t.hash] }), check("leases_hash", digest(t.hash))],
);

/** What this site found when it recomputed a result's accuracies from its files. */
export interface StoredCheck {
  /** Null = this site does not recompute such a result, and `message` says why. */
  readonly ok: boolean | null;
  readonly message: string;
  /** Recomputed; null where there is nothing to recompute. */
  readonly last: Score | null;
  readonly afterCut: Score | null;
  /** Milliseconds since 1970 UTC, the site's clock: informative only. */
  readonly at: number;
}

/** The log: rows are only ever added; level and check alone may change. */
export const results = pgTable(
  "results",
  {
    id: uuid().primaryKey().defaultRandom(),
    jobId: uuid()
      .notNull()
      .unique("results_job")
      .references(() => jobs.id),
    /** Order of arrival. Numbers may be left out (a transaction that did not commit); none is used twice. */
    seq: bigserial({ mode: "number" }).notNull().unique("results_seq"),
    spec: jsonb().$type<Spec>().notNull(),
    dataset: text().notNull(),
    model: text().notNull(),
    method: text().notNull(),
    sparsity: doublePrecision().notNull(),
    seed: bigint({ mode: "number" }).notNull(),
    specDigest: text().notNull(),
    groupDigest: text().notNull(),
    outcome: outcome().notNull(),
    result: jsonb().$type<Result>().notNull(),
    resultDigest: text().notNull(),
    ticketDigest: text(),
    trainedDigest: text(),
    /** The signed envelope, byte for byte as it is served. */
    envelope: bytea().notNull(),
    envelopeDigest: text().notNull().unique("results_envelope"),
    keyId: text().notNull(),
    runnerId: uuid()
      .notNull()
      .references(() => runners.id),
    level: level().notNull().default("signed"),
    /** Null = not looked at yet. */
    check: jsonb().$type<StoredCheck>(),
    /** Shares of the test set, 0 … 1, for sorting and means; null unless completed. `accuracy` = last epoch: it ranks. */
    accuracy: doublePrecision(),
    afterCutAccuracy: doublePrecision(),
    /** The code that ran, where it was a clean checkout; with it the result is a point of series. */
    commit: text(),
    /** Null in results from before it was recorded. */
    testbed: text().references(() => testbeds.digest),
    numerics: integer(),
    /** Of the files that ran, where the runner knows them; equal = the same code. */
    codeDigest: text(),
    /** Last head of the trace. */
    traceHead: text(),
    /** By metric id, as core's list takes them out of result and statement. */
    values: jsonb().$type<Readonly<Record<string, number>>>().notNull().default({}),
    /** Run for the series alone: the leaderboard leaves it out. */
    tracked: boolean().notNull().default(false),
    receivedAt: time().notNull().defaultNow(),
  },
  (t) => [
    index("results_by_commit").on(t.commit),
    index("results_by_series").on(t.groupDigest, t.testbed),
    index("results_by_pair").on(t.dataset, t.model),
    index("results_by_group").on(t.groupDigest),
    index("results_by_runner").on(t.runnerId),
    index("results_unchecked").on(t.seq).where(sql`${t.check} is null`),
    check(
      "results_digests",
      sql`${digest(t.specDigest)} and ${digest(t.groupDigest)} and ${digest(t.resultDigest)} and ${digest(t.envelopeDigest)} and ${digest(t.keyId)}`,
    ),
    check("results_sparsity", sql`${t.sparsity} >= 0 and ${t.sparsity} < 1`),
  ],
);

/** Public files, by content: a stored result names each of them. */
export const files = pgTable(
  "files",
  {
    digest: text().primaryKey(),
    bytes: bigint({ mode: "number" }).notNull(),
    kind: fileKind().notNull(),
  },
  (t) => [check("files_digest", digest(t.digest)), check("files_bytes", sql`${t.bytes} > 0`)],
);

/**
 * Files that a lease's holder said it will send, or has sent: one of each kind, the latest announcement. Bounds what may
 * be sent; what is sent stays out of sight until a stored result names it, and goes with its row.
 */
export const announcements = pgTable(
  "announcements",
  {
    jobId: uuid().notNull(),
    leaseHash: text().notNull(),
    kind: fileKind().notNull(),
    digest: text().notNull(),
    bytes: bigint({ mode: "number" }).notNull(),
    announcedAt: time().notNull().defaultNow(),
  },
  (t) => [
    primaryKey({ columns: [t.jobId, t.leaseHash, t.kind] }),
    foreignKey({
      name: "announcements_lease",
      columns: [t.jobId, t.leaseHash],
      foreignColumns: [leases.jobId, leases.hash],
    }),
    check("announcements_digest", digest(t.digest)),
    check("announcements_bytes", sql`${t.bytes} > 0`),
  ],
);

export type Job = typeof jobs.$inferSelect;
export type Runner = typeof runners.$inferSelect;
export type StoredResult = typeof results.$inferSelect;
export type StoredFile = typeof files.$inferSelect;
