/**
 * What `npm start` queues once: every method on MNIST at 90 and 98 %, by the protocol of golden/mnist-reference.md, so
 * that the board can be held against that reference. About 180,000 iterations of LeNet-300-100.
 *
 * Order: 98 % first, where methods differ; within it from quick to long, so that rows come early; second and third
 * seeds after each comparison is there once.
 */
import type { SpecInput } from "../spec.ts";
import { lthIter, rst, rstIter, scratch } from "./reference.ts";
import type { Suite } from "./suite.ts";

const spec = (method: SpecInput["method"], sparsity: number, seed = 0): SpecInput => ({
  dataset: "mnist",
  model: "lenet-300-100",
  method,
  sparsity,
  seed,
  protocol: "paper",
});

export const quickstart: Suite = {
  id: "quickstart",
  name: "Quickstart",
  summary: "Every method on MNIST with LeNet-300-100 at 90 % and 98 % sparsity; three seeds of Scratch and RST.",
  specs: () => [
    spec(scratch, 0.98),
    spec(rst, 0.98),
    spec("dense", 0),
    spec("lth", 0.98),
    spec("l1", 0.98),
    spec(scratch, 0.9),
    spec(rst, 0.9),
    spec(rstIter, 0.98),
    spec(lthIter, 0.98),
    spec("l1", 0.9),
    spec("lth", 0.9),
    spec(rstIter, 0.9),
    ...[1, 2].flatMap((seed) => [spec(scratch, 0.98, seed), spec(rst, 0.98, seed)]),
    ...[1, 2].flatMap((seed) => [spec(scratch, 0.9, seed), spec(rst, 0.9, seed)]),
    spec(lthIter, 0.9),
  ],
};
