/**
 * The network contract (engine.ts) on a TensorFlow.js backend. Parameters, mask, penalty and the losses of the steps so
 * far stay on the device; a step sends the batch there and waits for no value.
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Architecture, Shape } from "../../layers.ts";
import { BATCH_NORM_MOMENTUM } from "../../layers.ts";
import type { Mask } from "../../mask.ts";
import { Problem } from "../../problem.ts";
import type { Weights } from "../../weights.ts";
import { checkExamples, checkImages, checkMask, checkWeights, exampleSize } from "../checks.ts";
import { isDropped } from "../dropout.ts";
import type { Labels, Network, Update } from "../engine.ts";
import { type Backend, use } from "./backend.ts";
import { flatSize, joined, pack, unpack } from "./flat.ts";
import { Graph, type Settings } from "./graph.ts";
import { channelsFirst, crossEntropy, placesLast, type Tensor } from "./passes.ts";

type Vector = "weights" | "gradients" | "momentum" | "state";

/**
 * Vectors as long as all learned parameters: what lies beside the activations (weights, gradients, momentum, mask, penalty,
 * flags, and each layer's own copies), and what an update comes to when the activations are gone, as measured on WebGPU,
 * which frees nothing before it sends its next batch of work.
 */
const VECTORS = { beside: 8, update: 18 };

export class TfjsNetwork implements Network {
  readonly peakBytes: number;
  readonly #backend: Backend;
  readonly #architecture: Architecture;
  readonly #maxBatch: number;
  readonly #graph: Graph;
  readonly #values: Record<Vector, Tensor>;
  /** True where a weight is kept, and for everything that is never pruned. */
  #mask: Tensor | null = null;
  /** 1 where the penalty is; `of` = the mask it was made from. */
  #penalty: { readonly of: Mask; readonly on: Tensor; readonly strength: number } | null = null;
  /** True for weights of convolutions and linear layers; made when first asked for. */
  #isWeight: Tensor | null = null;
  #losses: Tensor[] = [];
  /** The device's work up to the step before the last: it is never sent more than two steps ahead. */
  #earlier: Promise<unknown> = Promise.resolve();

