/**
 * Runs the product's own method on a golden net: its file, the training loop, an engine. Injected are the initial
 * weights, the batches (cycled in order, from the first in every phase), the ratio of each layer, the random draws, and
 * where a phase is cut short; nothing else. Everything that passes by is kept for comparison.
 */
import type { Engine, Network } from "../src/engine/engine.ts";
import { type Mask, pruneCount } from "../src/mask.ts";
import { methods } from "../src/methods/index.ts";
import type { DenseNetwork, Phase, Ticket } from "../src/methods/method.ts";
import type { Rng } from "../src/rng.ts";
import { Trace } from "../src/trace.ts";
import { denseNetwork } from "../src/training/dense-network.ts";
import type { Weights } from "../src/weights.ts";
import type { BareNet, NetConfig, Tensor } from "./format.ts";
import { architectureOf } from "./nets.ts";

export interface GoldenNet {
  readonly config: NetConfig;
  readonly init: Weights;
  readonly batches: { readonly x: Tensor; readonly y: readonly (readonly number[])[] };
}

export interface Replay {
  readonly engine: Engine;
  readonly net: GoldenNet;
  readonly method: { readonly id: string } & Readonly<Record<string, unknown>>;
  /** Ratio of each parameter by round, from 1; parameters at ratio 0 are not prunable. */
  readonly ratios: (round: number) => Readonly<Record<string, number>>;
  /** What `permutation` gives for a parameter, call by call. */
  readonly draws: Readonly<Record<string, readonly (readonly number[])[]>>;
  /** Iterations after which a phase is cut short. */
  readonly steps?: number;
  /** Steps of the method's training after which weights and momentum are kept; and of the final training. */
  readonly wanted: readonly number[];
  readonly finalWanted: readonly number[];
  readonly finalSteps: number;
}

export interface Snapshot {
  readonly weights: Weights;
  readonly momentum: Weights;
  /** The mask in force. */
  readonly mask: Mask | null;
}

/** One `train` call of the method. */
export interface Call {
  readonly phase: Phase;
  /** Iterations it ran. */
  readonly steps: number;
  readonly given: Weights;
  readonly trained: Weights;
}

export interface Replayed {
  readonly ticket: Ticket;
  readonly calls: readonly Call[];
  /** Loss of every step of the method's training. */
  readonly losses: readonly number[];
  /** Strength of the penalty in each of them; 0 = none. */
  readonly strengths: readonly number[];
  readonly snapshots: ReadonlyMap<number, Snapshot>;
  readonly finalLosses: readonly number[];
  readonly finalSnapshots: ReadonlyMap<number, Snapshot>;
}

export async function replay(options: Replay): Promise<Replayed> {
  const { engine, net, ratios, draws, steps } = options;
  const { config, init } = net;
  const architecture = architectureOf(config);
  const { network, losses, strengths, mask } = watched(await engine.compile(architecture, config.batch));
  const snapshots = new Map<number, Snapshot>();
  const finalSnapshots = new Map<number, Snapshot>();
  const calls: Call[] = [];
  let step = 0;
  let isFinal = false;

  const { dense } = denseNetwork({
    architecture,
    network,
    recipe: {
      epochs: 1,
      batchSize: config.batch,
      learningRate: [{ epoch: 0, value: config.lr_ft }],
      momentum: config.momentum,
      weightDecay: config.weight_decay,
      nesterov: false,
      labelSmoothing: 0,
    },
    initial: init,
    rng: replayingRng(draws),
    quotas: (_, round = 1) =>
      Object.entries(ratios(round))
        .filter(([, ratio]) => ratio > 0)
        .map(([layer, ratio]) => {
          const size = init[layer]!.length;
          return { layers: [layer], size, prune: pruneCount(ratio, size) };
        }),
    redraw: notRecorded,
    measures: { examples: notRecorded, gradients: notRecorded, hessianVector: notRecorded, flow: notRecorded },
    trainCount: config.n_batches * config.batch,
    batches: () => (iteration) => batch(net, iteration % config.n_batches),
    trace: new Trace(),
    observe: () => ({
      evaluated: async () => {},
      between: async () => {
        step++;
        if ((isFinal ? options.finalWanted : options.wanted).includes(step))
          (isFinal ? finalSnapshots : snapshots).set(step, {
            weights: await network.read("weights"),
            momentum: await network.read("momentum"),
            mask: mask(),
          });
        return undefined;
      },
    }),
  });
  const seen: DenseNetwork = {
    ...dense,
    prunable: Object.keys(ratios(1)).filter((name) => ratios(1)[name]! > 0),
    train: async (given, phase) => {
      const before = step;
      const cut = steps !== undefined && phase.iterations !== undefined && phase.iterations > steps;
      const trained = await dense.train(given, cut ? { ...phase, iterations: steps } : phase);
      calls.push({ phase, steps: step - before, given, trained });
      return trained;
    },
  };

  const { id, ...settings } = options.method;
  const method = methods.get(id);
  const ticket = await method.findTicket(seen, Math.max(...Object.values(ratios(1))), method.settings.parse(settings));
  const before = { losses: losses.splice(0), strengths: strengths.splice(0) };
  isFinal = true;
  step = 0;
  const final: Phase = { name: "final training", mask: ticket.mask, iterations: options.finalSteps };
  await dense.train(ticket.weights, final);
  await network.dispose();
  return { ticket, calls, ...before, snapshots, finalLosses: losses, finalSnapshots };
}

