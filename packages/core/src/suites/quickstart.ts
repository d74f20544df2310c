/**
 * What `npm start` queues once: the DLTH paper's methods on MNIST at 90 and 98 %, by the protocol of golden/mnist-reference.md,
 * so that the board can be held against that reference, and one run of most others. About 220,000 iterations of LeNet-300-100.
 *
 * Order: 98 % first, where methods differ; within it from quick to long, so that rows come early; second and third
 * seeds after each comparison is there once; then the methods that the reference does not have.
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

/** Five epochs are too few to wait for five masks. */
const earlyBird = { id: "early-bird", window: 2 };
/** As often as RigL: once an epoch would be four times in all. */
const set = { id: "set", every: 100 };

export const quickstart: Suite = {
  id: "quickstart",
  name: "Quickstart",
  summary:
    "LeNet-300-100 on MNIST: the DLTH paper's methods at 90 % and 98 % sparsity, three seeds of Scratch and RST; others at 98 %.",
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
    ...["snip", "grasp", "synflow", earlyBird, set, "rigl", "gmp"].map((method) => spec(method, 0.98)),
  ],
};