  constructor(backend: Backend, architecture: Architecture, maxBatch: number) {
    if (!Number.isInteger(maxBatch) || maxBatch < 1) {
      throw new Problem("bad-request", `maxBatch: expected an integer of at least 1; got ${maxBatch}`);
    }
    this.#backend = backend;
    this.#architecture = architecture;
    this.#maxBatch = maxBatch;
    this.#graph = new Graph(architecture);
    const size = flatSize(this.#graph.learned);
    const activations = this.#graph.trainingBytes(maxBatch);
    this.peakBytes = Math.max(activations + 4 * VECTORS.beside * size, 4 * VECTORS.update * size);
    this.#checkLimit(4 * Math.max(size, maxBatch * this.#graph.largestExample()));
    use(backend);
    const zeros = (length: number) => tf.keep(tf.zeros([length]));
    this.#values = {
      weights: zeros(size),
      gradients: zeros(size),
      momentum: zeros(size),
      state: zeros(flatSize(this.#graph.states)),
    };
  }

  async read(what: "weights" | "gradients" | "momentum"): Promise<Weights> {
    const learned = unpack(this.#graph.learned, await this.#download(this.#values[what]));
    if (what !== "weights") return learned;
    const all = { ...learned, ...unpack(this.#graph.states, await this.#download(this.#values.state)) };
    return Object.fromEntries(this.#graph.names.map((name) => [name, all[name]!]));
  }

  async write(what: "weights" | "gradients" | "momentum", values: Weights): Promise<void> {
    checkWeights(this.#architecture, what, values);
    use(this.#backend);
    tf.tidy(() => {
      this.#set(what, this.#masked(tf.tensor1d(pack(this.#graph.learned, values, 0))));
      if (what === "weights") this.#set("state", tf.tensor1d(pack(this.#graph.states, values, 0)));
    });
  }

  setMask(mask: Mask | null): void {
    if (mask) checkMask(this.#architecture, "mask", mask);
    use(this.#backend);
    this.#mask?.dispose();
    this.#mask = mask && tf.keep(tf.tensor1d(Uint8Array.from(pack(this.#graph.learned, mask, 1)), "bool"));
    if (!mask) return;
    tf.tidy(() => {
      for (const what of ["weights", "gradients", "momentum"] as const)
        this.#set(what, this.#masked(this.#values[what]));
    });
  }

  /** Of the same mask as before, only the strength crosses to the device. */
  setPenalty(penalty: { on: Mask; strength: number } | null): void {
    if (penalty) checkMask(this.#architecture, "penalty", penalty.on);
    use(this.#backend);
    const before = this.#penalty;
    if (penalty && before?.of === penalty.on) {
      this.#penalty = { ...before, strength: penalty.strength };
      return;
    }
    before?.on.dispose();
    this.#penalty = penalty && {
      of: penalty.on,
      on: tf.keep(tf.tensor1d(pack(this.#graph.learned, penalty.on, 0))),
      strength: penalty.strength,
    };
  }

  async step(images: Float32Array, labels: Labels, update: Update): Promise<void> {
    checkExamples(this.#architecture, this.#maxBatch, images, labels);
    use(this.#backend);
    tf.tidy(() => {
      const { dropoutSeed, labelSmoothing } = update;
      const { loss, statistics } = this.#lossGradients(images, labels, labelSmoothing, dropoutSeed ?? 0);
      this.#losses.push(tf.keep(loss));
      if (statistics.length > 0) {
        const old = tf.mul(this.#values.state, 1 - BATCH_NORM_MOMENTUM);
        this.#set("state", tf.add(old, tf.mul(joined(statistics), BATCH_NORM_MOMENTUM)));
      }
      this.#update(update);
    });
    const earlier = this.#earlier;
    this.#earlier = this.#backend.done();
    await earlier;
  }

  async update(update: Update): Promise<void> {
    use(this.#backend);
    tf.tidy(() => this.#update(update));
  }

  async losses(): Promise<Float32Array> {
    const losses = this.#losses;
    this.#losses = [];
    if (losses.length === 0) return new Float32Array(0);
    use(this.#backend);
    const all = tf.stack(losses);
    tf.dispose(losses);
    const values = await this.#download(all);
    all.dispose();
    return values;
  }

  async gradients(images: Float32Array, labels: Labels, labelSmoothing = 0): Promise<Weights> {
    checkExamples(this.#architecture, this.#maxBatch, images, labels);
    use(this.#backend);
    tf.tidy(() => {
      this.#lossGradients(images, labels, labelSmoothing, null);
    });
    return this.read("gradients");
  }

  async probe(
    images: Float32Array,
    batch: number,
    outputGradient: Float32Array,
    mode: "train" | "evaluate" = "train",
  ): Promise<{ output: Float32Array; inputGradient: Float32Array; gradients: Weights }> {
    const { classes, input } = this.#architecture;
    checkImages(this.#architecture, this.#maxBatch, images, batch);
    if (outputGradient.length !== batch * classes) {
      throw new Problem(
        "bad-request",
        `outputGradient: expected ${batch * classes} values; got ${outputGradient.length}`,
      );
    }
    use(this.#backend);
    const both = tf.tidy(() => {
      let output: Tensor | null = null;
      const { images: inputGradient } = this.#train(images, { mode, kept: () => null }, true, (y) => {
        output = tf.clone(y);
        return tf.tensor(outputGradient.slice(), y.shape);
      });
      return [output!, channelsFirst(inputGradient ?? tf.zeros([batch, input[1], input[2], input[0]]))];
    });
    const [output, inputGradient] = [await this.#download(both[0]!), await this.#download(both[1]!)];
    tf.dispose(both);
    return { output, inputGradient, gradients: await this.read("gradients") };
  }

  async evaluate(images: Float32Array, labels: Labels): Promise<{ loss: number; correct: number }> {
    checkExamples(this.#architecture, null, images, labels);
    const size = exampleSize(this.#architecture);
    const { classes } = this.#architecture;
    let loss = 0;
    let correct = 0;
    for (let from = 0; from < labels.length; from += this.#maxBatch) {
      const some = labels.subarray(from, from + this.#maxBatch);
      use(this.#backend);
      const both = tf.tidy(() => {
        const batch = this.#upload(images.subarray(from * size, (from + some.length) * size));
        const { weights: learned, state } = this.#values;
        const logits = tf.reshape(this.#graph.evaluate(batch, { learned, state }), [-1, classes]);
        return [logits, crossEntropy(logits, targets(some, classes, 0)).sum];
      });
      correct += countCorrect(await this.#download(both[0]!), some, classes);
      loss += (await this.#download(both[1]!))[0]!;
      tf.dispose(both);
    }
    return { loss, correct };
  }

  async dispose(): Promise<void> {
    tf.dispose([...Object.values(this.#values), ...this.#losses]);
    for (const tensor of [this.#mask, this.#penalty?.on, this.#isWeight]) tensor?.dispose();
    this.#losses = [];
  }

  #checkLimit(bytes: number): void {
    const { largestTensor, device } = this.#backend;
    if (largestTensor === null || bytes <= largestTensor) return;
    const needs = `the largest tensor needs ${bytes} bytes; ${device} takes ${largestTensor} in one buffer`;
    throw new Problem("out-of-memory", `a batch of ${this.#maxBatch}: ${needs}`);
  }

  /** Waits for the device. */
  async #download(tensor: Tensor): Promise<Float32Array> {
    const values = await tensor.data<"float32">();
    const fault = this.#backend.fault();
    if (fault) throw fault;
    return values;
  }

  #upload = (values: Float32Array, shape: Shape = this.#architecture.input): Tensor => placesLast(values, shape);

  #set(what: Vector, values: Tensor): void {
    this.#values[what].dispose();
    this.#values[what] = tf.keep(values);
  }

  /** +0 where pruned; never the tensor it was given. */
  #masked = (values: Tensor): Tensor => (this.#mask ? tf.where(this.#mask, values, 0) : tf.clone(values));

  /** Fills the gradients. `dropoutSeed` null = nothing is dropped. Inside a tidy. */
  #lossGradients(images: Float32Array, labels: Labels, labelSmoothing: number, dropoutSeed: number | null) {
    const { classes } = this.#architecture;
    const batch = labels.length;
    const kept = (node: number) => (dropoutSeed === null ? null : this.#kept(node, batch, dropoutSeed));
    let loss: Tensor | null = null;
    const { statistics } = this.#train(images, { mode: "train", kept }, false, (output) => {
      const logits = tf.reshape(output, [batch, classes]);
      const { sum, gradient } = crossEntropy(logits, targets(labels, classes, labelSmoothing));
      loss = tf.div(sum, batch);
      return tf.reshape(tf.div(gradient, batch), output.shape);
    });
    return { loss: loss!, statistics };
  }

  #train(images: Float32Array, settings: Settings, wantImages: boolean, gradientOf: (output: Tensor) => Tensor) {
    const { weights: learned, state } = this.#values;
    const ran = this.#graph.train(this.#upload(images), { learned, state }, settings, wantImages, gradientOf);
    this.#set(
      "gradients",
      tf.tidy(() => this.#masked(joined(ran.learned))),
    );
    tf.dispose(ran.learned);
    return ran;
  }

  #kept(node: number, batch: number, seed: number): Tensor | null {
    const { layer, shape } = this.#graph.nodes[node]!;
    if (layer.kind !== "dropout" || layer.rate === 0) return null;
    const factors = new Float32Array(batch * shape[0] * shape[1] * shape[2]);
    const kept = 1 / (1 - layer.rate);
    for (let i = 0; i < factors.length; i++) factors[i] = isDropped(seed, node, i, layer.rate) ? 0 : kept;
    return this.#upload(factors, shape);
  }

  /**
   * engine.ts's update over all parameters at once. Pruned weights have gradient, momentum and value 0, and the mask
   * need not be applied again: every term of theirs is 0.
   */
  #update({ learningRate, momentum, weightDecay, nesterov, lossGradient }: Update): void {
    const { weights, gradients, momentum: before } = this.#values;
    let g = tf.clone(gradients);
    const become = (make: () => Tensor) => {
      const next = tf.tidy(make);
      g.dispose();
      g = next;
    };
    if (lossGradient === "blocked") become(() => tf.where(this.#weightsOnly(), 0, g));
    const penalty = this.#penalty;
    if (penalty) become(() => tf.add(g, tf.mul(tf.mul(penalty.on, penalty.strength), weights)));
    if (weightDecay !== 0) become(() => tf.add(g, tf.mul(weights, weightDecay)));
    this.#set(
      "momentum",
      tf.tidy(() => tf.add(tf.mul(before, momentum), g)),
    );
    const v = this.#values.momentum;
    if (nesterov) become(() => tf.add(g, tf.mul(v, momentum)));
    this.#set(
      "weights",
      tf.tidy(() => tf.sub(weights, tf.mul(nesterov ? g : v, learningRate))),
    );
  }

  #weightsOnly(): Tensor {
    if (this.#isWeight) return this.#isWeight;
    const flags = new Uint8Array(flatSize(this.#graph.learned));
    for (const { kind, offset, size } of this.#graph.learned)
      if (kind === "weight") flags.fill(1, offset, offset + size);
    this.#isWeight = tf.keep(tf.tensor1d(flags, "bool"));
    return this.#isWeight;
  }
}

/** (1 − s)·one-hot + s ÷ classes, [batch, classes]. */
function targets(labels: Labels, classes: number, smoothing: number): Tensor {
  const values = new Float32Array(labels.length * classes).fill(smoothing / classes);
  for (const [n, label] of labels.entries()) values[n * classes + label]! += 1 - smoothing;
  return tf.tensor(values, [labels.length, classes]);
}

/** Examples whose largest logit is the label's: the first of equals; a row with a NaN is never correct. */
function countCorrect(logits: Float32Array, labels: Labels, classes: number): number {
  let correct = 0;
  for (const [n, label] of labels.entries()) {
    const row = logits.subarray(n * classes, (n + 1) * classes);
    const own = row[label]!;
    if (row.every((z, c) => own > z || (own === z && label <= c))) correct++;
  }
  return correct;
}
