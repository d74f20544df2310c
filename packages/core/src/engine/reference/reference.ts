/**
 * The oracle of every test: the whole engine contract as plain loops in float64, written to be read against the
 * formulas (`kinds.ts`, `windows.ts`, `loss.ts`), not to be fast. Weights stay float64 between updates; `read` rounds to
 * float32.
 */
import { type Architecture, learned, type Node, nodesOf, type Parameter, parameters } from "../../layers.ts";
import type { Mask } from "../../mask.ts";
import type { Weights } from "../../weights.ts";
import { checkExamples, checkImages, checkMask, checkWeights, exampleSize } from "../checks.ts";
import type { Engine, Labels, Network, Update } from "../engine.ts";
import { countCorrect, crossEntropy } from "./loss.ts";
import { forward, type Pass, type Tensors } from "./pass.ts";

export function referenceEngine(): Engine {
  return {
    id: "reference",
    device: "JavaScript float64, naive",
    determinism: "tolerance",
    compile: async (architecture, maxBatch) => new ReferenceNetwork(architecture, maxBatch),
  };
}

class ReferenceNetwork implements Network {
  readonly peakBytes: number;
  readonly #architecture: Architecture;
  readonly #nodes: readonly Node[];
  readonly #maxBatch: number;
  readonly #values: Record<"weights" | "gradients" | "momentum", Tensors>;
  readonly #isWeight: Readonly<Record<string, boolean>>;
  #mask: Mask | null = null;
  #penalty: { on: Mask; strength: number } | null = null;
  #losses: number[] = [];

  constructor(architecture: Architecture, maxBatch: number) {
    const all = parameters(architecture);
    const own = learned(architecture);
    const zeros = (of: readonly Parameter[]): Tensors =>
      Object.fromEntries(of.map(({ name, size }) => [name, new Float64Array(size)]));
    this.#architecture = architecture;
    this.#nodes = nodesOf(architecture);
    this.#maxBatch = maxBatch;
    this.#values = { weights: zeros(all), gradients: zeros(own), momentum: zeros(own) };
    this.#isWeight = Object.fromEntries(own.map(({ name, kind }) => [name, kind === "weight"]));
    const count = (of: readonly Parameter[]): number => of.reduce((sum, { size }) => sum + size, 0);
    const activations = this.#nodes.reduce((sum, { shape }) => sum + shape[0] * shape[1] * shape[2], 0);
    // each activation and its gradient, at most two more of a layer's own (normalised values, its input's gradient)
    const passes = 4 * maxBatch * (exampleSize(architecture) + activations);
    this.peakBytes = 8 * (count(all) + 2 * count(own) + passes);
  }

  async read(what: "weights" | "gradients" | "momentum"): Promise<Weights> {
    return this.#rounded(this.#values[what]);
  }

