/**
 * What a runner signs: an in-toto Statement v1 whose subjects are the result, the ticket and the trained net, and whose
 * predicate binds them to one job, one lease and one state of the code.
 * https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
 */
import { z } from "zod";
import { digestSchema, numberSchema } from "./canonical.ts";
import { JOB_KINDS, type JobKind } from "./job.ts";
import { environmentSchema, type Result } from "./result.ts";
import { type Measured, measuredSchema } from "./series/metrics.ts";
import { type Testbed, testbedSchema } from "./series/testbed.ts";

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
      kind: z.enum(JOB_KINDS),
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
    /** What its times and memory may be compared on; absent from statements made before it was recorded. */
    testbed: testbedSchema.optional(),
    /** Measured around the training process. */
    measured: measuredSchema.optional(),
    outcome: z.enum(["completed", "diverged", "failed"]),
    metrics: z
      .array(z.strictObject({ name: z.string().max(100), value: numberSchema, unit: z.string().max(30) }))
      .max(100),
  }),
});
export type Statement = z.infer<typeof statementSchema>;

export interface StatementParts {
  readonly result: Result;
  /** sha256 of the exact bytes of the result file. */
  readonly resultDigest: string;
  /** Null for a run without a server. */
  readonly job: {
    readonly id: string;
    readonly attempt: number;
    readonly leaseNonce: string;
    readonly kind: JobKind;
  } | null;
  readonly code: Statement["predicate"]["code"];
  /** The key that will sign. */
  readonly keyId: string;
  readonly testbed?: Testbed | undefined;
  readonly measured?: Measured | undefined;
}

/** States what the result says, and nothing that is not in it but for job, code, key and what was measured around it. */
export function makeStatement(parts: StatementParts): Statement {
  const { result, resultDigest, job, code, keyId, testbed, measured } = parts;
  const files = { result: resultDigest, ticket: result.ticketDigest, trained: result.trainedDigest };
  return {
    _type: STATEMENT_TYPE,
    subject: SUBJECTS.flatMap((name) => {
      const sha256 = files[name];
      return sha256 === null ? [] : [{ name, digest: { sha256 } }];
    }),
    predicateType: PREDICATE_TYPE,
    predicate: {
      job: { ...(job ?? { id: null, attempt: 0, leaseNonce: null, kind: "run" }), specDigest: result.specDigest },
      numerics: result.numerics,
      code,
      datasetDigests: [result.datasetDigest],
      keyId,
      environment: result.environment,
      testbed,
      measured,
      outcome: result.outcome,
      metrics: metricsOf(result),
    },
  };
}

/** The figures of a result that a reader of the statement alone wants. */
export function metricsOf({
  accuracy,
  sparsity,
  cost,
  iterationTime,
  seconds,
}: Result): Statement["predicate"]["metrics"] {
  const share = ({ correct, total }: { correct: number; total: number }) => correct / total;
  const metrics: [name: string, value: number | null | undefined, unit: string][] = [
    ["test accuracy last", accuracy && share(accuracy.last), "1"],
    ["test accuracy best", accuracy && share(accuracy.best.score), "1"],
    ["test accuracy after cut", accuracy && share(accuracy.afterCut), "1"],
    ["test accuracy before cut", accuracy?.beforeCut && share(accuracy.beforeCut), "1"],
    ["validation accuracy", accuracy?.validation && share(accuracy.validation), "1"],
    ["real sparsity", sparsity?.real, "1"],
    ["effective sparsity", sparsity?.effective, "1"],
    ["compression", sparsity?.compression, "1"],
    ["theoretical speed-up", sparsity?.theoreticalSpeedup, "1"],
    ["method iterations", cost.methodIterations, "iterations"],
    ["final iterations", cost.finalIterations, "iterations"],
    ["iteration time median", iterationTime?.median, "ms"],
    ["wall time", seconds, "s"],
  ];
  return metrics.flatMap(([name, value, unit]) => (typeof value === "number" ? [{ name, value, unit }] : []));
}
