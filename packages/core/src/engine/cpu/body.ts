/**
 * A body in the arena: where its tensors, parameters and tables lie, and the structs (kernels/body.h) that the kernels
 * walk. Everything but the taps of pruned convolutions is written once.
 */
import { BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM } from "../../layers.ts";
import { Problem } from "../../problem.ts";
import type { Allocate, ParameterPlace, Stored } from "./arena.ts";
import { type Backward, type Buffer, backwardOf, type Finish, type Source } from "./backward.ts";
import { convSparseLimit, usesWinograd } from "./choose.ts";
import { type Body, type ConvStep, isSite, type Norm, type PoolStep, type Site, type Term } from "./sites.ts";
import {
  type BackClass,
  backClasses,
  bandsOf,
  forwardTaps,
  PIXEL,
  scratchBytes,
  type Tiles,
  tilesOf,
  winogradFloats,
} from "./tiles.ts";

if (BATCH_NORM_EPSILON !== 1e-5 || BATCH_NORM_MOMENTUM !== 0.1) throw new Error("kernels/norms.h has other constants");

export interface ConvPlace {
  readonly step: ConvStep;
  readonly tiles: Tiles;
  /** struct conv; the second one also makes the gradient of the images. */
  readonly at: number;
  readonly toImages: number;
  readonly weight: ParameterPlace;
  readonly bias: ParameterPlace | null;
  readonly norm: NormPlace | null;
  /** Most kept weights that are stored as a list. */
  readonly limit: number;
  /** By Winograd while its weights are stored whole. */
  readonly winograd: boolean;
  readonly classes: readonly BackClass[];
  /** struct taps: forward, then one for each class. */
  readonly taps: number;
  readonly dense: { readonly forward: Taps; readonly back: readonly Taps[] };
  readonly sparse: {
    readonly starts: number;
    readonly x: number;
    readonly backStarts: readonly number[];
    readonly backX: number;
    readonly entry: number;
  };
}
interface Taps {
  readonly count: number;
  readonly x: number;
  readonly w: number;
}

export interface NormPlace {
  readonly norm: Norm;
  readonly at: number;
  readonly scale: ParameterPlace;
  readonly shift: ParameterPlace;
  readonly mean: ParameterPlace;
  readonly variance: ParameterPlace;
  /** True if a convolution takes its statistics as it writes. */
  readonly fused: boolean;
}

export interface BodyPlace {
  readonly body: Body;
  readonly backward: Backward;
  readonly convs: ReadonlyMap<ConvStep, ConvPlace>;
  readonly norms: ReadonlyMap<Norm, NormPlace>;
  readonly pools: ReadonlyMap<PoolStep, number>;
  readonly sites: ReadonlyMap<Site, number>;
  /** struct finish of events that are no convolution's. */
  readonly finishes: ReadonlyMap<Finish, number>;
  readonly tensor: (site: Site) => number;
  readonly gradient: (buffer: Buffer) => number;
  readonly scratch: { readonly at: number; readonly bytes: number };
  readonly widest: number;
  /** Constants, to be written once. */
  readonly writes: readonly { readonly at: number; readonly words: ArrayLike<number> }[];
}

/** Shares that a convolution's weight gradients are summed in, at most: bounded by the memory of so many sums. */
const SLOT_FLOATS = 1 << 24;
const slotsFor = (weights: number): number => Math.max(4, Math.min(64, Math.floor(SLOT_FLOATS / weights)));

const product = (shape: readonly number[]): number => shape.reduce((size, n) => size * n, 1);

