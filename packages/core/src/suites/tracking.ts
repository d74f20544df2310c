/**
 * What is run at every commit that is followed: small nets, dense and sparse phases, three seeds, a few minutes in all on two
 * cores. LeNet-300-100 finds its ticket by RST: 501 raises of strength until it is above 1, then 499 iterations more.
 */
import type { SpecInput } from "../spec.ts";
import type { Suite } from "./suite.ts";

const recipe = { epochs: 1 };
const rst = { id: "rst", interval: 1, granularity: 0.002, limit: 1, settle: 499, learningRate: 0.001, batchSize: 60 };

const lenet = { dataset: "mnist", model: "lenet-300-100", recipe } as const;
const resnet = { dataset: "mnist-32", model: "resnet-8", recipe: { ...recipe, batchSize: 128 } } as const;

const rows: readonly SpecInput[] = [
  { ...lenet, method: "dense" },
  { ...lenet, method: rst, sparsity: 0.98 },
  { ...resnet, method: "dense" },
  { ...resnet, method: "random", sparsity: 0.9 },
];

export const tracking: Suite = {
  id: "tracking",
  name: "Tracking",
  summary:
    "For regressions across commits: LeNet-300-100 and ResNet-8 on MNIST, dense and sparse, one epoch, three seeds.",
  specs: () => [0, 1, 2].flatMap((seed) => rows.map((row) => ({ ...row, seed, protocol: "paper" as const }))),
};
