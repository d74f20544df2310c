/**
 * What a method may measure of the loss: gradients and Hessian-vector products on training images that it draws. Always on
 * a CPU, whatever engine trains, so that scores and the masks made of them are the same bits everywhere.
 */
import type { Dataset, Examples } from "../datasets/dataset.ts";
import type { Network } from "../engine/engine.ts";
import { lossGradients, outputGradients } from "../engine/reference/derivatives.ts";
import { hessianVector } from "../engine/reference/hessian.ts";
import { exampleIndices } from "../examples.ts";
import type { Architecture } from "../layers.ts";
import type { DenseNetwork, ExampleBatch } from "../methods/method.ts";
import { normalised } from "./batches.ts";

export interface Measured {
  readonly architecture: Architecture;
  /** On the engine that computes claims, compiled for EVALUATION_BATCH. */
  readonly network: Network;
  readonly dataset: Dataset;
  readonly train: Examples;
  /** Training images that are trained on. */
  readonly indices: Uint32Array;
}

export const measures = ({ architecture, network, dataset, train, indices }: Measured) => ({
  examples: drawn(dataset, train, indices),
  ...derivatives(architecture, network),
});

const drawn =
  (dataset: Dataset, train: Examples, indices: Uint32Array): DenseNetwork["examples"] =>
  (perClass, batches, rng) =>
    exampleIndices(train.labels, indices, dataset.classes, perClass, batches, rng).map((part): ExampleBatch => {
      const { images, labels } = normalised(dataset, train, part);
      return { images, labels };
    });

export const derivatives = (
  architecture: Architecture,
  network: Network,
): Pick<DenseNetwork, "gradients" | "hessianVector" | "flow"> => ({
  async gradients(weights, batch, options) {
    if (options) return lossGradients(architecture, weights, batch, options);
    network.setMask(null);
    network.setPenalty(null);
    await network.write("weights", weights);
    const gradients = await network.gradients(batch.images, batch.labels);
    return Object.fromEntries(
      Object.entries(gradients).map(([name, values]): [string, Float64Array] => [name, Float64Array.from(values)]),
    );
  },
  hessianVector: async (weights, v, batch, options = {}) => hessianVector(architecture, weights, v, batch, options),
  flow: async (weights) => outputGradients(architecture, weights),
});
