/** A job is a row in the queue: a spec to run, who holds it, and what became of it. */
import { z } from "zod";
import { digestSchema } from "./canonical.ts";
import { engines } from "./engine/index.ts";

/**
 * "run": a spec. "confirm": the same, asked for to confirm or to locate a change between two commits. "scan" is no row of
 * the queue but a chore that comes with a claim (api.ts): it needs no lease, since doing it twice does no harm.
 */
export const JOB_KINDS = ["run", "confirm"] as const; // check, replay and repeat follow with the parts that make them
export type JobKind = (typeof JOB_KINDS)[number];

/** Full name of a commit in lower-case hex. */
export const commitSchema = z.string().regex(/^[0-9a-f]{40}$/, "expected a commit: 40 lower-case hex digits");

/**
 * queued → running → done | failed | cancelled; running → queued by hand-back or an expired lease. A late valid result
 * turns failed into done if nobody else finished.
 */
export const JOB_STATES = ["queued", "running", "done", "failed", "cancelled"] as const;
export type JobState = (typeof JOB_STATES)[number];

/** Infrastructure faults (expired leases, crashed children) that a job survives before it is `failed`. */
export const MAX_ATTEMPTS = 3;

/** What a job may ask for: an engine of the list, or "auto" for the best there is. */
export const ENGINE_CHOICES = ["auto", ...engines.ids] as const;

/** Where a running job is. Sent with every heartbeat, shown live. */
export const progressSchema = z.strictObject({
  /** Index into the plan's phases, from 0. */
  phase: z.number().int().min(0).max(10_000),
  phaseName: z.string().max(100),
  /** Iterations done and planned, over all phases. */
  iteration: z.number().int().min(0),
  iterations: z.number().int().min(1),
  /** Mean training loss of the latest block; null before the first or if not finite. */
  loss: z.number().nullable(),
  /** Latest accuracy on the test set, 0 … 1; null before the first. */
  accuracy: z.number().min(0).max(1).nullable(),
  iterationsPerSecond: z.number().min(0),
});
export type Progress = z.infer<typeof progressSchema>;

/** What a claim returns: all that a runner needs to run the job and to prove that it held it. */
export const claimedJobSchema = z.strictObject({
  id: z.uuid(),
  kind: z.enum(JOB_KINDS),
  spec: z.unknown(), // a complete spec; parse with parseCompleteSpec
  specDigest: digestSchema,
  engine: z.enum(ENGINE_CHOICES),
  /** The code to run it with; null = the runner's own. */
  code: z
    .strictObject({
      commit: commitSchema,
      /** Number of the pull request that the commit belongs to; null = it must be an ancestor of an allow-listed branch. */
      pull: z.number().int().positive().max(2_147_483_647).nullable(),
    })
    .nullable(),
  /** From 1; counts claims that ended by a fault, plus this one. */
  attempt: z.number().int().min(1),
  lease: z.strictObject({
    /** Fencing token: proves to the server that the caller still holds the job. Secret. */
    token: z.string().min(20).max(100),
    /** Goes into the signed statement; public. */
    nonce: z.string().min(20).max(100),
    /** Seconds from the reply until the lease ends, and between heartbeats. */
    seconds: z.number().positive(),
    renewSeconds: z.number().positive(),
  }),
});
export type ClaimedJob = z.infer<typeof claimedJobSchema>;

export const COMMANDS = ["continue", "cancel", "drain", "update"] as const;
export type Command = (typeof COMMANDS)[number];