export function batch({ config, batches: { x, y } }: Pick<GoldenNet, "batches"> & { config: BareNet }, index: number) {
  const size = x.values.length / config.n_batches;
  return {
    images: (x.values as Float32Array).slice(index * size, (index + 1) * size),
    labels: Uint8Array.from(y[index]!),
  };
}

interface Watched {
  readonly network: Network;
  /** Loss of each step, as the loop drained them. */
  readonly losses: number[];
  /** Strength of the penalty in each step; 0 = none. */
  readonly strengths: number[];
  readonly mask: () => Mask | null;
}

/** The network itself, with what the loop tells it and hears from it kept. */
function watched(network: Network): Watched {
  const losses: number[] = [];
  const strengths: number[] = [];
  let strength = 0;
  let mask: Mask | null = null;
  const heard: Partial<Network> = {
    async losses() {
      const drained = await network.losses();
      losses.push(...drained);
      return drained;
    },
    setPenalty(penalty) {
      strength = penalty?.strength ?? 0;
      network.setPenalty(penalty);
    },
    setMask(next) {
      mask = next;
      network.setMask(next);
    },
    async step(...step) {
      strengths.push(strength);
      await network.step(...step);
    },
  };
  const through = new Proxy(network, {
    get(target, key) {
      const member = Reflect.get(heard, key) ?? Reflect.get(target, key);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  return { network: through, losses, strengths, mask: () => mask };
}

/** Gives back recorded permutations; streams are told apart by their last name, which is a parameter's. */
export function replayingRng(draws: Replay["draws"]): Rng {
  const left = new Map(Object.entries(draws).map(([name, list]) => [name, [...list]]));
  const stream = (name: string): Rng => ({
    stream,
    permutation(n) {
      const next = left.get(name)?.shift();
      if (next?.length !== n) throw new Error(`${name}: ${next?.length ?? "no"} draws recorded; ${n} wanted`);
      return Uint32Array.from(next);
    },
    uint32: notRecorded,
    uniform: notRecorded,
    below: notRecorded,
  });
  return stream("");
}

export function notRecorded(): never {
  throw new Error("the method draws what the case does not record");
}

/** Indices of pruned weights, ascending. */
export const prunedIndices = (kept: Uint8Array): number[] =>
  Array.from(kept.keys()).filter((index) => kept[index] === 0);

/** The mask of every layer of the net: ones where the ticket's has none. */
export const wholeMask = (mask: Mask, like: Mask): Mask =>
  Object.fromEntries(
    Object.entries(like).map(([name, kept]) => [name, mask[name] ?? new Uint8Array(kept.length).fill(1)]),
  );
