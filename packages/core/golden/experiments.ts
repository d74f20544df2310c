/** Cases that run a method and the beginning of the final training: `rst`, `RST_Iter`, `LTH_Iter`, `L1_Iter`, `L1`. */
import type { Engine } from "../src/engine/engine.ts";
import { applyMask, keptCount, leaving, type Mask } from "../src/mask.ts";
import type { Weights } from "../src/weights.ts";
import { type Comparison, TOLERANCE } from "./compare.ts";
import { magnitudeSchema, rstIterSchema, rstSchema } from "./format.ts";
import { ratioOf } from "./nets.ts";
import { prunedIndices, type Replay, type Replayed, replay, type Snapshot, wholeMask } from "./replay.ts";

const RULES = { min: "smallest", max: "largest", rand: "random", iter_rand: "random" } as const;
export const SCHEDULES = { x: "x", "x^2": "x2", "x^3": "x3" } as const;

export async function rst(file: unknown, engine: Engine, compare: Comparison): Promise<void> {
  const net = rstSchema.parse(file);
  const { config, expected, masks } = net;
  const given = config.pick === "rand"; // then the masks are: draws that prune exactly those weights
  const replayed = await replay({
    engine,
    net,
    method: {
      id: "rst",
      pick: RULES[config.pick],
      schedule: SCHEDULES[config.schedule],
      interval: config.interval,
      granularity: config.granularity,
      limit: config.limit,
      settle: config.stabilize,
      learningRate: config.lr_prune,
      batchSize: config.batch,
      lossGradient: config.block_loss_grad ? "blocked" : "kept",
    },
    ratios: () => byParameter(masks, (_, place, layer) => ratioOf(config, layer, place)),
    draws: given ? byParameter(masks, (kept) => [[...prunedIndices(kept), ...keptIndices(kept)]]) : {},
    steps: config.steps,
    ...wantedOf(expected),
  });

  compareTraining(replayed, expected, compare);
  const { iterations = 0 } = replayed.calls[0]!.phase;
  const finish = iterations - 1 - config.stabilize;
  compare.equal("terminated_by_itself", iterations <= config.steps, expected.terminated_by_itself);
  compare.equal(
    "finished_update_at_iteration",
    finish < config.steps ? finish : null,
    expected.finished_update_at_iteration,
  );
  compareTicket(replayed, masks, expected.n_pruned, compare);
}

export async function rstIter(file: unknown, engine: Engine, compare: Comparison): Promise<void> {
  const net = rstIterSchema.parse(file);
  const { config, expected, final_masks: masks } = net;
  const replayed = await replay({
    engine,
    net,
    method: {
      id: "rst-iter",
      rounds: config.num_cycles,
      pick: RULES[config.pick],
      earlier: "magnitude",
      holdEarlier: config.weight_delete,
      interval: config.interval,
      granularity: config.granularity,
      limit: config.limit,
      settle: config.stabilize,
      learningRate: config.lr_prune,
      batchSize: config.batch,
      betweenEpochs: config.RST_Iter_ft ? (config.epochs_mini ?? 0) : 0,
      betweenLearningRate: config.lr_ft_mini,
    },
    ratios: ratiosOf(expected),
    draws: byParameter(masks, (_, __, layer) => expected.cycles.map((cycle) => cycle.layers[layer]?.permutation ?? [])),
    ...wantedOf(expected),
  });

  compareTraining(config.weight_delete ? afterDeletion(replayed) : replayed, expected, compare);
  const extrusions = replayed.calls.filter(({ phase }) => phase.penalty);
  compareCycles(
    extrusions.map(({ given, phase }) => ({ weights: given, mask: leaving(phase.penalty!.on) })),
    expected.cycles,
    masks,
    compare,
  );
  const returned = config.weight_delete ? applied(replayed) : replayed.ticket.weights;
  compare.weights("state_returned", returned, expected.state_returned);
  compareTicket(replayed, masks, expected.n_pruned, compare);
}

