/**
 * The wire between runner and server, and the public JSON. All requests and replies are JSON (files apart), all
 * validated on arrival, all bounded. Errors are RFC 9457 problem JSON (`Problem.toJSON`).
 *
 *   POST /api/v1/runners                 enrol            token in the body    → EnrolReply
 *   POST /api/v1/claim                   take a job       bearer + lease       → ClaimReply
 *   POST /api/v1/jobs/ID/heartbeat       keep it          bearer + lease       → HeartbeatReply
 *   POST /api/v1/jobs/ID/hand-back       give it back     bearer + lease       → {}
 *   POST /api/v1/files                   announce a file  bearer + lease       → FileReply
 *   PUT  /api/v1/files/DIGEST            its bytes        bearer + lease (headers)  → {}
 *   POST /api/v1/jobs/ID/result          the envelope     bearer + lease       → ResultReply
 *   POST /api/v1/jobs                    queue a spec     maintainer           → JobReply (201)
 *   POST /api/v1/jobs/ID/cancel          stop a job       maintainer           → {}
 *   POST /api/v1/runners/ID/drain        no more jobs     maintainer           → {}
 *   POST /api/v1/runners/ID/resume       jobs again       maintainer           → {}
 *   POST /api/v1/runners/ID/trust        it may tell of commits  maintainer    → {}
 *   POST /api/v1/runners/ID/distrust     no longer        maintainer           → {}
 *   POST /api/v1/runners/ID/revoke       end its key      maintainer           → {}
 *   POST /api/v1/suites/ID               queue what is missing or failed  maintainer  → SuiteReply
 *   POST /api/v1/enrolment-tokens        make a token     maintainer           → { token, expiresAt }
 *   GET  /api/v1/results?limit=&after=   newest first                          → { results, next }
 *   GET  /api/v1/results/ID              one result, whole
 *   GET  /api/v1/results/ID/envelope     the exact signed bytes
 *   GET  /api/v1/files/DIGEST            the exact bytes of a file
 *   GET  /api/v1/jobs?state=&limit=&after=  newest first, without the specs' classes  → { jobs, next }
 *   GET  /api/v1/jobs/ID                 one job, with progress and queue position
 *   GET  /api/v1/suites/ID               each of its specs and what became of it  → SuiteStatus
 *   POST /api/v1/scans                   what git knows of the tracked repository  trusted runner's bearer → {}
 *   POST /api/v1/webhooks/github         pushes and pull requests, signed (x-hub-signature-256)  → {}
 *   POST /api/v1/tries                   run a commit beside its merge base  maintainer → TryReply (201)
 *   POST /api/v1/pulls/NUMBER/approve    its head may run on runners that take pull requests  maintainer → {}
 *   POST /api/v1/alerts/ID               acknowledge, resolve, call intended, reopen  maintainer → {}
 *   GET  /api/v1/alerts?state=&limit=&after=    newest first                      → { alerts, next }
 *   GET  /api/v1/regressions             what is open, looked into, waiting           → with a version
 *   GET  /api/v1/commits/HASH            what was measured at it, and found
 *   GET  /api/v1/series                  every series there is                    → { series }
 *   GET  /api/v1/series/ID               its points and change points
 *   GET  /api/v1/compare?base=&head=     two commits, series by series            → Comparison
 *
 * Bearer and lease travel as `authorization: Bearer …` and, for PUT, `ticketmark-lease: …`, `ticketmark-job: …`.
 */
import { z } from "zod";
import { digestSchema } from "./canonical.ts";
import { classesSchema } from "./datasets/dataset.ts";
import {
  COMMANDS,
  claimedJobSchema,
  commitSchema,
  ENGINE_CHOICES,
  JOB_KINDS,
  JOB_STATES,
  progressSchema,
} from "./job.ts";
import { environmentSchema, OUTCOMES } from "./result.ts";
import { MAX_POLICY_BYTES } from "./series/policy.ts";
import { envelopeSchema } from "./signature.ts";

/** Largest JSON body the server reads. */
export const MAX_JSON_BYTES = 1 << 20;
/** Largest file (ticket, trained, result) the server takes. */
export const MAX_FILE_BYTES = 256 << 20;
/** Largest result file: what the runner hands in, and the site reads. Full curves and all phases take 3 MB. */
export const MAX_RESULT_BYTES = 8 << 20;

/** Largest integer of a database column of this kind. */
const MAX_INT32 = 0x7fff_ffff;

const lease = z.string().min(20).max(100);

/** Address or path of a git repository, as git takes it. */
export const repositorySchema = z.string().trim().min(1).max(500);

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: "80", https: "443", ssh: "22", git: "9418" };

