/**
 * Cases of kind `baseline-scores`: SNIP, GraSP, SynFlow and magnitude, each by the product's own method under its own quotas.
 * The codes count a little differently, and in rounds the next scores would show it: what they prune fewer is taken from the
 * quotas. That may be one weight of each quota, since they round share × size down where ours rounds up, and in GraSP's own
 * code one more, since it keeps the one at the threshold. Nothing else is allowed for.
 */
import { z } from "zod";
import type { Engine, Network } from "../src/engine/engine.ts";
import { type Architecture, parameters } from "../src/layers.ts";
import { keptCount, type Mask, type Quota, roundShare, type Scores } from "../src/mask.ts";
import { grasp, graspScores } from "../src/methods/grasp.ts";
import { l1 } from "../src/methods/l1.ts";
import type { DenseNetwork } from "../src/methods/method.ts";
import { snip, snipScores } from "../src/methods/snip.ts";
import { sizesOf, synflow, synflowScores } from "../src/methods/synflow.ts";
import { quotasOf, type Scope } from "../src/scope.ts";
import { derivatives } from "../src/training/derivatives.ts";
import type { Weights } from "../src/weights.ts";
import { type Comparison, TOLERANCE } from "./compare.ts";
import { bareNetSchema, batchesSchema, floats, stateSchema, type Tensor, tensorSchema } from "./format.ts";
import { architectureOf, describedNet } from "./nets.ts";
import { notRecorded, replayingRng } from "./replay.ts";

/** Of the largest score; and of a density. */
const SCORE_TOLERANCE = 1e-5;
const DENSITY_TOLERANCE = 1e-12;

/** Keyed by layer in some files, by parameter in others and here. */
const byParameter = <T>(values: Readonly<Record<string, Tensor>>, from: (values: Tensor["values"]) => T) =>
  Object.fromEntries(
    Object.entries(values).map(([name, tensor]) => [name.replace(/(\.weight)?$/, ".weight"), from(tensor.values)]),
  );
const scoresSchema = z
  .record(z.string(), floats)
  .transform((scores) => byParameter(scores, (of) => Float64Array.from(of)));
const masksSchema = z
  .record(z.string(), tensorSchema)
  .transform((masks) => byParameter(masks, (of) => Uint8Array.from(of)));

/** GraSP's own code, on images in the order of their classes, in two halves. */
const ownSchema = z.object({
  config: bareNetSchema,
  init: stateSchema,
  x: floats,
  y: batchesSchema.shape.y.element,
  runs: z
    .array(
      z.object({
        ratio: z.number(),
        /** Of the highest scores; the last of them, which is the threshold, is kept. */
        removed_k: z.number().int(),
        kept: z.number().int(),
        /** −w · Hg, before it is divided by anything. */
        scores: scoresSchema,
        masks: masksSchema,
      }),
    )
    .min(1),
});

const repositorySchema = z.object({
  architecture: z.string(),
  input_shape: z.tuple([z.number().int(), z.number().int(), z.number().int()]),
  init: stateSchema,
  batches: batchesSchema,
  runs: z
    .array(
      z.object({
        method: z.enum(["SNIP", "GraSP", "SynFlow", "Mag"]),
        density: z.number(),
        rounds: z.number().int(),
        scope: z.enum(["global", "local"]),
        schedule: z.literal("exponential"),
        bn_mode: z.enum(["train", "eval"]),
        densities: z.array(z.number()),
        remaining: z.number().int(),
        /** By round, from 1. */
        scores: z.record(z.string(), scoresSchema),
        masks: z.record(z.string(), masksSchema),
      }),
    )
    .min(1),
});
type Run = z.infer<typeof repositorySchema>["runs"][number];

export async function scores(file: unknown, engine: Engine, compare: Comparison): Promise<void> {
  if (typeof file === "object" && file !== null && "config" in file) await ownCode(file, engine, compare);
  else await repository(file, engine, compare);
}

