/** Settings that several methods share, so that they mean and allow the same everywhere. */
import { z } from "zod";
import { scheduleSchema } from "../training/recipe.ts";

export const pickSchema = z.enum(["random", "smallest", "largest"]);

export const roundsSchema = z.number().int().min(1).max(100);

export const learningRateSchema = z.union([z.number().positive().max(1_000), scheduleSchema]);

/** Training that a method does before its ticket; what is left out is the recipe's. */
export const trainingSettings = (when: string) => ({
  epochs: z.number().int().min(1).max(10_000).optional().describe(`epochs ${when}; left out: the recipe's`),
  learningRate: learningRateSchema.optional().describe(`step size ${when}, or steps by epoch; left out: the recipe's`),
  batchSize: z
    .number()
    .int()
    .min(1)
    .max(4_096)
    .optional()
    .describe(`images an iteration ${when}; left out: the recipe's`),
});

export const denseEpochsSchema = z.number().int().min(0).max(10_000).optional();

export const LOTTERY_TICKET_PAPER = {
  title: "The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural Networks (Frankle, Carbin, ICLR 2019)",
  url: "https://arxiv.org/abs/1803.03635",
} as const;

export const DUAL_LOTTERY_TICKET_PAPER = {
  title: "Dual Lottery Ticket Hypothesis (Bai, Wang, Tao, Li, Fu, ICLR 2022)",
  url: "https://arxiv.org/abs/2203.04248",
} as const;

export const MAGNITUDE_PAPER = {
  title: "Learning both Weights and Connections for Efficient Neural Networks (Han, Pool, Tran, Dally, NeurIPS 2015)",
  url: "https://arxiv.org/abs/1506.02626",
} as const;

/** What a method that scores weights by derivatives of the loss measures them on. */
export const scoringSettings = (batches: number) => ({
  examplesPerClass: z
    .number()
    .int()
    .min(1)
    .max(1_000)
    .default(10)
    .describe("training images of each class that weights are scored on"),
  batches: z
    .number()
    .int()
    .min(1)
    .max(100)
    .default(batches)
    .describe("parts that these images come in; each has its own mean loss, and the gradients are added"),
  batchNorm: z
    .enum(["batch", "remembered"])
    .default("batch")
    .describe("what batch norm normalises by while scoring: each part's mean and variance, or those it remembers"),
});
