/**
 * What `npm start` queues once: every method on MNIST at 90 and 98 %, by the protocol of golden/mnist-reference.md, so
 * that the board can be held against that reference. About 180,000 iterations of LeNet-300-100.
 *
 * Order: 98 % first, where methods differ; within it from quick to long, so that rows come early; second and third
 * seeds after each comparison is there once.
 */
import type { SpecInput } from "../spec.ts";
import type { Suite } from "./suite.ts";

/** 1,001 raises of strength until it is above 1, then 999 iterations more: 2,000. */
const extrusion = { interval: 1, granularity: 0.001, limit: 1, settle: 999, learningRate: 0.001, batchSize: 60 };

const scratch = { id: "random" };
const rst = { id: "rst", ...extrusion };
/** The reference finds earlier cuts as the authors' code does. */
const rstIter = { id: "rst-iter", rounds: 3, earlier: "magnitude", ...extrusion };
const lthIter = { id: "lth-iter", rounds: 3 };

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
