/**
 * What a runner signs: an in-toto Statement v1 whose subjects are the result, the ticket and the trained net, and whose
 * predicate binds them to one job, one lease and one state of the code.
 * https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
 */
import { z } from "zod";
import { digestSchema, numberSchema } from "./canonical.ts";
import { environmentSchema } from "./result.ts";

export const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
export const PREDICATE_TYPE = "urn:ticketmark:result:1";
export const PAYLOAD_TYPE = "application/vnd.in-toto+json";

/** Files that a statement names; ticket and trained are absent from diverged and failed results. */
export const SUBJECTS = ["result", "ticket", "trained"] as const;
export type SubjectName = (typeof SUBJECTS)[number];

const count = z.number().int().min(0);

export const statementSchema = z.strictObject({
  _type: z.literal(STATEMENT_TYPE),
  subject: z
    .array(z.strictObject({ name: z.enum(SUBJECTS), digest: z.strictObject({ sha256: digestSchema }) }))
    .min(1)
    .max(3),
  predicateType: z.literal(PREDICATE_TYPE),
  predicate: z.strictObject({
    job: z.strictObject({
      /** Null for a run without a server. */
      id: z.uuid().nullable(),
      attempt: count,
      leaseNonce: z.string().max(100).nullable(),
      kind: z.enum(["run"]),
      specDigest: digestSchema,
    }),
    numerics: count,
    /** Commit of the code that ran; null outside a git checkout. dirty = with local changes. */
    code: z.strictObject({
      commit: z
        .string()
        .regex(/^[0-9a-f]{40}$/)
        .nullable(),
      dirty: z.boolean(),
      version: z.string().max(50),
    }),
    datasetDigests: z.array(digestSchema).max(10),
    keyId: digestSchema,
    environment: environmentSchema,
    outcome: z.enum(["completed", "diverged", "failed"]),
    metrics: z
      .array(z.strictObject({ name: z.string().max(100), value: numberSchema, unit: z.string().max(30) }))
      .max(100),
  }),
});
export type Statement = z.infer<typeof statementSchema>;
