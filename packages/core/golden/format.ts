/** Golden files as they are on disk (README.md, "Format"), checked and with tensors as typed arrays. */
import { z } from "zod";

const ARRAYS = { float32: Float32Array, uint8: Uint8Array, int32: Int32Array } as const;

/** Values of a tensor, row-major. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly values: Float32Array | Uint8Array | Int32Array;
}

export const tensorSchema = z
  .object({
    shape: z.array(z.number().int().min(0)),
    dtype: z.enum(["float32", "uint8", "int32"]),
    data: z.base64(),
  })
  .transform(({ shape, dtype, data }, context): Tensor => {
    const bytes = new Uint8Array(Buffer.from(data, "base64")); // a copy: aligned, and little-endian as the hosts we run on
    const size = shape.reduce((product, dimension) => product * dimension, 1);
    if (bytes.length !== size * ARRAYS[dtype].BYTES_PER_ELEMENT) {
      context.addIssue(`expected ${size} elements of ${dtype}; got ${bytes.length} bytes`);
      return z.NEVER;
    }
    return { shape, values: new ARRAYS[dtype](bytes.buffer) };
  });

export const floats = tensorSchema.refine(({ values }) => values instanceof Float32Array, "expected float32");

/** Parameters and buffers by name, in module order, without PyTorch's counters of batches: nothing reads them. */
export const stateSchema = z
  .record(z.string(), z.unknown())
  .transform((state) =>
    Object.fromEntries(Object.entries(state).filter(([name]) => !/\.num_batches_tracked$/.test(name))),
  )
  .pipe(z.record(z.string(), floats))
  .transform((state) => weightsOf(state));
const masksSchema = z.record(z.string(), tensorSchema).transform((masks) => masksOf(masks));

const weightsOf = (state: Readonly<Record<string, Tensor>>): Record<string, Float32Array> =>
  Object.fromEntries(Object.entries(state).map(([name, { values }]) => [name, values as Float32Array]));

/** Keyed by layer in the files, by parameter here. */
const masksOf = (masks: Readonly<Record<string, Tensor>>): Record<string, Uint8Array> =>
  Object.fromEntries(Object.entries(masks).map(([layer, { values }]) => [`${layer}.weight`, Uint8Array.from(values)]));

const snapshotsSchema = z.record(z.string(), z.object({ state: stateSchema, momentum: stateSchema.nullish() }));

export const batchesSchema = z.object({ x: floats, y: z.array(z.array(z.number().int().min(0).max(255))) });

const finetuneSchema = z.object({ loss: z.array(z.number()), after_step: snapshotsSchema });

const scheduleSchema = z
  .record(z.string(), z.number())
  .transform((steps) => Object.entries(steps).map(([epoch, value]) => ({ epoch: Number(epoch), value })));

const sizes = {
  classes: z.number().int(),
  batch: z.number().int(),
  n_batches: z.number().int(),
  seed: z.number(),
};
const training = {
  ...sizes,
  /** Ratios: `ratioOf`. */
  stage_pr: z.array(z.number()),
  /** Steps of the snapshots. */
  want: z.array(z.number()),
  momentum: z.number(),
  weight_decay: z.number(),
  lr_ft: z.number(),
};
const mlp = {
  model: z.literal("mlp"),
  d_in: z.number().int(),
  width: z.number().int(),
  n_fc: z.number().int().min(1),
};
const resnet = {
  model: z.literal("resnet"),
  /** Channels and blocks of each stage. */
  widths: z.array(z.number().int()),
  blocks: z.array(z.number().int()).default([1, 1, 1]),
  /** Height and width of the images, which have 3 channels. */
  hw: z.number().int(),
};
/** A net and its batches, without a recipe. */
export const bareNetSchema = z.discriminatedUnion("model", [
  z.strictObject({ ...sizes, ...mlp }),
  z.strictObject({ ...sizes, ...resnet }),
]);
export type BareNet = z.infer<typeof bareNetSchema>;

/** A setting that is not listed is not known to the reader: the case is refused, not run without it. */
const configSchema = <T extends z.ZodRawShape>(settings: T) =>
  z.discriminatedUnion("model", [
    z.strictObject({ ...training, ...mlp, ...settings }),
    z.strictObject({ ...training, ...resnet, ...settings }),
  ]);
const netSchema = configSchema({});
export type NetConfig = z.infer<typeof netSchema>;

/** What every file says of itself. */
export const headSchema = z.object({
  case: z.string(),
  kind: z.string(),
  config: z.looseObject({ model: z.string().optional() }).optional(),
});

export const rstSchema = z.object({
  config: configSchema({
    steps: z.number().int(),
    lr_prune: z.number(),
    schedule: z.enum(["x", "x^2", "x^3"]),
    stabilize: z.number().int(),
    granularity: z.number(),
    interval: z.number().int(),
    limit: z.number().default(1),
    block_loss_grad: z.boolean().default(false),
    /** Left out: the masks are given. */
    pick: z.enum(["min", "max", "rand"]).default("rand"),
  }),
  init: stateSchema,
  masks: masksSchema,
  batches: batchesSchema,
  expected: z.object({
    loss: z.array(z.number()),
    lambda_per_step: z.array(z.number()),
    after_step: snapshotsSchema,
    terminated_by_itself: z.boolean(),
    finished_update_at_iteration: z.number().nullable(),
    n_pruned: z.record(z.string(), z.number()),
    finetune: finetuneSchema,
  }),
});