export async function magnitude(file: unknown, engine: Engine, compare: Comparison): Promise<void> {
  const net = magnitudeSchema.parse(file);
  const { config, expected, final_masks: masks } = net;
  const { epochs_mini: epochs, lr_ft_mini: learningRate, num_cycles: rounds, batch: batchSize } = config;
  const pick = RULES[config.pick];
  const method = {
    LTH_Iter:
      rounds === 1
        ? { id: "lth", epochs, learningRate, batchSize }
        : { id: "lth-iter", rounds, epochs, learningRate, batchSize },
    L1_Iter: { id: "l1-iter", denseEpochs: 0, pick, rounds, epochs, learningRate, batchSize, maskFirst: false },
    L1: { id: "l1", denseEpochs: 0, pick },
  }[config.method];
  if (!method || (config.method === "LTH_Iter" && pick !== "smallest"))
    throw new Unsupported(`method ${config.method} with pick ${config.pick}`);
  const replayed = await replay({
    engine,
    net,
    method,
    ratios: ratiosOf(expected),
    draws: pick === "random" ? givenMasks(expected.cycles, masks) : {},
    ...wantedOf(expected),
  });

  compareTraining(replayed, expected, compare);
  const { calls, ticket } = replayed;
  const rewinds = config.method === "LTH_Iter";
  const later = calls.flatMap(({ phase }) => (phase.mask ? [phase.mask] : []));
  const weights = rewinds ? calls.map(({ trained }) => trained) : [...calls.map(({ given }) => given), ticket.weights];
  compareCycles(
    [...later, ticket.mask].map((mask, i) => ({ mask, weights: weights[i]! })),
    expected.cycles,
    masks,
    compare,
  );
  compare.weights("state_returned", rewinds ? applied(replayed) : ticket.weights, expected.state_returned);
  compareTicket(replayed, masks, expected.n_pruned, compare);
}

/** The case asks for what there is no method for: skipped, not failed. */
export class Unsupported extends Error {}

const applied = ({ ticket }: Replayed): Weights => applyMask(ticket.weights, ticket.mask);

const keptIndices = (kept: Uint8Array): number[] => Array.from(kept.keys()).filter((index) => kept[index] === 1);

/** With weight deletion, the snapshot of a cycle's last step was taken after it: what the next phase was given. */
function afterDeletion(replayed: Replayed): Replayed {
  const snapshots = new Map(replayed.snapshots);
  let step = 0;
  for (const [i, { phase, steps }] of replayed.calls.entries()) {
    step += steps;
    const snapshot = snapshots.get(step);
    const weights = replayed.calls[i + 1]?.given ?? applied(replayed);
    if (snapshot && phase.penalty) snapshots.set(step, { ...snapshot, weights });
  }
  return { ...replayed, snapshots };
}

const layerOf = (parameter: string): string => parameter.replace(/\.weight$/, "");

const byParameter = <T>(masks: Mask, value: (kept: Uint8Array, index: number, layer: string) => T): Record<string, T> =>
  Object.fromEntries(Object.entries(masks).map(([name, kept], i) => [name, value(kept, i, layerOf(name))]));

interface Expected {
  readonly loss: readonly number[];
  readonly lambda_per_step: readonly number[] | null;
  readonly after_step: Readonly<Record<string, ExpectedSnapshot>>;
  readonly finetune: {
    readonly loss: readonly number[];
    readonly after_step: Readonly<Record<string, ExpectedSnapshot>>;
  };
}

interface ExpectedSnapshot {
  readonly state: Weights;
  readonly momentum?: Weights | null;
}

interface Cycle {
  readonly before_step: number;
  readonly layers: Readonly<
    Record<string, { readonly pr: number; readonly n_pruned: number; readonly pruned_sorted: readonly number[] }>
  >;
  readonly state_at_pick: Weights;
}

