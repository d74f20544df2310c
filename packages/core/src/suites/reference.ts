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

/** As many iterations as RST in all: two epochs more, after the same three at the high learning rate. */
const long: SpecInput["recipe"] = {
  epochs: 7,
  learningRate: [
    { epoch: 0, value: 0.1 },
    { epoch: 3, value: 0.01 },
  ],
};

/** Those of a row at 98 and at 90 %. */
const sparse: readonly (Pick<SpecInput, "method" | "recipe"> & { readonly name: string })[] = [
  { name: "Scratch", method: scratch },
  { name: "RST", method: rst },
  { name: "RST-Iter", method: rstIter },
  { name: "LTH", method: "lth" },
  { name: "LTH-Iter", method: lthIter },
  { name: "Scratch, longer", method: scratch, recipe: long },
  { name: "RST without penalty", method: { ...rst, control: "no-penalty" } },
];

/** The rows of the table, each with the spec of seed 0. */
export function referenceRows(dataset: string): readonly { readonly name: string; readonly spec: SpecInput }[] {
  const common = { dataset, model: "lenet-300-100", protocol: "paper" } as const;
  const at = (sparsity: number) =>
    sparse.map(({ name, ...rest }) => ({
      name: `${name} at ${100 * sparsity} %`,
      spec: { ...common, ...rest, sparsity },
    }));
  return [{ name: "Dense", spec: { ...common, method: "dense" } }, ...at(0.98), ...at(0.9)];
}

/** All rows, once for each of five seeds: a first answer comes early, in every row. */
export const referenceSuite = (
  dataset: string,
  about: Pick<Suite, "id" | "name" | "summary" | "reference">,
): Suite => ({
  ...about,
  specs: () => [0, 1, 2, 3, 4].flatMap((seed) => referenceRows(dataset).map(({ spec }) => ({ ...spec, seed }))),
});
