/** Cases without a network: how strength grows (`lambda`), how many weights are pruned and which (`pick`). */
import { type Mask, pick, pruneCount, uniformQuotas } from "../src/mask.ts";
import { extrusionStrength } from "../src/methods/rst-strength.ts";
import { type Comparison, TOLERANCE } from "./compare.ts";
import { SCHEDULES } from "./experiments.ts";
import { lambdaSchema, pickSchema } from "./format.ts";
import { prunedIndices, replayingRng } from "./replay.ts";

export async function lambda(file: unknown, compare: Comparison): Promise<void> {
  for (const row of lambdaSchema.parse(file).rows) {
    const extrusion = {
      schedule: SCHEDULES[row.schedule],
      granularity: row.granularity,
      interval: row.update_reg_interval,
      limit: row.reg_upper_limit,
      settle: row.stabilize_reg_interval,
    };
    const { raises, finish, iterations, strength } = extrusionStrength(extrusion);
    const what = `${row.schedule} by ${row.granularity} every ${row.update_reg_interval}`;
    compare.equal(`${what}: updates`, raises.length, row.n_updates);
    compare.equal(`${what}: finish`, finish, row.finish_iteration);
    compare.equal(`${what}: last iteration`, iterations - 1, row.last_iteration);
    compare.equal(`${what}: steps`, iterations, row.total_steps);
    for (const [update, value] of Object.entries(row.lambda_after_update)) {
      const iteration = (Number(update) - 1) * extrusion.interval;
      const held = [strength(iteration), strength(iteration + extrusion.interval - 1)];
      compare.close(`${what}: lambda after ${update}`, held, [value, value], TOLERANCE.exact);
    }
    compare.equal(`${what}: lambda at the end`, strength(iterations - 1), raises.at(-1));
  }
}

const LAYER = "layer";

export async function picking(file: unknown, compare: Comparison): Promise<void> {
  const { n_pruned, cycles, iter_rand, ties } = pickSchema.parse(file);
  for (const [ratio, size, count] of n_pruned) compare.equal(`${ratio} of ${size}`, pruneCount(ratio, size), count);

  for (const { p, cycles: rounds, n_pruned_closed_form } of cycles) {
    for (const [size, counts] of Object.entries(n_pruned_closed_form)) {
      const got = counts.map((_, c) => uniformQuotas({ [LAYER]: Number(size) }, p, c + 1, rounds)[0]!.prune);
      compare.equal(`${p} in ${rounds} rounds of ${size}`, got, counts);
    }
  }

  for (const { n, cycles: rounds } of iter_rand) {
    let earlier: Mask | undefined;
    for (const [c, round] of rounds.entries()) {
      const what = `iter_rand of ${n}, cycle ${c + 1}`;
      const weights = { [LAYER]: round.weight.values as Float32Array };
      const quotas = [{ layers: [LAYER], size: n, prune: pruneCount(round.pr, n) }];
      const rng = replayingRng({ [LAYER]: [round.permutation] });
      const mask = pick(quotas, weights, "random", rng, earlier && { mask: earlier, by: "magnitude" });
      const pruned = prunedIndices(mask[LAYER]!);
      compare.equal(what, pruned, round.pruned_sorted);
      const before = earlier ? prunedIndices(earlier[LAYER]!) : [];
      compare.equal(`${what}: previous`, before.length, round.previous);
      const still = before.filter((index) => pruned.includes(index)).length;
      compare.equal(`${what}: previous still pruned`, still, round.previous_still_pruned);
      earlier = mask;
    }
  }

  for (const [i, tie] of ties.entries()) {
    const weights = { [LAYER]: Float32Array.from(tie.weight) };
    const size = tie.weight.length;
    const quotas = [{ layers: [LAYER], size, prune: pruneCount(tie.pr, size) }];
    const smallest = pick(quotas, weights, "smallest", replayingRng({}));
    compare.equal(`ties ${i}: min`, prunedIndices(smallest[LAYER]!), tie.pruned_min_stable_sorted);
    // of equals the method takes the lowest index and the reference the highest: compared by magnitude
    const largest = pick(quotas, weights, "largest", replayingRng({}));
    const magnitudes = (indices: readonly number[]) => indices.map((index) => Math.abs(tie.weight[index]!)).sort();
    compare.equal(`ties ${i}: max`, magnitudes(prunedIndices(largest[LAYER]!)), magnitudes(tie.pruned_max_sorted));
  }
}
