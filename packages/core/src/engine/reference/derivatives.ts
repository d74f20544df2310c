/**
 * Derivatives in float64 for methods that score weights before training: gradients of the loss at a temperature, and of
 * the sum of the outputs, which overflows float32 in deep nets.
 */
import { type Architecture, learned, nodesOf } from "../../layers.ts";
import type { Derivatives, ExampleBatch, LossOptions } from "../../methods/method.ts";
import type { Weights } from "../../weights.ts";
import { crossEntropy } from "./loss.ts";
import { forward, type Tensors } from "./pass.ts";

/** The pass forward, and the gradient by its outputs of the mean of cross-entropy(outputs ÷ temperature) over the batch. */
export function lossPass(
  architecture: Architecture,
  weights: Weights,
  { images, labels }: ExampleBatch,
  { batchNorm = "batch", temperature = 1 }: LossOptions,
) {
  const batch = labels.length;
  const pass = forward(nodesOf(architecture), Float64Array.from(images), {
    batch,
    weights: widened(weights),
    mode: batchNorm === "batch" ? "train" : "evaluate",
  });
  const logits = pass.output.map((z) => z / temperature);
  const { gradient } = crossEntropy(logits, labels, architecture.classes, 0);
  return { pass, logits, temperature, batch, gradient: gradient.map((g) => g / batch / temperature) };
}

/** Of the mean of cross-entropy(outputs ÷ temperature) over the batch. */
export function lossGradients(
  architecture: Architecture,
  weights: Weights,
  batch: ExampleBatch,
  options: LossOptions,
): Derivatives {
  const { pass, gradient } = lossPass(architecture, weights, batch, options);
  const gradients = zeros(architecture);
  pass.backward(gradient, gradients);
  return gradients;
}

/** Of the sum of all outputs for one image of ones, batch norm as remembered, relu6 as relu. */
export function outputGradients(architecture: Architecture, weights: Weights): Derivatives {
  const [channels, height, width] = architecture.input;
  const layers = architecture.layers.map((layer) =>
    layer.kind === "relu6" ? ({ ...layer, kind: "relu" } as const) : layer,
  );
  const { output, backward } = forward(
    nodesOf({ ...architecture, layers }),
    new Float64Array(channels * height * width).fill(1),
    {
      batch: 1,
      weights: widened(weights),
      mode: "evaluate",
    },
  );
  const gradients = zeros(architecture);
  backward(new Float64Array(output.length).fill(1), gradients);
  return gradients;
}

export const zeros = (architecture: Architecture): Tensors =>
  Object.fromEntries(learned(architecture).map(({ name, size }) => [name, new Float64Array(size)]));

const widened = (weights: Weights): Tensors =>
  Object.fromEntries(Object.entries(weights).map(([name, values]) => [name, Float64Array.from(values)]));
