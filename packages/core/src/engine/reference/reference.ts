/**
 * The oracle of every test: the whole engine contract as plain loops in float64, written to be read against the
 * formulas, not to be fast. Weights stay float64 between updates; `read` rounds to float32.
 */
import { type Architecture, type LinearLayer, parameters } from "../../layers.ts";
import type { Mask } from "../../mask.ts";
import type { Weights } from "../../weights.ts";
import { checkExamples, checkImages, checkMask, checkWeights, exampleSize } from "../checks.ts";
import type { Engine, Network, Update } from "../engine.ts";

type Tensors = Record<string, Float64Array>;

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
  readonly #maxBatch: number;
  readonly #values: Record<"weights" | "gradients" | "momentum", Tensors>;
  readonly #isWeight: Readonly<Record<string, boolean>>;
  #mask: Mask | null = null;
  #penalty: { on: Mask; strength: number } | null = null;
  #losses: number[] = [];

  constructor(architecture: Architecture, maxBatch: number) {
    const all = parameters(architecture);
    const zeros = (): Tensors => Object.fromEntries(all.map(({ name, size }) => [name, new Float64Array(size)]));
    this.#architecture = architecture;
    this.#maxBatch = maxBatch;
    this.#values = { weights: zeros(), gradients: zeros(), momentum: zeros() };
    this.#isWeight = Object.fromEntries(all.map(({ name, kind }) => [name, kind === "weight"]));
    let activations = exampleSize(architecture);
    for (const layer of architecture.layers) if (layer.kind === "linear") activations += layer.outputs * 2;
    this.peakBytes = 8 * (3 * all.reduce((sum, { size }) => sum + size, 0) + 2 * maxBatch * activations);
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

  async step(images: Float32Array, labels: Uint8Array, update: Update): Promise<void> {
    checkExamples(this.#architecture, this.#maxBatch, images, labels);
    this.#losses.push(this.#lossGradients(images, labels, update.labelSmoothing));
    await this.update(update);
  }

  async update({ learningRate, momentum, weightDecay, nesterov, lossGradient }: Update): Promise<void> {
    const { weights, gradients, momentum: velocities } = this.#values;
    for (const [name, w] of Object.entries(weights)) {
      const v = velocities[name]!;
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

  async gradients(images: Float32Array, labels: Uint8Array, labelSmoothing = 0): Promise<Weights> {
    checkExamples(this.#architecture, this.#maxBatch, images, labels);
    this.#lossGradients(images, labels, labelSmoothing);
    return this.read("gradients");
  }

  async probe(images: Float32Array, batch: number, outputGradient: Float32Array) {
    checkImages(this.#architecture, this.#maxBatch, images, batch);
    const activations = this.#forward(images, batch);
    const inputGradient = this.#backward(activations, batch, Float64Array.from(outputGradient));
    return {
      output: Float32Array.from(activations.at(-1)!),
      inputGradient: Float32Array.from(inputGradient),
      gradients: this.#rounded(this.#values.gradients),
    };
  }

  async evaluate(images: Float32Array, labels: Uint8Array): Promise<{ loss: number; correct: number }> {
    checkExamples(this.#architecture, null, images, labels);
    const size = exampleSize(this.#architecture);
    let loss = 0;
    let correct = 0;
    for (let from = 0; from < labels.length; from += this.#maxBatch) {
      const some = labels.subarray(from, from + this.#maxBatch);
      const logits = this.#forward(images.subarray(from * size, (from + some.length) * size), some.length).at(-1)!;
      loss += crossEntropy(logits, some, this.#architecture.classes, 0).loss;
      correct += countCorrect(logits, some, this.#architecture.classes);
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
  #lossGradients(images: Float32Array, labels: Uint8Array, labelSmoothing: number): number {
    const batch = labels.length;
    const activations = this.#forward(images, batch);
    const { loss, gradient } = crossEntropy(activations.at(-1)!, labels, this.#architecture.classes, labelSmoothing);
    this.#backward(
      activations,
      batch,
      gradient.map((g) => g / batch),
    );
    return loss / batch;
  }

  /** The input of every layer, then the output of the last: each [batch, features]. */
  #forward(images: Float32Array, batch: number): Float64Array[] {
    const activations: Float64Array[] = [Float64Array.from(images)];
    for (const layer of this.#architecture.layers) {
      const x = activations.at(-1)!;
      if (layer.kind === "flatten") activations.push(x);
      else if (layer.kind === "relu")
        activations.push(x.map((value) => Math.max(value, 0))); // NaN stays NaN
      else activations.push(this.#linear(layer, x, batch));
    }
    return activations;
  }

  #linear({ name, inputs, outputs }: LinearLayer, x: Float64Array, batch: number): Float64Array {
    const w = this.#values.weights[`${name}.weight`]!; // [outputs, inputs]
    const bias = this.#values.weights[`${name}.bias`]; // [outputs]
    const y = new Float64Array(batch * outputs);
    for (let n = 0; n < batch; n++) {
      for (let o = 0; o < outputs; o++) {
        let sum = bias ? bias[o]! : 0;
        for (let i = 0; i < inputs; i++) sum += w[o * inputs + i]! * x[n * inputs + i]!;
        y[n * outputs + o] = sum;
      }
    }
    return y;
  }

  /** Fills the gradients of all parameters; returns that of the input. */
  #backward(activations: Float64Array[], batch: number, outputGradient: Float64Array): Float64Array {
    let gradient = outputGradient;
    for (let l = this.#architecture.layers.length - 1; l >= 0; l--) {
      const layer = this.#architecture.layers[l]!;
      const x = activations[l]!;
      if (layer.kind === "relu") gradient = gradient.map((g, i) => (x[i]! <= 0 ? 0 : g));
      else if (layer.kind === "linear") gradient = this.#linearBackward(layer, x, batch, gradient);
    }
    return gradient;
  }

  #linearBackward({ name, inputs, outputs }: LinearLayer, x: Float64Array, batch: number, dy: Float64Array) {
    const w = this.#values.weights[`${name}.weight`]!;
    const dw = this.#values.gradients[`${name}.weight`]!.fill(0);
    const dbias = this.#values.gradients[`${name}.bias`]?.fill(0);
    const dx = new Float64Array(batch * inputs);
    for (let n = 0; n < batch; n++) {
      for (let o = 0; o < outputs; o++) {
        const g = dy[n * outputs + o]!;
        if (dbias) dbias[o] = dbias[o]! + g;
        for (let i = 0; i < inputs; i++) {
          dw[o * inputs + i] = dw[o * inputs + i]! + g * x[n * inputs + i]!;
          dx[n * inputs + i] = dx[n * inputs + i]! + g * w[o * inputs + i]!;
        }
      }
    }
    this.#prune(`${name}.weight`, dw);
    return dx;
  }
}

/** Softmax cross-entropy of logits [batch, classes]: sum of the losses, gradient of that sum. The smoothed target is
 * (1 − s)·one-hot + s ÷ classes. */
function crossEntropy(logits: Float64Array, labels: Uint8Array, classes: number, smoothing: number) {
  const gradient = new Float64Array(logits.length);
  let loss = 0;
  for (let n = 0; n < labels.length; n++) {
    const row = logits.subarray(n * classes, (n + 1) * classes);
    const max = row.reduce((a, b) => Math.max(a, b));
    const logSum = max + Math.log(row.reduce((sum, z) => sum + Math.exp(z - max), 0));
    for (let c = 0; c < classes; c++) {
      const target = (c === labels[n] ? 1 - smoothing : 0) + smoothing / classes;
      const logP = row[c]! - logSum;
      if (target > 0) loss -= target * logP; // 0 · ∞ is no loss
      gradient[n * classes + c] = Math.exp(logP) - target;
    }
  }
  return { loss, gradient };
}

/** Examples whose largest logit is the label's: the first of equals; a row with a NaN is never correct. */
function countCorrect(logits: Float64Array, labels: Uint8Array, classes: number): number {
  let correct = 0;
  for (let n = 0; n < labels.length; n++) {
    const row = logits.subarray(n * classes, (n + 1) * classes);
    const own = row[labels[n]!]!;
    if (row.every((z, c) => own > z || (own === z && labels[n]! <= c))) correct++;
  }
  return correct;
}
