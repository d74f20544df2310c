/**
 * What a method may measure of the loss: gradients and Hessian-vector products on training images that it draws. Always on
 * a CPU, whatever engine trains, so that scores and the masks made of them are the same bits everywhere.
 */
import type { Dataset, Examples } from "../datasets/dataset.ts";
import type { Network } from "../engine/engine.ts";
import { lossGradients, outputGradients } from "../engine/reference/derivatives.ts";
import { hessianVector } from "../engine/reference/hessian.ts";
import { exampleIndices, largestPart } from "../examples.ts";
import { type Architecture, learned } from "../layers.ts";
import type { DenseNetwork, Derivatives, ExamplePart } from "../methods/method.ts";
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

/** Called with the images measured since the last call (a Hessian-vector product counts twice); may wait, or throw to end it. */
type Between = (images: number) => Promise<void>;

export const measures = ({ architecture, network, dataset, train, indices }: Measured, between: Between) => ({
  examples: drawn(architecture, dataset, train, indices),
  ...derivatives(architecture, network, between),
});

const drawn =
  (architecture: Architecture, dataset: Dataset, train: Examples, indices: Uint32Array): DenseNetwork["examples"] =>
  (wish, rng) => {
    const largest = largestPart(architecture, wish);
    return exampleIndices(train.labels, indices, dataset.classes, wish, largest, rng).map(
      (part): ExamplePart => ({ count: part.length, make: () => normalised(dataset, train, part) }),
    );
  };

export function derivatives(
  architecture: Architecture,
  network: Network,
  between: Between,
): Pick<DenseNetwork, "gradients" | "hessianVector" | "flow"> {
  /** Sum over the parts, each measured by `of`. */
  const sumOver = async (
    parts: readonly ExamplePart[],
    weight: number,
    of: (part: ExamplePart) => Derivatives | Promise<Readonly<Record<string, Float32Array>>>,
  ): Promise<Derivatives> => {
    const sums = Object.fromEntries(learned(architecture).map(({ name, size }) => [name, new Float64Array(size)]));
    for (const part of parts) {
      const more = await of(part);
      for (const [name, sum] of Object.entries(sums)) add(sum, more[name]!);
      await between(weight * part.count);
    }
    return sums;
  };
  return {
    async gradients(weights, parts, options) {
      if (options) return sumOver(parts, 1, (part) => lossGradients(architecture, weights, part.make(), options));
      network.setMask(null);
      network.setPenalty(null);
      await network.write("weights", weights);
      return sumOver(parts, 1, (part) => {
        const { images, labels } = part.make();
        return network.gradients(images, labels);
      });
    },
    hessianVector: (weights, v, parts, options = {}) =>
      sumOver(parts, 2, (part) => hessianVector(architecture, weights, v, part.make(), options)),
    async flow(weights) {
      const gradients = outputGradients(architecture, weights);
      await between(1);
      return gradients;
    },
  };
}

function add(sum: Float64Array, more: Float32Array | Float64Array): void {
  for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + more[i]!;
}
