/**
 * The tables of what is followed from commit to commit: the graph, testbeds, investigations, alerts, messages. The points
 * themselves are results (schema.ts).
 */
import type { Finding, Policy, Testbed } from "@ticketmark/core";
import { sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  bigserial,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgEnum,
  pgTable,
  text,
  unique,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { commitName, digest, time } from "./columns.ts";
import { runners } from "./schema.ts";

export const investigationState = pgEnum("investigation_state", [
  "running",
  "confirmed",
  "dismissed",
  "unlocated",
  "abandoned",
]);

export const alertState = pgEnum("alert_state", ["open", "acknowledged", "resolved", "intended"]);
/** What series are measured on, by the digest of its canonical JSON. */
export const testbeds = pgTable(
  "testbeds",
  {
    digest: text().primaryKey(),
    testbed: jsonb().$type<Testbed>().notNull(),
    firstSeenAt: time().notNull().defaultNow(),
  },
  (t) => [check("testbeds_digest", digest(t.digest))],
);

/** The graph of the tracked repository, as webhooks and scans told it. */
export const commits = pgTable(
  "commits",
  {
    hash: text().primaryKey(),
    /** In git's order; null = told by a webhook, which does not say: a scan will. */
    parents: text().array(),
    subject: text().notNull(),
    author: text().notNull(),
    committedAt: time().notNull(),
    receivedAt: time().notNull().defaultNow(),
  },
  (t) => [check("commits_hash", commitName(t.hash)), index("commits_by_time").on(t.committedAt)],
);

/** Branches of the allow-list. The policy is the one at the head. */
export const branches = pgTable("branches", {
  name: text().primaryKey(),
  head: text().notNull(),
  /** Null = the repository has no policy file: the defaults. */
  policy: jsonb().$type<Policy>(),
  /** Why the file at the head cannot be used: the last good one stays in force. */
  policyProblem: text(),
  /** Head that was scanned last; another than `head` = a scan is wanted. */
  scannedHead: text(),
  scannedAt: time(),
});

/** Pull requests, as webhooks told them. */
export const pulls = pgTable("pulls", {
  number: integer().primaryKey(),
  head: text().notNull(),
  /** Branch it is to go into. */
  base: text().notNull(),
  title: text().notNull(),
  author: text().notNull(),
  url: text().notNull(),
  open: boolean().notNull().default(true),
  /** The head that a maintainer approved: no other may run. */
  approvedHead: text(),
  approvedBy: text(),
  updatedAt: time().notNull().defaultNow(),
});

/** A line of what an investigation did, for people. */
export interface InvestigationStep {
  readonly at: number;
  readonly text: string;
}

/**
 * A suspicion on its way to an alert, or a try. `base` and `head` are neighbours among the measured commits; bisection
 * moves them together.
 */
export const investigations = pgTable(
  "investigations",
  {
    id: uuid().primaryKey().defaultRandom(),
    kind: text().$type<"confirm" | "try">().notNull(),
    state: investigationState().notNull().default("running"),
    base: text().notNull(),
    head: text().notNull(),
    /** Where it began: what is told where narrowing fails. */
    firstBase: text().notNull(),
    firstHead: text().notNull(),
    /** Null for tries: every group of the policy. */
    groupDigest: text(),
    testbed: text().references(() => testbeds.digest),
    runnerId: uuid().references(() => runners.id),
    /** What is suspected: metric ids, "behaviour". */
    metrics: text().array().notNull().default([]),
    reason: text().notNull(),
    steps: jsonb().$type<readonly InvestigationStep[]>().notNull().default([]),
    findings: jsonb().$type<readonly Finding[]>().notNull().default([]),
    alertId: uuid().references((): AnyPgColumn => alerts.id),
    pull: integer(),
    createdBy: text(),
    createdAt: time().notNull().defaultNow(),
    finishedAt: time(),
  },
  (t) => [
    index("investigations_by_state").on(t.state),
    /** Two points of a series are held against each other once, unless that could not be finished. */
    uniqueIndex("investigations_once")
      .on(t.firstBase, t.firstHead, t.groupDigest, t.testbed, t.metrics)
      .where(sql`${t.kind} = 'confirm' and ${t.state} <> 'abandoned'`),
    index("investigations_by_head").on(t.head),
    check("investigations_commits", sql`${commitName(t.base)} and ${commitName(t.head)}`),
  ],
);

/** One commit's confirmed changes, of however many series. */
export const alerts = pgTable(
  "alerts",
  {
    id: uuid().primaryKey().defaultRandom(),
    seq: bigserial({ mode: "number" }).notNull().unique("alerts_seq"),
    commit: text().notNull().unique("alerts_commit"),
    /** The commit it is held against; not its parent where the change could not be located further. */
    parent: text().notNull(),
    state: alertState().notNull().default("open"),
    findings: jsonb().$type<readonly Finding[]>().notNull(),
    openedAt: time().notNull().defaultNow(),
    updatedAt: time().notNull().defaultNow(),
  },
  (t) => [check("alerts_commits", sql`${commitName(t.commit)} and ${commitName(t.parent)}`)],
);

/** What became of an alert, by whom and why: rows are only ever added. */
export const alertEvents = pgTable(
  "alert_events",
  {
    id: uuid().primaryKey().defaultRandom(),
    alertId: uuid()
      .notNull()
      .references(() => alerts.id),
    state: alertState().notNull(),
    reason: text().notNull(),
    by: text().notNull(),
    at: time().notNull().defaultNow(),
  },
  (t) => [index("alert_events_by_alert").on(t.alertId)],
);

/** Messages to the outside (webhook, GitHub), kept until they are through. */
export const deliveries = pgTable(
  "deliveries",
  {
    id: uuid().primaryKey().defaultRandom(),
    target: text().$type<"webhook" | "github-check" | "github-comment">().notNull(),
    /** What it is about: sent once for each. */
    subject: text().notNull(),
    body: jsonb().notNull(),
    attempts: integer().notNull().default(0),
    nextAt: time().notNull().defaultNow(),
    sentAt: time(),
    /** Given up after the last attempt. */
    failedAt: time(),
    error: text(),
  },
  (t) => [
    unique("deliveries_once").on(t.target, t.subject),
    index("deliveries_waiting").on(t.nextAt).where(sql`${t.sentAt} is null and ${t.failedAt} is null`),
  ],
);

export type Commit = typeof commits.$inferSelect;
export type Branch = typeof branches.$inferSelect;
export type Pull = typeof pulls.$inferSelect;
export type Investigation = typeof investigations.$inferSelect;
export type Alert = typeof alerts.$inferSelect;