export function placeBody(
  body: Body,
  { floats, take, parameter, state }: Allocate,
  blocks: number,
  threads: number,
): BodyPlace {
  const writes: { at: number; words: ArrayLike<number> }[] = [];
  const struct = (words: ArrayLike<number>): number => {
    const at = take(words.length * 4);
    writes.push({ at, words });
    return at;
  };
  const backward = backwardOf(body);
  const convSteps = body.items.filter((item): item is ConvStep => !isSite(item) && item.kind === "conv");
  const tilings = new Map(convSteps.map((step) => [step, tilesOf(step)]));
  const allSites = [
    body.images,
    ...body.items.flatMap((item) => (isSite(item) ? [item] : "writes" in item ? [item.writes] : [])),
  ];

  const tensors = new Map(
    allSites.filter(({ stored }) => stored).map((site) => [site, floats(product(site.shape) * PIXEL * blocks)]),
  );
  const tensor = (site: Site): number => tensors.get(site)!;
  const gradients = floats(backward.floats * blocks);
  const gradient = ({ offset }: Buffer): number => gradients + 4 * offset * blocks;
  const widest = Math.max(...allSites.map(({ shape }) => shape[2]));
  const scratchEach =
    Math.ceil(
      (6 * widest * PIXEL * 4 + Math.max(0, ...convSteps.map((step) => scratchBytes(step, tilings.get(step)!)))) / 64,
    ) *
      64 +
    256;
  const scratch = { at: take(scratchEach * threads + 256), bytes: scratchEach };

  // who takes a norm's statistics, and who its sums
  const takenBy = new Map<Norm, ConvStep>();
  for (const norm of body.norms) {
    const { step } = norm.of;
    if (step?.kind === "conv" && ![...takenBy.values()].includes(step)) takenBy.set(norm, step);
  }
  const siteOf = (norm: Norm): Site =>
    body.items.filter(isSite).find(({ terms }) => terms.some((term) => term.norm === norm))!;

  const norms = new Map<Norm, NormPlace>();
  for (const norm of body.norms) {
    const { shape } = norm.of;
    const [channels, height, width] = shape;
    const conv = takenBy.get(norm);
    const statistics = conv ? tilings.get(conv)! : bandsOf(shape);
    const [reader] = siteOf(norm).readers;
    const finisher = reader && !isSite(reader) && reader.kind === "conv" ? reader : null;
    const sums = finisher ? tilings.get(finisher)! : bandsOf(siteOf(norm).shape);
    const place = {
      norm,
      scale: parameter(`${norm.name}.weight`, channels),
      shift: parameter(`${norm.name}.bias`, channels),
      mean: state(`${norm.name}.running_mean`, channels),
      variance: state(`${norm.name}.running_var`, channels),
      fused: conv !== undefined,
    };
    const at = struct([
      ...[
        channels,
        height,
        width,
        place.scale.weights,
        place.shift.weights,
        place.mean.weights,
        place.variance.weights,
      ],
      ...[place.scale.gradients, place.shift.gradients, floats(3 * channels), floats(3 * channels), floats(channels)],
      ...[floats(2 * channels * blocks * statistics.bands), statistics.rows, statistics.bands],
      ...[floats(2 * channels * blocks * sums.bands), sums.bands],
    ]);
    norms.set(norm, { ...place, at });
  }

  const termWords = ({ from, norm, sampled }: Term): number[] => [
    ...[tensor(from), norm ? norms.get(norm)!.at : 0, sampled?.stride ?? 0, sampled?.before ?? 0, ...from.shape],
  ];
  const sites = new Map(
    allSites.map((site) => {
      if (site.terms.length > 2) throw new Error("a site has at most two terms");
      const terms = site.terms.length > 0 ? site.terms : [{ from: site }];
      const act = { none: 0, relu: 1, relu6: 2 }[site.act];
      const words = [...site.shape, terms.length, act, site.stored ? tensor(site) : 0];
      return [site, struct([...words, ...termWords(terms[0]!), ...termWords(terms[1] ?? terms[0]!)])];
    }),
  );
  const sourceWords = ({ buffer, norm, sampled }: Source, shape: Site["shape"]): number[] => [
    ...[gradient(buffer), norm ? norms.get(norm)!.at : 0, norm ? tensor(norm.of) : 0],
    ...[sampled?.stride ?? 0, sampled?.before ?? 0, ...(sampled ? buffer.shape : shape)],
  ];
  const finishStruct = ({ site, to, sources }: Finish): number => {
    const shape = to.shape;
    if (sources.length > 4) throw new Problem("engine-unavailable", "cpu engine: a value has at most five readers");
    const { rows, bands } = bandsOf(shape);
    const words = [site ? sites.get(site)! : 0, gradient(to), ...shape, sources.length, rows, bands];
    return struct([...words, ...sources.flatMap((source) => sourceWords(source, shape))]);
  };

  /** Sums of every slot; "reduce" goes over the last one in whole vectors. */
  const slots = (each: (conv: ConvStep["conv"]) => number): number =>
    floats(16 + Math.max(0, ...convSteps.map(({ conv }) => slotsFor(weightsOf(conv)) * each(conv))));
  const partial = slots((conv) => (usesWinograd(conv) ? winogradFloats(conv) : weightsOf(conv)));
  const biasPartial = slots(({ outputs }) => outputs);
  const events = new Map(
    backward.events.flatMap((event) => (event.kind === "conv" ? [[event.step, event] as const] : [])),
  );
  const convs = new Map<ConvStep, ConvPlace>();
  for (const step of convSteps) {
    const { conv, reads, writes: written } = step;
    const tiles = tilings.get(step)!;
    const size = weightsOf(conv);
    const weight = parameter(`${conv.name}.weight`, size);
    const bias = conv.bias ? parameter(`${conv.name}.bias`, conv.outputs) : null;
    const forward = forwardTaps(step, tiles);
    const classes = backClasses(step, tiles);
    const each = size / conv.outputs;
    const kernel = conv.kernel[0] * conv.kernel[1];
    const table = (values: readonly number[]): number => struct(Uint32Array.from(values));
    const dense = {
      forward: {
        count: forward.length,
        x: table(forward.map(({ x }) => x)),
        w: table(forward.map((tap) => tap.weight)),
      },
      back: classes.map(({ taps }) => ({
        count: taps.length,
        x: table(taps.map(({ x }) => x)),
        w: table(taps.map((tap) => tap.output * each + tap.kernel)),
      })),
    };
    const limit = convSparseLimit(conv);
    const sparse = {
      starts: floats(conv.outputs + 1),
      x: floats(limit),
      backStarts: classes.map(() => floats(conv.inputs + 1)),
      backX: floats(limit),
      entry: floats(limit),
    };
    const transposed = floats(limit);
    const winograd = usesWinograd(conv);
    const [u, uBack] = winograd ? [floats(winogradFloats(conv)), floats(winogradFloats(conv))] : [0, 0];
    const taps = take(6 * 4 * (1 + classes.length));
    const norm = [...takenBy].find(([, by]) => by === step)?.[0];
    const normPlace = norm ? norms.get(norm)! : null;
    const { d, finish } = events.get(step)!;
    const store = reads.terms.length > 0 && reads.stored && reads.readers[0] === step;
    const words = (finishAt: number): number[] => [
      ...[
        conv.inputs,
        conv.outputs,
        conv.groups,
        each,
        reads.shape[1],
        reads.shape[2],
        written.shape[1],
        written.shape[2],
      ],
      ...[...conv.kernel, ...conv.stride, ...conv.padding, sites.get(reads)!, tensor(written), store ? 1 : 0],
      ...[weight.weights, bias?.weights ?? 0, normPlace?.at ?? 0, tiles.rows, tiles.bands, tiles.xRows, tiles.xWidth],
      ...[tiles.dRows, tiles.dWidth, tiles.dAbove, tiles.dLeft, taps, classes.length, taps + 6 * 4],
      ...[transposed, sparse.entry, 0, struct(sourceWords(d, written.shape)), partial, biasPartial, slotsFor(size)],
      ...[finishAt, weight.gradients, bias?.gradients ?? 0, u, uBack],
    ];
    const finishAt = finishStruct(finish);
    const toImages = struct(words(finishAt));
    const at = reads === body.images && reads.readers.length === 1 ? struct(words(0)) : toImages;
    const place = {
      step,
      tiles,
      at,
      toImages,
      weight,
      bias,
      norm: normPlace,
      limit,
      winograd,
      classes,
      taps,
      dense,
      sparse,
    };
    convs.set(step, place);
    if (kernel * each === 0) throw new Error(`${conv.name} has no weights`);
  }

  const pools = new Map<PoolStep, number>();
  for (const event of backward.events) {
    if (event.kind !== "pool") continue;
    const { step, gradient: from, to } = event;
    const { kernel, stride, padding } = step.window;
    const [channels, height, width] = step.reads.shape;
    const [, outHeight, outWidth] = step.writes.shape;
    const isMax = step.kind === "max-pool";
    const rate = step.dropout?.rate ?? 0;
    pools.set(
      step,
      struct([
        ...[channels, height, width, outHeight, outWidth, ...kernel, ...stride, ...padding, tensor(step.reads)],
        ...[tensor(step.writes), gradient(from), gradient(to)],
        ...[isMax ? floats(product(step.writes.shape) * PIXEL * blocks) : 0],
        ...[Math.floor(rate * 4_294_967_296), step.dropout?.layer ?? 0, bits(1 / (1 - rate))],
      ]),
    );
  }
  const finishes = new Map(
    backward.events.flatMap((event) =>
      event.kind === "finish" ? [[event.finish, finishStruct(event.finish)] as const] : [],
    ),
  );
  return { body, backward, convs, norms, pools, sites, finishes, tensor, gradient, scratch, widest, writes };
}

