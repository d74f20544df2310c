/**
 * Cases of kind `dst`: three iterations under a mask, then one change of the mask by `set` or `rigl`. In the file the change
 * takes the place of the fourth update, in the product the update follows: compared is what there is between the two.
 *
 * SET in the file grows each pruned weight with a probability, by a recorded draw; ours grows as many as were dropped, in a
 * drawn order. That order here is of the file's draws, the smallest first, so that one set of grown weights begins as the other.
 */
import { z } from "zod";
import type { Engine } from "../src/engine/engine.ts";
import { applyMask, countKept, type Mask, type Quota } from "../src/mask.ts";
import { rigl, set } from "../src/methods/dynamic.ts";
import type { Remask, Remasked } from "../src/methods/method.ts";
import { Trace } from "../src/trace.ts";
import { denseNetwork } from "../src/training/dense-network.ts";
import { Stopped } from "../src/training/train.ts";
import type { Weights } from "../src/weights.ts";
import { type Comparison, TOLERANCE } from "./compare.ts";
import { bareNetSchema, batchesSchema, floats, stateSchema, type Tensor, tensorSchema } from "./format.ts";
import { architectureOf } from "./nets.ts";
import { batch, notRecorded, prunedIndices, replayingRng } from "./replay.ts";

/** Keyed by parameter, here. */
const masksSchema = z
  .record(z.string(), tensorSchema)
  .transform((masks) =>
    Object.fromEntries(Object.entries(masks).map(([name, { values }]) => [name, Uint8Array.from(values)])),
  );

const runSchema = z.object({
  config: bareNetSchema,
  growth: z.enum(["random", "absolute-gradient"]),
  prune_rate: z.number(),
  lr: z.number(),
  momentum: z.number(),
  weight_decay: z.number(),
  init: stateSchema,
  masks_before: masksSchema,
  batches: batchesSchema,
  loss: z.array(z.number()),
  before_update: z.object({ weights: stateSchema, grads: stateSchema, momentum: stateSchema }),
  after_update: z.object({ weights: stateSchema, momentum: stateSchema, masks: masksSchema }),
  /** By layer, of the weights that are pruned once the smallest are dropped. */
  uniform_draws: z.array(floats),
});
type Run = z.infer<typeof runSchema>;

const dstSchema = z.object({ runs: z.array(runSchema).min(1) });

/** Iterations before the change, and iterations in which rate falls to 0: in the files' notes. */
const EVERY = 3;
const UNTIL = 100;

export async function dynamic(file: unknown, engine: Engine, compare: Comparison): Promise<void> {
  for (const [i, run] of dstSchema.parse(file).runs.entries()) {
    const orders = run.uniform_draws.map(({ values }) => ascending(values));
    const { losses, before, after } = await replayChange(run, orders, engine);
    const what = `run ${i + 1}:`;
    compare.close(`${what} loss`, losses, run.loss.slice(0, EVERY));
    compare.weights(`${what} weights before`, before.weights, run.before_update.weights);
    compare.weights(`${what} gradients`, before.gradients, run.before_update.grads);
    compare.weights(`${what} momentum before`, before.momentum, run.before_update.momentum, TOLERANCE.momentum);
    const masks = run.growth === "random" ? grownAsOften(run, orders, after) : run.after_update.masks;
    for (const [name, kept] of Object.entries(masks))
      compare.close(`${what} mask of ${name}`, after.mask[name]!, kept, TOLERANCE.exact);
    compare.weights(`${what} weights after`, after.weights, run.after_update.weights);
    // what only one of the two grew has no momentum in the other
    const momentum = applyMask(applyMask(run.after_update.momentum, after.mask), run.after_update.masks);
    compare.weights(
      `${what} momentum after`,
      applyMask(after.momentum, run.after_update.masks),
      momentum,
      TOLERANCE.momentum,
    );
  }
}

/** Indices of the values, the smallest first. */
const ascending = (values: Tensor["values"]): number[] =>
  Array.from(values.keys()).sort((a, b) => values[a]! - values[b]! || a - b);

