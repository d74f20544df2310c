/**
 * A fixed battery of short trainings that reaches every kernel with odd and even sizes, whole and sparse storage, one
 * and several blocks of columns, one and several bands of a plane. Two builds are the same if its bytes are: the
 * self-test of a native build, and of threads.
 */
import { type Architecture, type Layer, type Parameter, parameters } from "../../layers.ts";
import { applyMask, type Mask } from "../../mask.ts";
import { type Rng, seededRng } from "../../rng.ts";
import type { Weights } from "../../weights.ts";
import { exampleSize } from "../checks.ts";
import type { Engine, Update } from "../engine.ts";
import { BATTERY_NETS } from "./battery-nets.ts";

/** What is done with a net. */
interface Use {
  readonly batch: number;
  /** Share of the weights kept; 1 = no mask. */
  readonly kept?: number;
  readonly penalty?: number;
  readonly update?: Partial<Update>;
}
/** On linear layers alone. */
export interface Case extends Use {
  /** Values of one example, then the outputs of each linear layer. */
  readonly widths: readonly number[];
  readonly bias?: boolean;
}

export const plainUpdate: Update = {
  learningRate: 0.05,
  momentum: 0.9,
  weightDecay: 1e-3,
  nesterov: false,
  labelSmoothing: 0,
  lossGradient: "kept",
};

const LINEAR: readonly Case[] = [
  { widths: [7, 5, 3], batch: 1 },
  { widths: [33, 17, 19, 4], batch: 5, bias: false, update: { nesterov: true } },
  { widths: [100, 61, 10], batch: 60, update: { labelSmoothing: 0.1 } },
  { widths: [48, 40, 10], batch: 100, kept: 0.8, penalty: 0.3 },
  { widths: [75, 64, 13], batch: 150, kept: 0.3, penalty: 0.3 },
  { widths: [130, 35, 10], batch: 64, kept: 0.05, update: { weightDecay: 0, momentum: 0 } },
  { widths: [50, 30, 10], batch: 16, kept: 0.4, penalty: 1, update: { lossGradient: "blocked" } },
];

const OTHERS: readonly (readonly [keyof typeof BATTERY_NETS, Use])[] = [
  ["residual", { batch: 37, update: { nesterov: true } }],
  ["residual", { batch: 19, kept: 0.6, penalty: 0.3 }],
  ["residual", { batch: 33, kept: 0.2, update: { labelSmoothing: 0.1 } }],
  ["odd", { batch: 20, penalty: 0.2, update: { lossGradient: "blocked" } }],
  ["odd", { batch: 17, kept: 0.35 }],
  ["wide", { batch: 3 }],
  ["wide", { batch: 18, kept: 0.1 }],
  ["gated", { batch: 7 }],
  ["many", { batch: 1026 }],
  ["deep", { batch: 21 }],
  ["deep", { batch: 18, kept: 0.7 }],
];

const netOf = ({ widths, bias = true }: Case): Architecture => ({
  input: [widths[0]!, 1, 1],
  classes: widths.at(-1)!,
  layers: widths.slice(1).flatMap((outputs, k): Layer[] => {
    const linear: Layer = { kind: "linear", name: `fc${k}`, inputs: widths[k]!, outputs, bias, prunable: true };
    return k === 0 ? [linear] : [{ kind: "relu" }, linear];
  }),
});

export const drawNumbers = (rng: Rng, size: number, scale = 1): Float32Array =>
  Float32Array.from({ length: size }, () => (rng.uniform() * 2 - 1) * scale);

export const drawCase = (one: Case) => draw(netOf(one), one, seededRng(1).stream(one.widths.join("-")));

/** Everything that a case needs, the same on every machine. */
export function draw(net: Architecture, { batch, kept, penalty, update }: Use, rng: Rng) {
  const drawOne = ({ kind, name, size, fanIn }: Parameter): Float32Array => {
    const positive = kind === "scale" || name.endsWith(".running_var");
    if (positive) return drawNumbers(rng, size, 0.5).map((x) => 1 + x);
    return drawNumbers(rng, size, kind === "shift" || kind === "state" ? 0.5 : 2 / Math.sqrt(fanIn));
  };
  const weights: Weights = Object.fromEntries(parameters(net).map((parameter) => [parameter.name, drawOne(parameter)]));
  const drawMask = (share: number): Mask =>
    Object.fromEntries(
      parameters(net)
        .filter(({ kind }) => kind === "weight")
        .map(({ name, size }) => [name, Uint8Array.from({ length: size }, () => (rng.uniform() < share ? 1 : 0))]),
    );
  return {
    net,
    weights,
    mask: kept === undefined ? null : drawMask(kept),
    penalty: penalty === undefined ? null : { on: drawMask(0.5), strength: penalty },
    images: drawNumbers(rng, batch * exampleSize(net)),
    labels: Uint8Array.from({ length: batch }, () => rng.below(net.classes)),
    outputGradient: drawNumbers(rng, batch * net.classes),
    update: { ...plainUpdate, dropoutSeed: rng.uint32(), ...update },
  };
}

/** Bytes of everything that came out: losses, weights, momentum, gradients, evaluation, probe. */
export async function runBattery(engine: Engine): Promise<Uint8Array> {
  const out: Uint8Array[] = [];
  const add = (values: Float32Array) => out.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  const addAll = (weights: Weights) => Object.values(weights).forEach(add);
  const drawn = [
    ...LINEAR.map(drawCase),
    ...OTHERS.map(([name, use], i) => draw(BATTERY_NETS[name], use, seededRng(1).stream(`${name} ${i}`))),
  ];
  for (const { net, weights, mask, penalty, images, labels, outputGradient, update } of drawn) {
    const batch = labels.length;
    const network = await engine.compile(net, batch);
    try {
      await network.write("weights", mask ? applyMask(weights, mask) : weights);
      network.setMask(mask);
      network.setPenalty(penalty);
      for (let i = 0; i < 3; i++) await network.step(images, labels, update);
      const short = Math.max(1, batch - 3);
      await network.step(images.subarray(0, short * exampleSize(net)), labels.subarray(0, short), update);
      add(await network.losses());
      addAll(await network.read("weights"));
      addAll(await network.read("momentum"));
      addAll(await network.gradients(images, labels, update.labelSmoothing));
      const { loss, correct } = await network.evaluate(images, labels);
      add(Float32Array.of(loss, correct));
      for (const mode of ["train", "evaluate"] as const) {
        const probed = await network.probe(images, batch, outputGradient, mode);
        add(probed.output);
        add(probed.inputGradient);
        addAll(probed.gradients);
      }
    } finally {
      await network.dispose();
    }
  }
  const bytes = new Uint8Array(out.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of out) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