async function ownCode(file: unknown, engine: Engine, compare: Comparison): Promise<void> {
  const { config, init, x, y, runs } = ownSchema.parse(file);
  const halves = { x, y: [y.slice(0, y.length / 2), y.slice(y.length / 2)] };
  const architecture = architectureOf(config);
  const network = await engine.compile(architecture, y.length);
  for (const { ratio, removed_k, kept, scores: negative, masks } of runs) {
    const what = `at ${ratio}`;
    const net = scoredNet({
      ...{ what, architecture, network, init, batches: halves, masks, scope: "global", compare },
      ...{ counts: () => [removed_k], spared: 1 },
    });
    const settings = grasp.settings.parse({});
    compareScores(`${what}: scores`, await graspScores(net, settings), times(negative, -1), compare);
    const { mask } = await grasp.findTicket(net, ratio, settings);
    compareMask(what, mask, masks, compare);
    compare.equal(`${what}: kept`, keptCount(mask), kept);
  }
  await network.dispose();
}

async function repository(file: unknown, engine: Engine, compare: Comparison): Promise<void> {
  const { architecture: text, input_shape, init, batches, runs } = repositorySchema.parse(file);
  const architecture = describedNet(text, input_shape, init);
  const network = await engine.compile(architecture, batches.y[0]!.length);
  for (const run of runs) {
    const { method, density, rounds, scope, densities, remaining, masks } = run;
    const what = `${method} ${scope} at ${density} in ${rounds}, ${run.bn_mode}`;
    const shares = densities.map((_, c) => 1 - roundShare(1 - density, c + 1, rounds));
    compare.close(`${what}: densities`, shares, densities, DENSITY_TOLERANCE);
    const counts = (round: number, sizes: readonly number[]) =>
      sizes.map((size) => Math.trunc((1 - densities[round - 1]!) * size));
    const net = scoredNet({
      ...{ what, architecture, network, init, batches, masks: masks[rounds]!, counts, spared: 0, compare },
      scope: scope === "global" ? "global" : "uniform",
    });
    const after = await RUNS[method](net, run);
    for (const [round, expected] of Object.entries(masks))
      compareMask(`${what}, round ${round}`, after.masks[Number(round) - 1]!, expected, compare);
    for (const [round, expected] of Object.entries(run.scores))
      compareScores(`${what}, round ${round}: scores`, await after.scores(Number(round)), expected, compare);
    compare.equal(`${what}: remaining`, keptCount(after.masks[rounds - 1]!), remaining);
  }
  await network.dispose();
}

interface Ran {
  /** After each round. */
  readonly masks: readonly Mask[];
  /** In a round, from 1, as the case has them. */
  readonly scores: (round: number) => Promise<Scores>;
}

const batchNormOf = ({ bn_mode }: Run) => (bn_mode === "train" ? "batch" : "remembered");

/** Theirs divides the scores of SNIP and GraSP by their sum. */
const RUNS: Readonly<Record<Run["method"], (net: DenseNetwork, run: Run) => Promise<Ran>>> = {
  async SNIP(net, run) {
    const settings = snip.settings.parse({ batchNorm: batchNormOf(run) });
    const { mask } = await snip.findTicket(net, 1 - run.density, settings);
    const scores = await snipScores(net, settings);
    return { masks: [mask], scores: async () => times(scores, 1 / sumOf(scores)) };
  },
  async GraSP(net, run) {
    const settings = grasp.settings.parse({ batchNorm: batchNormOf(run) });
    const { mask } = await grasp.findTicket(net, 1 - run.density, settings);
    const scores = await graspScores(net, settings);
    return { masks: [mask], scores: async () => times(scores, 1 / (Math.abs(sumOf(scores)) + 1e-10)) };
  },
  async SynFlow(net, { density, rounds }) {
    const masks: Mask[] = [];
    const flow: DenseNetwork["flow"] = (weights) => {
      masks.push(Object.fromEntries(net.prunable.map((name) => [name, Uint8Array.from(weights[name]!, Math.sign)])));
      return net.flow(weights);
    };
    const { mask } = await synflow.findTicket({ ...net, flow }, 1 - density, { rounds });
    return {
      masks: [...masks.slice(1), mask],
      scores: (round) => synflowScores(net, sizesOf(net.initial), masks[round - 1]!),
    };
  },
  async Mag(net, { density }) {
    const { mask } = await l1.findTicket(net, 1 - density, l1.settings.parse({ denseEpochs: 0 }));
    const scores = Object.fromEntries(net.prunable.map((name) => [name, net.initial[name]!.map(Math.abs)]));
    return { masks: [mask], scores: async () => scores };
  },
};