const ratiosOf = ({ cycles }: { readonly cycles: readonly Cycle[] }): Replay["ratios"] => {
  const ratios = cycles.map(({ layers }) =>
    Object.fromEntries(Object.entries(layers).map(([layer, { pr }]) => [`${layer}.weight`, pr])),
  );
  return (round) => ratios[round - 1]!;
};

/** Draws that prune what each cycle pruned: first what the cycles before did not, by place among the rest. */
function givenMasks(cycles: readonly Cycle[], masks: Mask): Replay["draws"] {
  return byParameter(masks, (kept, _, layer) => {
    let rest = Array.from(kept.keys());
    return cycles.map(({ layers }) => {
      const pruned = new Set(layers[layer]!.pruned_sorted);
      const places = Array.from(rest.keys());
      const draw = [...places.filter((i) => pruned.has(rest[i]!)), ...places.filter((i) => !pruned.has(rest[i]!))];
      rest = rest.filter((index) => !pruned.has(index));
      return draw;
    });
  });
}

const wantedOf = ({ after_step, finetune }: Expected) => ({
  wanted: Object.keys(after_step).map(Number),
  finalWanted: Object.keys(finetune.after_step).map(Number),
  finalSteps: finetune.loss.length,
});

function compareTraining(replayed: Replayed, expected: Expected, compare: Comparison): void {
  compare.close("loss", replayed.losses, expected.loss);
  if (expected.lambda_per_step) compare.close("lambda", replayed.strengths, expected.lambda_per_step, TOLERANCE.exact);
  compareSnapshots("step", replayed.snapshots, expected.after_step, compare);
  compare.close("final loss", replayed.finalLosses, expected.finetune.loss);
  compareSnapshots("final step", replayed.finalSnapshots, expected.finetune.after_step, compare);
}

function compareSnapshots(
  what: string,
  got: ReadonlyMap<number, Snapshot>,
  expected: Expected["after_step"],
  compare: Comparison,
): void {
  for (const [step, { state, momentum }] of Object.entries(expected)) {
    const snapshot = got.get(Number(step));
    if (!snapshot) {
      compare.equal(`${what} ${step}`, "never reached", "a snapshot");
      continue;
    }
    compare.weights(`${what} ${step}: weights`, snapshot.weights, state);
    const { mask } = snapshot; // momentum of pruned weights never reaches a weight
    if (momentum)
      compare.weights(
        `${what} ${step}: momentum`,
        snapshot.momentum,
        mask ? applyMask(momentum, mask) : momentum,
        TOLERANCE.momentum,
      );
  }
}

function compareCycles(
  got: readonly { readonly weights: Weights; readonly mask: Mask }[],
  expected: readonly Cycle[],
  like: Mask,
  compare: Comparison,
): void {
  compare.equal("cycles", got.length, expected.length);
  for (const [c, { layers, state_at_pick }] of expected.entries()) {
    if (!got[c]) continue;
    compare.weights(`cycle ${c + 1}: state at pick`, got[c].weights, state_at_pick);
    const mask = wholeMask(got[c].mask, like);
    for (const [layer, { pruned_sorted }] of Object.entries(layers))
      compare.equal(`cycle ${c + 1}: pruned of ${layer}`, prunedIndices(mask[`${layer}.weight`]!), pruned_sorted);
  }
}

function compareTicket(
  { ticket }: Replayed,
  masks: Mask,
  pruned: Readonly<Record<string, number>>,
  compare: Comparison,
): void {
  const whole = wholeMask(ticket.mask, masks);
  for (const [name, kept] of Object.entries(masks)) {
    compare.close(`mask ${name}`, whole[name]!, kept, TOLERANCE.exact);
    const count = kept.length - keptCount({ [name]: whole[name]! });
    compare.equal(`n_pruned ${name}`, count, pruned[layerOf(name)]);
  }
}
