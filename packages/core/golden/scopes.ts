/**
 * Where weights go and which are the smallest, of other repositories: layer densities (kind `erk`), and three rules of
 * counting (kind `misc`): global magnitude in rounds, a threshold, smart ratio. How many weights those codes come to is off by
 * one here and there; what each allowance is for is said where it is made.
 */
import { z } from "zod";
import type { Parameter } from "../src/layers.ts";
import { keptCount, type Mask, pick } from "../src/mask.ts";
import { densities, erdosRenyi, keptCounts, quotasOf, smartRatio } from "../src/scope.ts";
import type { Comparison } from "./compare.ts";
import { floats, type Tensor, tensorSchema } from "./format.ts";
import { replayingRng } from "./replay.ts";

const DENSITY_TOLERANCE = 1e-12;

const shapeSchema = z.array(z.number().int().min(1)).min(2);

const erkSchema = z.object({
  shapes: z.record(z.string(), z.array(z.tuple([z.string(), shapeSchema]))),
  rows: z
    .array(
      z.object({
        net: z.string(),
        density: z.number(),
        kernel: z.boolean(),
        layer_density: z.array(z.number()),
        total_density: z.number(),
      }),
    )
    .min(1),
});

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

export async function erk(file: unknown, compare: Comparison): Promise<void> {
  const { shapes, rows } = erkSchema.parse(file);
  for (const { net, density, kernel, layer_density, total_density } of rows) {
    const layout = erdosRenyi(
      shapes[net]!.map(([, shape]) => shape),
      kernel,
    );
    // theirs rounds each layer down: what it keeps where it is sparse, what it prunes where it is dense
    const keep = layout.sizes.map((size, i) =>
      layer_density[i] === 1 ? size - Math.floor(size * (1 - density)) : Math.floor(size * density),
    );
    const what = `${net} at ${density}, ${kernel ? "erk" : "er"}`;
    const got = densities(layout, sum(keep));
    compare.close(what, got, layer_density, DENSITY_TOLERANCE);
    const all = sum(got.map((share, i) => share * layout.sizes[i]!)) / sum(layout.sizes);
    compare.close(`${what}: in all`, [all], [total_density], DENSITY_TOLERANCE);
  }
}

const miscSchema = z.object({
  imp_global: z.object({
    fraction: z.number(),
    levels: z
      .array(
        z.object({
          weights: z.record(z.string(), floats),
          masks: z.record(z.string(), tensorSchema),
          remaining: z.number(),
        }),
      )
      .min(1),
  }),
  shrinkbench_threshold: z.object({
    rows: z.array(z.object({ fraction_to_keep: z.number(), weights: floats, mask: z.array(z.number()) })).min(1),
  }),
  smart_ratio: z.object({
    rows: z
      .array(
        z.object({
          prune_ratio: z.number(),
          linear_keep_ratio: z.number(),
          /** Name, shape, weights kept; the last is the classifier. */
          layers: z.array(z.tuple([z.string(), shapeSchema, z.number()])).min(2),
        }),
      )
      .min(1),
  }),
});
type Misc = z.infer<typeof miscSchema>;

export async function misc(file: unknown, compare: Comparison): Promise<void> {
  const { imp_global, shrinkbench_threshold, smart_ratio } = miscSchema.parse(file);
  globalRounds(imp_global, compare);
  threshold(shrinkbench_threshold, compare);
  smart(smart_ratio, compare);
}

const parameterOf = (name: string, { shape, values }: Tensor): Parameter => ({
  ...{ name, shape, size: values.length, fanIn: values.length / shape[0]! },
  ...{ kind: "weight", prunable: true },
});

/** Scope global by magnitude, what is pruned held by its index. Theirs prunes one more a round: > the n-th from 0. */
function globalRounds({ fraction, levels }: Misc["imp_global"], compare: Comparison): void {
  let earlier: Mask | undefined;
  for (const [i, { weights, masks, remaining }] of levels.entries()) {
    const prunable = Object.entries(weights).map(([name, tensor]) => parameterOf(name, tensor));
    const size = sum(prunable.map((parameter) => parameter.size));
    const left = earlier ? keptCount(earlier) : size;
    const prune = size - left + Math.ceil(fraction * left) + 1;
    const quotas = quotasOf("global", prunable, (prune - 0.5) / size); // half a weight less: product and quotient round
    const values = Object.fromEntries(prunable.map(({ name }) => [name, weights[name]!.values as Float32Array]));
    earlier = pick(quotas, values, "smallest", replayingRng({}), earlier && { mask: earlier, by: "index" });
    compare.equal(`global magnitude, level ${i + 1}: remaining`, keptCount(earlier), remaining);
    for (const [name, { values: expected }] of Object.entries(masks))
      compare.equal(`global magnitude, level ${i + 1}: mask ${name}`, [...earlier[name]!], [...expected]);
  }
}

/** As many as theirs, by magnitude. Theirs prunes what is below a quantile, which is as many as ours or one fewer. */
function threshold({ rows }: Misc["shrinkbench_threshold"], compare: Comparison): void {
  for (const { fraction_to_keep, weights, mask } of rows) {
    const what = `threshold at ${fraction_to_keep}`;
    const parameter = parameterOf("layer", weights);
    const pruned = mask.length - sum(mask);
    const ours = quotasOf("global", [parameter], 1 - fraction_to_keep)[0]!.prune;
    if (ours !== pruned) compare.equal(`${what}: pruned but for one`, ours - 1, pruned);
    const quotas = [{ layers: ["layer"], size: mask.length, prune: pruned }];
    const got = pick(quotas, { layer: weights.values as Float32Array }, "smallest", replayingRng({}));
    compare.equal(what, [...got.layer!], mask);
  }
}

/**
 * Theirs prunes the classifier by a share of its own, which is not ours to compare: what it keeps is left out of the total.
 * Each layer of theirs is rounded down, so that it may lack one weight, and all together lack as many.
 */
function smart({ rows }: Misc["smart_ratio"], compare: Comparison): void {
  for (const { prune_ratio, linear_keep_ratio, layers } of rows) {
    const what = `smart ratio at ${prune_ratio}, ${layers.length} layers`;
    const sizes = layers.map(([, shape]) => sizeOf(shape));
    const classifier = Math.floor(linear_keep_ratio * sizes.at(-1)!);
    compare.equal(`${what}: classifier`, layers.at(-1)![2], classifier);
    const body = layers.slice(0, -1);
    const keep = Math.floor(sum(sizes) * (1 - prune_ratio)) - classifier;
    const got = keptCounts(smartRatio(body.map(([, shape]) => shape)), keep);
    compare.equal(`${what}: in all`, sum(got), keep);
    for (const [i, [name, , expected]] of body.entries())
      if (got[i] !== expected) compare.equal(`${what}: ${name} but for one`, got[i]! - 1, expected);
  }
}