const cycleSchema = z.object({
  before_step: z.number(),
  layers: z.record(
    z.string(),
    z.object({
      pr: z.number(),
      n_pruned: z.number(),
      pruned_sorted: z.array(z.number()),
      permutation: z.array(z.number()).optional(),
    }),
  ),
  state_at_pick: stateSchema,
});

const iterative = {
  method: z.string(),
  num_cycles: z.number().int(),
  epochs_mini: z.number().int().optional(),
  lr_ft_mini: scheduleSchema.optional(),
};

const expectedIterativeSchema = z.object({
  total_steps: z.number(),
  loss: z.array(z.number()),
  lambda_per_step: z.array(z.number()).nullable(),
  cycles: z.array(cycleSchema),
  after_step: snapshotsSchema,
  state_returned: stateSchema,
  n_pruned: z.record(z.string(), z.number()),
  finetune: finetuneSchema,
});

const iterativeCase = {
  init: stateSchema,
  final_masks: masksSchema,
  batches: batchesSchema,
  expected: expectedIterativeSchema,
};

export const rstIterSchema = z.object({
  ...iterativeCase,
  config: configSchema({
    ...iterative,
    pick: z.enum(["iter_rand", "min", "max"]),
    lr_prune: z.number(),
    granularity: z.number(),
    interval: z.number().int(),
    stabilize: z.number().int(),
    limit: z.number().default(1),
    weight_delete: z.boolean().default(false),
    RST_Iter_ft: z.union([z.literal(0), z.literal(1)]).default(0),
  }),
});

/** LTH, LTH-Iter, L1, L1-Iter and Scratch. */
export const magnitudeSchema = z.object({
  ...iterativeCase,
  config: configSchema({ ...iterative, pick: z.enum(["min", "max", "rand"]) }),
});

export const lambdaSchema = z.object({
  rows: z.array(
    z.object({
      schedule: z.enum(["x", "x^2", "x^3"]),
      granularity: z.number(),
      update_reg_interval: z.number(),
      reg_upper_limit: z.number(),
      stabilize_reg_interval: z.number(),
      n_updates: z.number(),
      finish_iteration: z.number(),
      last_iteration: z.number(),
      total_steps: z.number(),
      lambda_after_update: z.record(z.string(), z.number()),
    }),
  ),
});

export const pickSchema = z.object({
  n_pruned: z.array(z.tuple([z.number(), z.number(), z.number()])),
  cycles: z.array(
    z.object({
      p: z.number(),
      cycles: z.number().int(),
      cumulative_closed_form: z.array(z.number()),
      n_pruned_closed_form: z.record(z.string(), z.array(z.number())),
    }),
  ),
  iter_rand: z.array(
    z.object({
      n: z.number(),
      cycles: z.array(
        z.object({
          pr: z.number(),
          weight: floats,
          permutation: z.array(z.number()),
          pruned_sorted: z.array(z.number()),
          previous: z.number(),
          previous_still_pruned: z.number(),
        }),
      ),
    }),
  ),
  ties: z.array(
    z.object({
      weight: z.array(z.number()),
      pr: z.number(),
      pruned_min_stable_sorted: z.array(z.number()),
      pruned_max_sorted: z.array(z.number()),
    }),
  ),
});

export const layersSchema = z.object({ cases: z.record(z.string(), z.unknown()), init: z.unknown() });

/** One layer: its input and parameters, what came out and the way back. */
export const layerSchema = z.object({
  inputs: z.object({ x: floats }).catchall(floats),
  grad_output: floats,
  output: floats,
  grads: z.object({ x: floats }).catchall(floats),
});

export const addSchema = z.object({
  inputs: z.object({ a: floats, b: floats }),
  grad_output: floats,
  output: floats,
  grads: z.object({ a: floats, b: floats }),
});

export const batchNormSchema = layerSchema.extend({
  running_mean_after: floats,
  running_var_after: floats,
  output_eval: floats,
});

const sampleSchema = z.object({
  shape: z.array(z.number().int()),
  sample_mean: z.number(),
  sample_std: z.number(),
  sample_absmax: z.number(),
  n: z.number(),
});
export type Sample = z.infer<typeof sampleSchema>;

export const initSchema = z.object({
  batchnorm: z.string(),
  samples: z.object({
    kaiming_normal_conv: sampleSchema,
    kaiming_normal_linear: sampleSchema,
    default_conv_or_linear_weight: sampleSchema,
  }),
});

export const crossEntropySchema = z.object({
  inputs: z.object({ logits: floats }),
  targets: z.array(z.number().int().min(0)),
  loss: z.number(),
  log_softmax: floats,
  grads: z.object({ logits: floats }),
});

export const sgdSchema = z.object({
  lr: z.array(z.number()),
  momentum: z.number(),
  weight_decay: z.number(),
  weight: floats,
  grads: z.array(floats),
  weights_after: z.array(floats),
  momentum_after: z.array(floats).nullable(),
});
