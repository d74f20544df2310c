/** The recipe: how every ticket is trained in the end, and what a phase of a method falls back to. */
import { z } from "zod";

export const scheduleSchema = z
  .array(z.strictObject({ epoch: z.number().int().min(0).max(100_000), value: z.number().positive().max(1_000) }))
  .min(1)
  .max(100)
  .refine((steps) => steps[0]?.epoch === 0, "the first step of a schedule must be at epoch 0")
  .refine((steps) => steps.every((s, i) => i === 0 || s.epoch > steps[i - 1]!.epoch), "epochs of a schedule must grow");

export const recipeSchema = z.strictObject({
  epochs: z.number().int().min(1).max(10_000).describe("passes over the training set"),
  batchSize: z.number().int().min(1).max(4_096).describe("images an iteration"),
  learningRate: scheduleSchema.describe("step size, from the start of each epoch named"),
  momentum: z.number().min(0).max(1).describe("share of the last update kept, SGD"),
  weightDecay: z.number().min(0).max(1).describe("L2 term on all parameters"),
  nesterov: z.boolean().describe("Nesterov momentum"),
  labelSmoothing: z.number().min(0).max(1).describe("share of the label spread over all classes"),
  augmentation: z
    .enum(["none", "crop-flip", "random-resized-crop"])
    .optional()
    .describe(
      "how training images vary, drawn anew for each image of each epoch; left out: as the data set's recipe has it",
    ),
});

export type Recipe = z.infer<typeof recipeSchema>;
