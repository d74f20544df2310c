/**
 * A scope says where how many weights go, for one sparsity over all prunable weights. Methods then say which.
 *
 *   uniform      the same share of each layer, min(ceil(s·n), n − 1): the DLTH rule, and the default for comparison
 *   global       ceil(s·n) of all layers together, but never all: the method's scores decide where
 *   erk          Erdős–Rényi-Kernel: a layer's density is in proportion to Σ shape ÷ Π shape. Mocanu et al. 2018,
 *                https://arxiv.org/abs/1707.04780; with kernels Evci et al. 2020, https://arxiv.org/abs/1911.11134
 *   smart-ratio  density falls with depth, as d² + d for the layer that is the d-th from the end.
 *                Su et al. 2020, https://arxiv.org/abs/2009.11094
 *
 * The last two have one scale that all layers share. It is raised until ceil(s·n) weights are pruned, no more and no fewer;
 * layers that are full stay dense, so every sparsity has its densities. What a full layer cannot keep raises the scale for all
 * others (erk), or goes to the layers after it (smart-ratio). Each layer keeps at least one weight.
 * Departures from the authors' code of smart-ratio (`pruner/SmartRatio.py`): their linear layers keep 0.3; here those that are
 * prunable are ranked by depth as all others, and the classifier has depth 1 and is dense, as no model here prunes it. For VGG
 * they also divide by the square of the layer's number; here the rule is that of their ResNets for all nets.
 *
 * Counts are rounded to the nearest at the common scale (Sainte-Laguë), not by largest remainders: those may take a weight
 * from a layer while the total grows (the Alabama paradox), and then masks of later rounds would not lie in those of earlier ones.
 */
import type { Parameter } from "./layers.ts";
import { type Quota, roundShare, uniformQuotas } from "./mask.ts";
import { Problem } from "./problem.ts";

export const SCOPES = ["uniform", "global", "erk", "smart-ratio"] as const;
export type Scope = (typeof SCOPES)[number];

/**
 * @param prunable the prunable parameters, in the model's order
 * @param sparsity 0 ≤ s < 1; round c of N asks for 1 − (1 − s)^(c/N)
 * @param round from 1
 */
export function quotasOf(
  scope: Scope,
  prunable: readonly Parameter[],
  sparsity: number,
  round = 1,
  rounds = 1,
): readonly Quota[] {
  if (scope === "uniform")
    return uniformQuotas(Object.fromEntries(prunable.map(({ name, size }) => [name, size])), sparsity, round, rounds);
  const size = sum(prunable.map((parameter) => parameter.size));
  const prune = Math.ceil(roundShare(sparsity, round, rounds) * size);
  if (scope === "global") {
    if (prune > 0 && prune === size)
      throw new Problem("bad-spec", `sparsity: expected to keep at least one weight; got 0 of ${size} kept`);
    return [{ layers: prunable.map(({ name }) => name), size, prune }];
  }
  const shapes = prunable.map(({ shape }) => shape);
  const layout = scope === "erk" ? erdosRenyi(shapes, true) : smartRatio(shapes);
  const kept = keptCounts(layout, size - prune);
  return prunable.map(({ name, size }, i) => ({ layers: [name], size, prune: size - kept[i]! }));
}

export interface Layout {
  /** Weights of each layer. */
  readonly sizes: readonly number[];
  /** Weights that each layer should keep at a scale > 0: fractions, none falls when the scale rises, all full in the end. */
  readonly kept: (scale: number) => readonly number[];
}

/** @param kernel false: of channels alone, density in proportion to (out + in) ÷ (out · in) */
export function erdosRenyi(shapes: readonly (readonly number[])[], kernel: boolean): Layout {
  const sizes = shapes.map(product);
  const shares = shapes.map((shape) => (kernel ? sum(shape) : (shape[0]! + shape[1]!) * product(shape.slice(2))));
  return { sizes, kept: (scale) => sizes.map((size, i) => Math.min(size, scale * shares[i]!)) };
}

/** Of all layers but the classifier, which has depth 1. */
export function smartRatio(shapes: readonly (readonly number[])[]): Layout {
  const sizes = shapes.map(product);
  return {
    sizes,
    kept(scale) {
      let spilt = 0;
      return sizes.map((size, i) => {
        const depth = sizes.length + 1 - i;
        const wanted = scale * size * (depth * depth + depth) + spilt;
        spilt = Math.max(0, wanted - size);
        return Math.min(size, wanted);
      });
    },
  };
}

/** Density of each layer where all together keep `keep` weights, a number above 0; before rounding to whole weights. */
export function densities(layout: Layout, keep: number): number[] {
  const [scale] = scaleOf((scale) => sum(layout.kept(scale)), keep);
  return layout.kept(scale).map((kept, i) => kept / layout.sizes[i]!);
}

/**
 * Weights that each layer keeps, `keep` in all and at least one in each: none falls where `keep` rises, since weights come in one
 * fixed order, by the scale at which they round up, then by layer. Throws Problem "bad-spec" if that is less than one a layer.
 */
export function keptCounts(layout: Layout, keep: number): number[] {
  const { sizes } = layout;
  if (keep < sizes.length)
    throw new Problem(
      "bad-spec",
      `sparsity: expected to keep at least one weight in each of the ${sizes.length} layers of this scope; got ${keep} of ${sum(sizes)} kept`,
    );
  if (keep === sum(sizes)) return [...sizes];
  const rounded = (scale: number) => layout.kept(scale).map((kept) => Math.max(1, Math.round(kept)));
  const [low, high] = scaleOf((scale) => sum(rounded(scale)), keep);
  let missing = keep - sum(rounded(low));
  const next = rounded(high);
  return rounded(low).map((kept, i) => {
    const more = Math.min(missing, next[i]! - kept);
    missing -= more;
    return kept + more;
  });
}

/** The scale up to which a total that rises with it is at most `wanted`, and the next float64, where it is more. */
function scaleOf(total: (scale: number) => number, wanted: number): readonly [number, number] {
  let [low, high] = [0, 1];
  while (total(high) <= wanted) high *= 2;
  for (;;) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) return [low, high];
    if (total(middle) <= wanted) low = middle;
    else high = middle;
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const product = (values: readonly number[]): number => values.reduce((total, value) => total * value, 1);