/** The file's masks; past the shorter of the two sets of grown weights, in the order of the draws, ours. */
function grownAsOften(
  { after_update }: Run,
  orders: readonly number[][],
  { mask, survivors }: Required<Remasked>,
): Mask {
  return Object.fromEntries(
    Object.entries(after_update.masks).map(([name, theirs], layer) => {
      const ours = mask[name]!;
      const off = prunedIndices(survivors[name]!);
      if (off.length !== orders[layer]!.length)
        throw new Error(`${name}: ${orders[layer]!.length} weights were left out before any grew; ${off.length} here`);
      const order = orders[layer]!.map((place) => off[place]!);
      const grown = (of: Uint8Array) => order.filter((index) => of[index] === 1).length;
      const expected = theirs.slice();
      for (const index of order.slice(Math.min(grown(ours), grown(theirs)))) expected[index] = ours[index]!;
      return [name, expected];
    }),
  );
}

interface Change {
  /** Of the iterations before it. */
  readonly losses: readonly number[];
  readonly before: { readonly weights: Weights; readonly momentum: Weights; readonly gradients: Weights };
  /** Before the update of its iteration. */
  readonly after: Required<Remasked> & { readonly weights: Weights; readonly momentum: Weights };
}

/** The product's final training of the product's ticket, watched from outside, up to its first change. */
async function replayChange(run: Run, orders: readonly number[][], engine: Engine): Promise<Change> {
  const { config, init, masks_before: masks, lr, momentum, weight_decay: weightDecay } = run;
  const architecture = architectureOf(config);
  const network = await engine.compile(architecture, config.batch);
  const { step, losses } = network;
  let before: Change["before"] | undefined;
  let remasked: Remasked | undefined;
  let after: Change["after"] | undefined;
  const drained: number[] = [];
  network.losses = async () => {
    const some = await losses.call(network);
    drained.push(...some);
    return some;
  };
  network.step = async (...update) => {
    if (remasked) {
      const [weights, velocities] = [await network.read("weights"), await network.read("momentum")];
      after = { survivors: remasked.mask, ...remasked, weights, momentum: velocities };
      throw new Stopped("what the file has");
    }
    await step.apply(network, update);
  };

  const draws = Object.entries(masks).map(([name, kept], layer) => {
    const indices = Array.from(kept.keys());
    const first = [...prunedIndices(kept), ...indices.filter((index) => kept[index] === 1)];
    return [name, orders[layer] ? [first, orders[layer]] : [first]] as const;
  });
  const { dense, finish } = denseNetwork({
    architecture,
    network,
    recipe: {
      epochs: UNTIL / config.n_batches,
      batchSize: config.batch,
      learningRate: [{ epoch: 0, value: lr }],
      ...{ momentum, weightDecay, nesterov: false, labelSmoothing: 0 },
    },
    initial: init,
    rng: replayingRng(Object.fromEntries(draws)),
    quotas: () =>
      Object.entries(masks).map(
        ([layer, kept]): Quota => ({ layers: [layer], size: kept.length, prune: kept.length - countKept(kept) }),
      ),
    redraw: notRecorded,
    measures: { examples: notRecorded, gradients: notRecorded, hessianVector: notRecorded, flow: notRecorded },
    trainCount: config.n_batches * config.batch,
    batches: () => (iteration) => batch(run, iteration % config.n_batches),
    trace: new Trace(),
    observe: () => ({ evaluated: async () => {} }),
  });
  const settings = { every: EVERY, rate: run.prune_rate };
  const ticket =
    run.growth === "random"
      ? await set.findTicket(dense, 0, settings)
      : await rigl.findTicket(dense, 0, { ...settings, untilShare: 1 });
  const remask: Remask = {
    ...ticket.remask!,
    async next(at) {
      const velocities = await network.read("momentum");
      before = { weights: at.weights, momentum: velocities, gradients: await at.gradients() };
      remasked = await ticket.remask!.next(at);
      return remasked;
    },
  };
  await finish({ ...ticket, remask }).catch((error: unknown) => {
    if (!(error instanceof Stopped)) throw error;
  });
  await network.dispose();
  return { losses: drained, before: before!, after: after! };
}
