/**
 * The grids of the paper that this board is built around: Bai et al., https://arxiv.org/abs/2203.04248. All its rows at its
 * sparsities, three seeds each, by the recipe of the data set; protocol "paper", as published numbers have it.
 *
 * Extrusion has the settings of the authors' README (RST: 89,996 iterations, RST-Iter: 5 × 20,000, both at batch 64), with
 * masks drawn at random, as the paper says and the README's command for one-shot RST does not. Published nowhere, and so
 * chosen here: trainings inside L1, LTH, Early-Bird and their Iters are by the recipe; rounds are 5, as RST-Iter's. Not
 * the paper's either: scratch with as many iterations as RST, and with as many as RST-Iter; Early-Bird's thresholds.
 */
import type { ClassFolder } from "../datasets/dataset.ts";
import type { SpecInput } from "../spec.ts";
import type { Suite } from "./suite.ts";

const SPARSITIES = [0.5, 0.7, 0.9, 0.95, 0.98];
const SEEDS = [0, 1, 2];

const rst = { id: "rst" };
/** As theirs, a round takes the smallest weights to be those that left before. */
const rstIter = { id: "rst-iter", rounds: 5, earlier: "magnitude" };
const lthIter = { id: "lth-iter", rounds: 5 };

const sparse: readonly SpecInput["method"][] = [
  rst,
  rstIter,
  "random",
  "scratch-equal-iterations",
  // RST-Iter's iterations: 49,996 with the last raise, and 50,004
  { id: "scratch-equal-iterations", settle: 50_004 },
  "lth",
  lthIter,
  "l1",
  { id: "l1-iter", rounds: 5 },
  "early-bird",
];

type Task = Pick<SpecInput, "dataset" | "classes" | "model">;

/** Each row at each sparsity once, then again with the next seed. */
const grid = (task: Task): SpecInput[] =>
  SEEDS.flatMap((seed) => {
    const common = { ...task, seed, protocol: "paper" } as const;
    const rows = sparse.flatMap((method) => SPARSITIES.map((sparsity) => ({ ...common, method, sparsity })));
    return [{ ...common, method: "dense" }, ...rows];
  });

export const dlthCifar10: Suite = {
  id: "dlth-cifar10",
  name: "DLTH, CIFAR-10",
  summary: "ResNet-56 on CIFAR-10: every method of the DLTH paper at 50, 70, 90, 95 and 98 %; seeds 0 to 2.",
  specs: () => grid({ dataset: "cifar-10", model: "resnet-56" }),
};

export const dlthCifar100: Suite = {
  id: "dlth-cifar100",
  name: "DLTH, CIFAR-100",
  summary: "ResNet-56 on CIFAR-100: every method of the DLTH paper at 50, 70, 90, 95 and 98 %; seeds 0 to 2.",
  specs: () => grid({ dataset: "cifar-100", model: "resnet-56" }),
};

/** The authors took 200 classes of ImageNet and did not publish which. */
export const dlthImagenetSubset: Suite = {
  id: "dlth-imagenet-subset",
  name: "DLTH, ImageNet subset",
  summary:
    "ResNet-18 on classes of ImageNet that you name: every method of the DLTH paper at its sparsities; seeds 0 to 2.",
  takesClasses: true,
  specs: (classes?: readonly ClassFolder[]) => grid({ dataset: "imagenet", classes, model: "resnet-18-imagenet" }),
};

/**
 * One setting of RST at a time, from the published ones, which stand first: 90 and 98 %, three seeds. Then what is left of
 * RST and LTH-Iter without a part of their tickets.
 */
const changes: readonly Readonly<Record<string, unknown>>[] = [
  rst,
  { ...rst, schedule: "x2" },
  { ...rst, schedule: "x3" },
  // limits in as many raises
  { ...rst, limit: 0.01, granularity: 1e-6 },
  { ...rst, limit: 0.1, granularity: 1e-5 },
  { ...rst, limit: 10, granularity: 1e-3 },
  // a tenth, a half and twice the iterations, of growth and of what follows
  { ...rst, interval: 1, granularity: 2e-4, settle: 4_000 },
  { ...rst, granularity: 2e-4, settle: 20_000 },
  { ...rst, interval: 10, settle: 80_000 },
  ...[2, 3, 5, 10].map((rounds) => ({ ...rstIter, rounds })),
  ...["shuffled-mask", "redrawn-weights", "no-penalty"].map((control) => ({ ...rst, control })),
  lthIter,
  ...["shuffled-mask", "redrawn-weights"].map((control) => ({ ...lthIter, control })),
];

export const dlthAblations: Suite = {
  id: "dlth-ablations",
  name: "DLTH ablations",
  summary:
    "ResNet-56 on CIFAR-10 at 90 and 98 %: RST's schedules, limits, iterations and rounds, controls of RST and LTH-Iter; seeds 0 to 2.",
  specs: () =>
    SEEDS.flatMap((seed) =>
      [0.9, 0.98].flatMap((sparsity) =>
        changes.map((method) => ({
          dataset: "cifar-10",
          model: "resnet-56",
          method: method as { readonly id: string },
          sparsity,
          seed,
          protocol: "paper" as const,
        })),
      ),
    ),
};
