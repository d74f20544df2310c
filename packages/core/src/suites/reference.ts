/**
 * The protocol of golden/mnist-reference.md, which `quickstart` shares with the suites that are held against it:
 * LeNet-300-100, five epochs, and an extrusion of 2,000 iterations with the final training's batch of 60.
 */
import type { SpecInput } from "../spec.ts";
import type { Suite } from "./suite.ts";

/** 1,001 raises of strength until it is above 1, then 999 iterations more: 2,000. */
const extrusion = { interval: 1, granularity: 0.001, limit: 1, settle: 999, learningRate: 0.001, batchSize: 60 };

export const scratch = { id: "random" };
export const rst = { id: "rst", ...extrusion };
/** The reference finds earlier cuts as the authors' code does. */
export const rstIter = { id: "rst-iter", rounds: 3, earlier: "magnitude", ...extrusion };
export const lthIter = { id: "lth-iter", rounds: 3 };

const SPARSITIES = [0.98, 0.9];
const SEEDS = [0, 1, 2, 3, 4];
/** As many iterations as RST in all: two epochs more, after the same three at the high learning rate. */
const long: SpecInput["recipe"] = {
  epochs: 7,
  learningRate: [
    { epoch: 0, value: 0.1 },
    { epoch: 3, value: 0.01 },
  ],
};

/** All rows of the table, once for each seed: a first answer comes early, the same in every row. */
export const referenceSuite = (dataset: string, about: Pick<Suite, "id" | "name" | "summary">): Suite => ({
  ...about,
  specs: () =>
    SEEDS.flatMap((seed) => {
      const common = { dataset, model: "lenet-300-100", seed, protocol: "paper" } as const;
      const rows = SPARSITIES.flatMap((sparsity) =>
        [scratch, rst, rstIter, "lth", lthIter].map((method) => ({ ...common, method, sparsity })),
      );
      const longer = SPARSITIES.map((sparsity) => ({ ...common, method: scratch, sparsity, recipe: long }));
      return [{ ...common, method: "dense" }, ...rows, ...longer];
    }),
});