/**
 * What makes two addresses the same repository: "host/owner/name", by whatever scheme and user it is reached, with ".git"
 * or without; the host in lower case, a port that is not the scheme's own kept. A path on the machine stays a path.
 */
export function repositoryName(address: string): string {
  const [, scheme, host, port, path] =
    address.match(/^([a-z][a-z+.-]*):\/\/(?:[^/@]*@)?([^/:@]+)(?::(\d+))?(?:\/(.*))?$/i) ??
    address.match(/^()[\w.-]+@([\w.-]+):()(.*)$/) ??
    [];
  if (host === undefined) return address.replace(/(?<=[^/])\/+$/, "");
  const own = port && port !== DEFAULT_PORTS[scheme!.toLowerCase()] ? `:${port}` : "";
  const parts = (path ?? "").split("/").filter((part) => part !== "");
  return [host.toLowerCase() + own, ...parts].join("/").replace(/\.git$/, "");
}
export const branchSchema = z
  .string()
  .max(200)
  .regex(/^(?![-/.])(?!.*(\.\.|@\{|\/\/|\.lock(\/|$)))[\w./+@-]+(?<![/.])$/, "expected the name of a branch");

/** Most commits in one scan. */
export const MAX_SCANNED = 1_500;
const line = (most: number) => z.string().max(most);
export const scanSchema = z.strictObject({
  repository: repositorySchema,
  /** Those that were looked at: a scan says nothing of the others. */
  branches: z
    .array(
      z.strictObject({
        name: branchSchema,
        /** Null = there is no such branch (any more). */
        head: commitSchema.nullable(),
        /** The policy file at the head, as it stands; null = there is none. */
        policy: z.string().max(MAX_POLICY_BYTES).nullable(),
      }),
    )
    .max(20),
  /** Oldest first: parents before children. More than MAX_SCANNED come in several scans. */
  commits: z
    .array(
      z.strictObject({
        hash: commitSchema,
        parents: z.array(commitSchema).max(16),
        subject: line(200),
        author: line(100),
        /** Milliseconds since 1970 UTC. */
        committedAt: z.number().int().min(0).max(8.64e15),
      }),
    )
    .max(MAX_SCANNED),
});
export type Scan = z.infer<typeof scanSchema>;

export const trySchema = z.union([
  z.strictObject({ commit: commitSchema }),
  z.strictObject({ pull: z.number().int().positive().max(MAX_INT32) }),
]);
export const tryReplySchema = z.strictObject({ id: z.uuid(), base: commitSchema, head: commitSchema });

export const ALERT_STATES = ["open", "acknowledged", "resolved", "intended"] as const;
export type AlertState = (typeof ALERT_STATES)[number];
/** The reason is kept with who gave it, and shown. */
export const changeAlertSchema = z.strictObject({
  state: z.enum(ALERT_STATES),
  reason: z.string().trim().min(1).max(2_000),
});
const name = z.string().trim().min(1).max(100);

export const enrolSchema = z.strictObject({
  token: z.string().min(20).max(100),
  name,
  /** base64 of 32 bytes. */
  publicKey: z.string().regex(/^[A-Za-z0-9+/]{43}=$/, "expected base64 of 32 bytes"),
  /** base64 Ed25519 signature by that key over `enrolMessage(token, publicKey)`: proof of possession. */
  proof: z.string().regex(/^[A-Za-z0-9+/]{86}==$/, "expected base64 of 64 bytes"),
  environment: environmentSchema,
});
export type Enrol = z.infer<typeof enrolSchema>;
export const enrolMessage = (token: string, publicKey: string): Uint8Array =>
  new TextEncoder().encode(`ticketmark enrolment 1\n${token}\n${publicKey}\n`);
export const enrolReplySchema = z.strictObject({
  runnerId: z.uuid(),
  keyId: digestSchema,
  /** Transport secret, shown once; the server keeps its hash. */
  bearer: z.string().min(20).max(100),
});

export const claimSchema = z.strictObject({
  kinds: z.array(z.enum(JOB_KINDS)).min(1).max(10),
  engines: z.array(z.enum(ENGINE_CHOICES)).min(1).max(10),
  environment: environmentSchema,
  /** Jobs of which this runner holds a snapshot: given to it first. */
  snapshots: z.array(z.uuid()).max(100),
  /**
   * Fencing token of the job that this claim may get: random, made by the runner. The server keeps its hash alone. A
   * claim that is repeated because its reply was lost gets the same job, nonce and attempt.
   */
  lease,
  /** The runner's NUMERICS. Below the site's: no job, and command "update". */
  numerics: z.number().int().min(0).max(MAX_INT32),
  /** The repository whose commits this runner runs, as its owner named it, and whether those of pull requests too. */
  tracks: z.strictObject({ repository: repositorySchema, pulls: z.boolean() }).optional(),
});
export type Claim = z.infer<typeof claimSchema>;
export const claimReplySchema = z.strictObject({
  job: claimedJobSchema.nullable(),
  command: z.enum(COMMANDS),
  /** Seconds to wait before the next claim if there was no job; full jitter is the runner's. */
  retryAfter: z.number().min(0).max(3_600),
  /** For a trusted runner that tracks the site's repository: look at these branches and tell what is new. */
  scan: z
    .strictObject({
      repository: repositorySchema,
      branches: z.array(branchSchema).min(1).max(20),
      /** Commits that the site has with their parents: what only they reach need not be told. */
      known: z.array(commitSchema).max(100),
    })
    .nullable()
    .default(null),
});
export type ClaimReply = z.infer<typeof claimReplySchema>;

export const heartbeatSchema = z.strictObject({ lease, progress: progressSchema.nullable() });
export const heartbeatReplySchema = z.strictObject({ command: z.enum(COMMANDS), seconds: z.number().positive() });

export const HAND_BACK_REASONS = ["stopping", "cancelled", "fault"] as const;
/** "stopping": no fault of the job, goes back to the queue. "cancelled": obeyed. "fault": counts as an attempt. */
export const handBackSchema = z.strictObject({
  lease,
  reason: z.enum(HAND_BACK_REASONS),
  message: z.string().max(2_000),
  /** Iterations in the snapshot that the runner keeps; null = none. */
  snapshotIteration: z.number().int().min(0).max(MAX_INT32).nullable(),
});

export const FILE_KINDS = ["result", "ticket", "trained"] as const;
export const announceSchema = z.strictObject({
  job: z.uuid(),
  lease,
  digest: digestSchema,
  kind: z.enum(FILE_KINDS),
  bytes: z.number().int().min(1).max(MAX_FILE_BYTES),
});
export const fileReplySchema = z.strictObject({
  /** Where to PUT the bytes, absolute or relative to the site; null = the server has them already. */
  url: z.string().max(4_000).nullable(),
});

export const submitResultSchema = z.strictObject({ lease, envelope: envelopeSchema });
export const resultReplySchema = z.strictObject({ resultId: z.uuid(), level: z.enum(["signed", "checked"]) });

export const submitJobSchema = z.strictObject({
  spec: z.unknown(),
  engine: z.enum(ENGINE_CHOICES).default("auto"),
  priority: z.number().int().min(-100).max(100).default(0),
});
export const jobReplySchema = z.strictObject({ id: z.uuid(), specDigest: digestSchema });
/** What is done, running or waiting is left alone: a suite may be queued as often as one likes. */
export const queueSuiteSchema = z.strictObject({ classes: classesSchema.optional() });
export const suiteReplySchema = z.strictObject({
  suite: z.string(),
  /** Jobs that this call made; failed and cancelled ones that it queued again; specs that were done or under way. */
  queued: z.number().int(),
  requeued: z.number().int(),
  existing: z.number().int(),
});

/** What became of a spec of a suite, in whatever job; "missing": nobody has queued it. */
export const SUITE_STATES = [...JOB_STATES, "missing"] as const;
export const suiteStatusSchema = z.strictObject({
  suite: z.string(),
  /** Most wanted first. Of a suite of class folders: for each list of classes that it was queued with. */
  specs: z
    .array(
      z.strictObject({
        specDigest: digestSchema,
        groupDigest: digestSchema,
        /** Of its row, all seeds: method, sparsity, and what tells it from the suite's other rows. */
        name: z.string(),
        dataset: z.string(),
        model: z.string(),
        method: z.looseObject({ id: z.string() }),
        sparsity: z.number(),
        seed: z.number().int(),
        state: z.enum(SUITE_STATES),
        jobId: z.uuid().nullable(),
        resultId: z.uuid().nullable(),
        outcome: z.enum(OUTCOMES).nullable(),
        /** Test set, last epoch, 0 … 1. */
        accuracy: z.number().nullable(),
        progress: progressSchema.nullable(),
        message: z.string().nullable(),
      }),
    )
    .max(10_000),
});
export type SuiteStatus = z.infer<typeof suiteStatusSchema>;

/** Sortable: signed < checked < repeated < bit-reproduced. */
export const LEVELS = ["signed", "checked", "repeated", "bit-reproduced"] as const;
export type Level = (typeof LEVELS)[number];
