/**
 * A result is what came out of a job: one canonical JSON file, named in the signed statement by its digest. Counts are
 * exact integers, so that anyone who recomputes an accuracy can compare to the last image.
 */
import { z } from "zod";
import { digestSchema, numberSchema } from "./canonical.ts";
import { MAX_MARKED_BLOCKS } from "./trace.ts";

/** Most phases that a result records, and most evaluations: entries of its curves. `plan` refuses specs that need more. */
export const MAX_PHASES = 1_000;
export const MAX_EVALUATIONS = 20_000;

/** Steps are timed before final trainings of so many iterations: shorter ones are not worth what measuring takes. */
export const MEASURED_FROM_ITERATIONS = 1_000;

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const curve = z.array(numberSchema).max(MAX_EVALUATIONS);
/** Shares of images, 0 … 1. */
const accuracies = z.array(z.number().min(0).max(1)).max(MAX_EVALUATIONS);
const text = z.string().max(500);

/** `correct` of `total` images; mean loss over them. */
export const scoreSchema = z
  .strictObject({ correct: count, total: count.min(1), loss: numberSchema })
  .refine(({ correct, total }) => correct <= total, {
    error: ({ input }) => {
      const { correct, total } = input as { correct: number; total: number };
      return `expected at most ${total} correct; got ${correct}`;
    },
  });
export type Score = z.infer<typeof scoreSchema>;

const phaseSchema = z.strictObject({
  name: text,
  /** "method" = asked for by the method, before the ticket; "final" = the recipe's training of the ticket. */
  part: z.enum(["method", "final"]),
  iterations: count,
  batchSize: count,
  /** Share of the prunable weights under a mask while it ran; 0 = dense. */
  sparsity: z.number().min(0).lt(1),
  /** Wall time, all attempts together. */
  seconds: z.number().min(0),
});

/** Parallel arrays, one entry an evaluation: at the end of each epoch of each phase, and right after the cut. */
const curvesSchema = z.strictObject({
  phase: z.array(count).max(MAX_EVALUATIONS),
  /** Iterations done so far, over all phases. */
  iteration: z.array(count).max(MAX_EVALUATIONS),
  /** Mean training loss of the iterations since the entry before. */
  trainLoss: curve,
  testLoss: curve,
  testAccuracy: accuracies,
  /** Empty under protocol "paper". */
  validationAccuracy: accuracies,
});

export const environmentSchema = z.strictObject({
  engine: text,
  device: text,
  /** Why this engine: asked for, or how "auto" chose. */
  reason: text,
  os: text,
  arch: text,
  cpu: text,
  cores: count,
  memoryBytes: count,
  node: text,
});
export type Environment = z.infer<typeof environmentSchema>;

/** For results that are not signed: none of it enters a digest of ticket, trained net or trace. */
export const unknownEnvironment = ({ id, device }: { readonly id: string; readonly device: string }): Environment => ({
  ...{ engine: id, device, reason: "", os: "", arch: "", cpu: "", node: "", cores: 1, memoryBytes: 0 },
});

const time = z.number().positive();
const timesSchema = z
  .strictObject({ q25: time, median: time, q75: time })
  .refine(({ q25, median, q75 }) => q25 <= median && median <= q75, { error: "expected q25 ≤ median ≤ q75" });

const fits = (marks: string, blocks: number, head: string): boolean =>
  marks.length === 8 * blocks && (blocks === 0 || marks.endsWith(head.slice(0, 8)));

export const OUTCOMES = ["completed", "diverged", "failed"] as const;

export const resultSchema = z.strictObject({
  format: z.literal("ticketmark-result-1"),
  outcome: z.enum(OUTCOMES),
  /** For diverged: phase and iteration where the loss stopped being finite. For failed: the fault. */
  message: z.string().max(2_000).nullable(),
  spec: z.unknown(), // complete; parse with parseCompleteSpec
  specDigest: digestSchema,
  numerics: count,
  datasetDigest: digestSchema,
  environment: environmentSchema,
  phases: z.array(phaseSchema).max(MAX_PHASES),
  curves: curvesSchema,
  /** Null unless completed. `last` = test set, last epoch: the accuracy that ranks. `best` is labelled, never ranked. */
  accuracy: z
    .strictObject({
      last: scoreSchema,
      best: z.strictObject({ score: scoreSchema, iteration: count }),
      /** The ticket as the final training finds it. */
      afterCut: scoreSchema,
      /** The same weights before the mask was applied; null where the method made no cut (dense). */
      beforeCut: scoreSchema.nullable(),
      validation: scoreSchema.nullable(),
    })
    .nullable(),
  /** By prunable and other weights of convolutions and linear layers, in the model's order. */
  layers: z.array(z.strictObject({ name: text, weights: count, kept: count })).max(1_000),
  sparsity: z
    .strictObject({
      /** Pruned share of all convolution and linear weights. */
      real: z.number().min(0).max(1),
      /** The same, with weights cut off from input or output counted as pruned; null where not measured. */
      effective: z.number().min(0).max(1).nullable(),
      /** All parameters ÷ non-zero ones; multiply-adds ÷ those of kept weights (ShrinkBench's definitions). */
      compression: z.number().min(1),
      theoreticalSpeedup: z.number().min(1),
    })
    .nullable(),
  /** Images seen in training: before the ticket (method) and after it (final). */
  cost: z.strictObject({
    methodIterations: count,
    methodExamples: count,
    finalIterations: count,
    finalExamples: count,
    /** Images of which the method wanted derivatives besides training; a Hessian-vector product counts twice. Absent: none. */
    scoredExamples: count.optional(),
  }),
  /** Milliseconds an iteration, measured over blocks of 100 of the final training. */
  iterationTime: timesSchema.nullable(),
  /** Milliseconds of a step of the ticket without its mask and with it, measured in turns before the final training. The
   * ratio is the speed-up that sparsity gave there. Absent: not measured (short or dense). */
  stepTimes: z.strictObject({ dense: timesSchema, masked: timesSchema }).optional(),
  /** Milliseconds of one pass over the test set, over the evaluations at epochs' ends. Absent: not measured. */
  evaluationTime: timesSchema.optional(),
  /** Memory of the network on its device: parameters, activations, gradients. Data and the program itself come on top. */
  peakBytes: count,
  seconds: z.number().min(0),
  /** Hash chain over blocks of 100 iterations: loss bits and mask digest. */
  trace: z
    .strictObject({
      every: z.literal(100),
      blocks: count,
      head: digestSchema,
      /** The first 8 hex digits of each block's head, one after the other. Absent: not kept. */
      marks: z
        .string()
        .max(8 * MAX_MARKED_BLOCKS)
        .regex(/^([0-9a-f]{8})*$/)
        .optional(),
    })
    .refine(({ blocks, head, marks }) => marks === undefined || fits(marks, blocks, head), {
      error: "expected a mark for each block, the last that of the head",
    }),
  ticketDigest: digestSchema.nullable(),
  trainedDigest: digestSchema.nullable(),
});
export type Result = z.infer<typeof resultSchema>;