  async write(what: "weights" | "gradients" | "momentum", values: Weights): Promise<void> {
    checkWeights(this.#architecture, what, values);
    for (const [name, target] of Object.entries(this.#values[what])) {
      target.set(values[name]!);
      this.#prune(name, target);
    }
  }

  setMask(mask: Mask | null): void {
    if (mask) checkMask(this.#architecture, "mask", mask);
    this.#mask = mask && Object.fromEntries(Object.entries(mask).map(([name, kept]) => [name, kept.slice()]));
    for (const tensors of Object.values(this.#values)) {
      for (const [name, values] of Object.entries(tensors)) this.#prune(name, values);
    }
  }

  setPenalty(penalty: { on: Mask; strength: number } | null): void {
    if (penalty) checkMask(this.#architecture, "penalty", penalty.on);
    this.#penalty = penalty;
  }

  async step(images: Float32Array, labels: Labels, update: Update): Promise<void> {
    checkExamples(this.#architecture, this.#maxBatch, images, labels);
    this.#losses.push(this.#lossGradients(images, labels, update.labelSmoothing, "step", update.dropoutSeed));
    await this.update(update);
  }

  async update({ learningRate, momentum, weightDecay, nesterov, lossGradient }: Update): Promise<void> {
    const { weights, gradients, momentum: velocities } = this.#values;
    for (const [name, v] of Object.entries(velocities)) {
      const w = weights[name]!;
      const blocked = lossGradient === "blocked" && this.#isWeight[name];
      const leaving = this.#penalty?.on[name];
      for (let i = 0; i < w.length; i++) {
        let g = blocked ? 0 : gradients[name]![i]!;
        if (leaving?.[i]) g += this.#penalty!.strength * w[i]!;
        g += weightDecay * w[i]!;
        v[i] = momentum * v[i]! + g;
        w[i] = w[i]! - learningRate * (nesterov ? g + momentum * v[i]! : v[i]!);
      }
      this.#prune(name, w);
      this.#prune(name, v);
    }
  }

  async losses(): Promise<Float32Array> {
    const losses = Float32Array.from(this.#losses);
    this.#losses = [];
    return losses;
  }

  async gradients(images: Float32Array, labels: Labels, labelSmoothing = 0): Promise<Weights> {
    checkExamples(this.#architecture, this.#maxBatch, images, labels);
    this.#lossGradients(images, labels, labelSmoothing, "train");
    return this.read("gradients");
  }

  async probe(images: Float32Array, batch: number, outputGradient: Float32Array, mode: "train" | "evaluate" = "train") {
    checkImages(this.#architecture, this.#maxBatch, images, batch);
    const { output, backward } = this.#forward(images, batch, mode);
    const inputGradient = this.#keepGradients(backward, Float64Array.from(outputGradient));
    return {
      output: Float32Array.from(output),
      inputGradient: Float32Array.from(inputGradient),
      gradients: this.#rounded(this.#values.gradients),
    };
  }

  async evaluate(images: Float32Array, labels: Labels): Promise<{ loss: number; correct: number }> {
    checkExamples(this.#architecture, null, images, labels);
    const size = exampleSize(this.#architecture);
    let loss = 0;
    let correct = 0;
    for (let from = 0; from < labels.length; from += this.#maxBatch) {
      const some = labels.subarray(from, from + this.#maxBatch);
      const part = images.subarray(from * size, (from + some.length) * size);
      const { output } = this.#forward(part, some.length, "evaluate");
      loss += crossEntropy(output, some, this.#architecture.classes, 0).loss;
      correct += countCorrect(output, some, this.#architecture.classes);
    }
    return { loss, correct };
  }

  async dispose(): Promise<void> {}

  #rounded(tensors: Tensors): Weights {
    return Object.fromEntries(Object.entries(tensors).map(([name, values]) => [name, Float32Array.from(values)]));
  }

  #prune(name: string, values: Float64Array): void {
    const kept = this.#mask?.[name];
    if (kept) for (let i = 0; i < values.length; i++) if (!kept[i]) values[i] = 0;
  }

  /** Fills the gradients; returns the mean loss. */
  #lossGradients(images: Float32Array, labels: Labels, smoothing: number, mode: "step" | "train", seed = 0): number {
    const batch = labels.length;
    const { output, backward } = this.#forward(images, batch, mode, seed);
    const { loss, gradient } = crossEntropy(output, labels, this.#architecture.classes, smoothing);
    this.#keepGradients(
      backward,
      gradient.map((g) => g / batch),
    );
    return loss / batch;
  }

  #forward(images: Float32Array, batch: number, mode: Pass["mode"], dropoutSeed = 0) {
    return forward(this.#nodes, Float64Array.from(images), { batch, weights: this.#values.weights, mode, dropoutSeed });
  }

  /** Fills the gradients of all parameters; returns that of the images. */
  #keepGradients(backward: ReturnType<typeof forward>["backward"], outputGradient: Float64Array): Float64Array {
    const { gradients } = this.#values;
    const inputGradient = backward(outputGradient, gradients);
    for (const [name, values] of Object.entries(gradients)) this.#prune(name, values);
    return inputGradient;
  }
}