/** A parameter that no mask prunes. */
export const alwaysWhole = (place: ParameterPlace): Stored => ({
  ...{ place, isWeight: false, limit: 0, writeLists: () => {} },
});

/** Its parameters, and how each is stored under a mask. */
export const storedOf = ({ convs, norms }: BodyPlace): Stored[] => {
  return [
    ...[...convs.values()].flatMap((conv) => [
      {
        place: conv.weight,
        isWeight: true,
        limit: conv.limit,
        writeLists: (memory, kept) => writeTaps(memory, conv, kept),
      } satisfies Stored,
      ...(conv.bias ? [alwaysWhole(conv.bias)] : []),
    ]),
    ...[...norms.values()].flatMap(({ scale, shift, mean, variance }) =>
      [scale, shift, mean, variance].map(alwaysWhole),
    ),
  ];
};

const weightsOf = ({ inputs, outputs, groups, kernel }: ConvStep["conv"]): number =>
  (inputs / groups) * outputs * kernel[0] * kernel[1];

/** A float32 as its word. */
const bits = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0]!;

/** Writes a convolution's taps as its weights are stored now: all of them, or the `kept` ones in order. */
export function writeTaps(memory: ArrayBufferLike, place: ConvPlace, kept: Uint8Array | null): void {
  const { step, classes, dense, sparse, taps } = place;
  const { conv } = step;
  const words = (at: number, count: number): Uint32Array => new Uint32Array(memory, at, count);
  const structs = words(taps, 6 * (1 + classes.length));
  const set = (index: number, { count, x, w }: Taps, starts: number): void => {
    const { row, column } = classes[index - 1] ?? { row: 0, column: 0 };
    structs.set([count, x, w, starts, row, column], 6 * index);
  };
  if (!kept) {
    set(0, dense.forward, 0);
    for (const [i, taps] of dense.back.entries()) set(i + 1, taps, 0);
    return;
  }
  const each = kept.length / conv.outputs;
  const [groupInputs, groupOutputs] = [conv.inputs / conv.groups, conv.outputs / conv.groups];
  const kernel = conv.kernel[0] * conv.kernel[1];
  const plane = place.tiles.xRows * place.tiles.xWidth * PIXEL;
  const dPlane = place.tiles.dRows * place.tiles.dWidth * PIXEL;
  const tapX = words(dense.forward.x, each);
  const stored = new Uint32Array(kept.length); // where a kept weight is stored
  const starts = words(sparse.starts, conv.outputs + 1);
  const x = words(sparse.x, place.limit);
  let e = 0;
  for (let k = 0; k < conv.outputs; k++) {
    starts[k] = e;
    const group = Math.floor(k / groupOutputs) * groupInputs * plane;
    for (let t = 0; t < each; t++) {
      if (!kept[k * each + t]) continue;
      stored[k * each + t] = e;
      x[e++] = group + tapX[t]!;
    }
  }
  starts[conv.outputs] = e;
  set(0, { count: 0, x: sparse.x, w: 0 }, sparse.starts);

  const backX = words(sparse.backX, place.limit);
  const entry = words(sparse.entry, place.limit);
  e = 0;
  for (const [i, { taps }] of classes.entries()) {
    const starts = words(sparse.backStarts[i]!, conv.inputs + 1);
    for (let c = 0; c < conv.inputs; c++) {
      starts[c] = e;
      const group = Math.floor(c / groupInputs);
      const channel = c % groupInputs;
      for (const tap of taps) {
        const weight = (group * groupOutputs + tap.output) * each + channel * kernel + tap.kernel;
        if (!kept[weight]) continue;
        entry[e] = stored[weight]!;
        backX[e++] = group * groupOutputs * dPlane + tap.x;
      }
    }
    starts[conv.inputs] = e;
    set(i + 1, { count: 0, x: sparse.backX, w: 0 }, sparse.backStarts[i]!);
  }
  words(place.at, CONV_WORDS)[KEPT_WORD] = e;
  words(place.toImages, CONV_WORDS)[KEPT_WORD] = e;
}
/** struct conv: words of it, and which of them is `kept`. */
export const CONV_WORDS = 43;
export const KEPT_WORD = 33;
