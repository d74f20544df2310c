/**
 * A residual net on images that are on every machine: ResNet-20 on MNIST padded to 32 × 32, three short epochs. Extrusion
 * takes 1,000 iterations: 501 raises of strength until it is above 1, then 499 more, with the recipe's batch.
 */
import type { SpecInput } from "../spec.ts";
import type { Suite } from "./suite.ts";

const recipe: SpecInput["recipe"] = {
  epochs: 3,
  batchSize: 128,
  learningRate: [
    { epoch: 0, value: 0.1 },
    { epoch: 2, value: 0.01 },
  ],
};

const methods: readonly SpecInput["method"][] = [
  { id: "rst", interval: 1, granularity: 0.002, limit: 1, settle: 499, learningRate: 0.001, batchSize: 128 },
  "lth",
  "random",
];

export const resnet20Mnist32: Suite = {
  id: "resnet20-mnist32",
  name: "ResNet-20 on MNIST",
  summary: "ResNet-20 on MNIST padded to 32 × 32: RST, LTH and Scratch at 90 %; three epochs, seeds 0 to 2.",
  specs: () =>
    [0, 1, 2].flatMap((seed) =>
      methods.map((method) => ({
        dataset: "mnist-32",
        model: "resnet-20",
        method,
        sparsity: 0.9,
        recipe,
        seed,
        protocol: "paper" as const,
      })),
    ),
};
