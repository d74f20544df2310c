/**
 * Runs all layers of a net forward and back, and frees every tensor as soon as nothing needs it any more: on a device,
 * memory is what decides how large a batch may be. Called inside a `tf.tidy`.
 */
import * as tf from "@tensorflow/tfjs-core";
import { type Architecture, type Node, nodesOf, parameters, type Shape } from "../../layers.ts";
import { type Place, placesOf, view } from "./flat.ts";
import { forward, type Pass, type Tensor } from "./passes.ts";

/** Values of all parameters: learned ones and states, each as one vector. */
export interface Values {
  readonly learned: Tensor;
  readonly state: Tensor;
}

export interface Settings {
  /** "train": batch norm normalises by the batch; "evaluate": by what it remembers. */
  readonly mode: "train" | "evaluate";
  /** What the dropout layer with this index multiplies with; null = drops nothing. */
  kept(node: number): Tensor | null;
}

interface Ran extends Pass {
  /** Parameters that `backward` reads. */
  readonly read: readonly Tensor[];
}

export class Graph {
  readonly nodes: readonly Node[];
  /** Of all parameters, in the model's order. */
  readonly names: readonly string[];
  readonly learned: readonly Place[];
  readonly states: readonly Place[];
  readonly #own: readonly { readonly learned: readonly Place[]; readonly states: readonly Place[] }[];
  /** Has it, or anything before it, parameters? */
  readonly #learns: boolean[] = [];
  /** The last node that reads a node's output; the net's output is read by nobody. */
  readonly #lastReader = new Map<number, number>();

  constructor(architecture: Architecture) {
    this.nodes = nodesOf(architecture);
    const all = parameters(architecture);
    this.names = all.map(({ name }) => name);
    this.learned = placesOf(all.filter(({ kind }) => kind !== "state"));
    this.states = placesOf(all.filter(({ kind }) => kind === "state"));
    this.#own = this.nodes.map(({ layer }) => {
      const own = ({ name }: Place) => layer.name !== undefined && name.slice(0, name.lastIndexOf(".")) === layer.name;
      return { learned: this.learned.filter(own), states: this.states.filter(own) };
    });
    for (const [i, { inputs }] of this.nodes.entries()) {
      this.#learns.push(this.#own[i]!.learned.length > 0 || inputs.some((from) => from >= 0 && this.#learns[from]));
      for (const from of inputs) this.#lastReader.set(from, i);
    }
  }

  /** The output, [batch, 1, 1, classes]. */
  evaluate(images: Tensor, values: Values): Tensor {
    const outputs: Tensor[] = [];
    for (const [i, { inputs }] of this.nodes.entries()) {
      outputs.push(
        tidied(() => this.#forward(i, images, outputs, values, { mode: "evaluate", kept: () => null }).output),
      );
      for (const from of inputs) if (from >= 0 && this.#lastReader.get(from) === i) outputs[from]!.dispose();
    }
    return outputs.at(-1)!;
  }

  /**
   * Forward, and back with what `gradientOf` makes of the output, [batch, 1, 1, classes].
   * @returns gradients of the learned parameters in their order; that of the images, if it is wanted; and for each batch
   * norm in training the mean and unbiased variance, in the order of the states
   */
  train(
    images: Tensor,
    values: Values,
    settings: Settings,
    wantImages: boolean,
    gradientOf: (output: Tensor) => Tensor,
  ): { learned: Tensor[]; images: Tensor | null; statistics: Tensor[] } {
    const outputs: Tensor[] = [];
    const ran = this.nodes.map((_, i) => {
      const pass = tidied(() => this.#forward(i, images, outputs, values, settings));
      outputs.push(pass.output);
      return pass;
    });
    const wanted = (node: number) => wantImages || (node >= 0 && this.#learns[node]!);
    const arrived = new Map([[this.nodes.length - 1, gradientOf(outputs.at(-1)!)]]);
    const learned: (readonly Tensor[])[] = [];
    for (let i = this.nodes.length - 1; i >= 0; i--) {
      if (!wanted(i)) continue;
      const { inputs } = this.nodes[i]!;
      const dy = arrived.get(i) ?? tf.zerosLike(outputs[i]!); // an output that nobody reads
      const gradients = tidied(() => ran[i]!.backward(dy, inputs.some(wanted)));
      learned.push(gradients.learned ?? []);
      for (const [k, from] of inputs.entries()) {
        const gradient = gradients.inputs[k]!;
        const before = arrived.get(from);
        if (gradient) arrived.set(from, before ? tf.add(before, gradient) : gradient);
        if (gradient && before) tf.dispose([before, gradient]);
      }
      tf.dispose([dy, ran[i]!.output, ran[i]!.saved ?? [], ran[i]!.read] as tf.TensorContainer);
    }
    return {
      learned: learned.reverse().flat(),
      images: arrived.get(-1) ?? null,
      statistics: ran.flatMap(({ statistics }) => statistics ?? []),
    };
  }

  #forward(node: number, images: Tensor, outputs: readonly Tensor[], values: Values, settings: Settings): Ran {
    const own = this.#own[node]!;
    const learned = own.learned.map((place) => view(values.learned, place));
    const running = settings.mode === "train" ? null : own.states.map((place) => view(values.state, place));
    const inputs = this.nodes[node]!.inputs.map((from) => (from < 0 ? images : outputs[from]!));
    const pass = forward(this.nodes[node]!, { inputs, learned, running, kept: settings.kept(node) });
    return { ...pass, read: learned };
  }

  /** Values of one example in the largest tensor of activations. Padding of convolutions and pools is not counted. */
  largestExample(): number {
    return Math.max(...this.nodes.flatMap(({ inputShape, shape }) => [volume(inputShape), volume(shape)]));
  }

  /**
   * Bytes of activations in a training iteration, an estimate: every output, what passes save, and beside them three times
   * the largest layer's input and output, for gradients and intermediate values. What tfjs keeps for reuse comes on top.
   */
  trainingBytes(batch: number): number {
    let values = volume(this.nodes[0]!.inputShape);
    let largest = 0;
    for (const { layer, inputShape, shape } of this.nodes) {
      const saves = layer.kind === "batch-norm" || layer.kind === "dropout" || layer.kind === "conv";
      values += volume(shape) + (saves ? volume(inputShape) : 0);
      largest = Math.max(largest, volume(inputShape) + volume(shape));
    }
    return 4 * batch * (values + 3 * largest);
  }
}

/** tf.tidy, whose types know tensors alone: what else a result holds goes through untouched. */
const tidied = <T>(run: () => T): T => tf.tidy(run as () => tf.TensorContainer) as T;

const volume = ([channels, height, width]: Shape): number => channels * height * width;