interface Case {
  readonly what: string;
  readonly architecture: Architecture;
  readonly network: Network;
  readonly init: Weights;
  readonly batches: z.infer<typeof batchesSchema>;
  /** Of the prunable parameters. */
  readonly masks: Mask;
  readonly scope: Scope;
  /** How many weights theirs means to prune in a round, of quotas of these sizes: as many as ours or, rounded down, one fewer. */
  readonly counts: (round: number, sizes: readonly number[]) => readonly number[];
  /** Of these, it leaves so many at the threshold. */
  readonly spared: number;
  readonly compare: Comparison;
}

/** What a method gets: the product's own, but for the examples and for a weight that is given back to a quota. */
function scoredNet({
  what,
  architecture,
  network,
  init,
  batches,
  masks,
  scope,
  counts,
  spared,
  compare,
}: Case): DenseNetwork {
  const prunable = parameters(architecture).filter(({ name }) => masks[name]);
  const { x, y } = batches;
  const size = x.values.length / y.length;
  const examples = y.map((labels, i) => ({
    count: labels.length,
    make: () => ({
      images: (x.values as Float32Array).slice(i * size, (i + 1) * size),
      labels: Uint8Array.from(labels),
    }),
  }));
  return {
    initial: init,
    prunable: prunable.map(({ name }) => name),
    rng: replayingRng({}),
    quotas(sparsity, round = 1, rounds = 1) {
      const ours = quotasOf(scope, prunable, sparsity, round, rounds);
      const theirs = counts(
        round,
        ours.map(({ size }) => size),
      );
      return ours.map((quota, i): Quota => {
        const count = theirs[i]!;
        if (count !== quota.prune)
          compare.equal(`${what}, round ${round}: to prune of ${quota.layers}, but for one`, quota.prune - 1, count);
        return { ...quota, prune: count - spared };
      });
    },
    iterations: 0,
    epochIterations: 1,
    train: notRecorded,
    redraw: notRecorded,
    examples: () => examples,
    ...derivatives(architecture, network, async () => {}),
  };
}

const times = (scores: Scores, factor: number): Record<string, Float64Array> =>
  Object.fromEntries(
    Object.entries(scores).map(([name, values]) => [name, Float64Array.from(values, (score) => score * factor)]),
  );

const sumOf = (scores: Scores): number =>
  Object.values(scores)
    .flatMap((values) => [...values])
    .reduce((sum, score) => sum + score, 0);

function compareScores(what: string, got: Scores, expected: Scores, compare: Comparison): void {
  let largest = 0;
  for (const values of Object.values(expected))
    for (const score of values) largest = Math.max(largest, Math.abs(score));
  compare.equal(`${what}: layers`, Object.keys(got), Object.keys(expected));
  const [ours, theirs] = [times(got, 1 / largest), times(expected, 1 / largest)];
  for (const [name, values] of Object.entries(theirs))
    compare.close(`${what} of ${name}`, ours[name] ?? [], values, SCORE_TOLERANCE);
}

function compareMask(what: string, got: Mask, expected: Mask, compare: Comparison): void {
  for (const [name, kept] of Object.entries(expected))
    compare.close(`${what}: mask ${name}`, got[name] ?? [], kept, TOLERANCE.exact);
}
