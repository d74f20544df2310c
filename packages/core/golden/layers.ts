/** Sub-cases of `layers`: one layer, the loss or the optimiser alone, through the engine contract. */
import type { z } from "zod";
import type { Engine, Network, Update } from "../src/engine/engine.ts";
import type { Architecture, Layer, Shape } from "../src/layers.ts";
import type { Weights } from "../src/weights.ts";
import { type Comparison, TOLERANCE } from "./compare.ts";
import { addSchema, batchNormSchema, crossEntropySchema, layerSchema, sgdSchema, type Tensor } from "./format.ts";

interface SubCase {
  readonly name: string;
  readonly file: unknown;
  readonly engine: Engine;
  readonly compare: Comparison;
}

/** Sub-cases by the beginning of their name. */
export const LAYER_CASES: readonly (readonly [prefix: string, run: (subCase: SubCase) => Promise<void>])[] = [
  ["conv", alone(conv)],
  ["linear", alone(linear)],
  ["relu", alone(() => ({ kind: "relu" }))],
  ["maxpool2x2", alone(() => ({ kind: "max-pool", kernel: [2, 2], stride: [2, 2], padding: [0, 0] }))],
  ["global_avg_pool", alone(() => ({ kind: "global-average-pool" }))],
  ["shortcut_A", alone(shortcut)],
  ["basic_block_add", add],
  ["batchnorm", batchNorm],
  ["cross_entropy", crossEntropy],
  ["sgd_", sgd],
];

/** Of a weight [outputs, inputs, kernel height, kernel width]; padded by half the kernel, the stride in the case's name. */
function conv({ weight, bias }: Readonly<Record<string, Tensor>>, _: Tensor, name: string): Layer {
  const [outputs, inputs, height, width] = weight!.shape as [number, number, number, number];
  const stride = /_s2/.test(name) ? 2 : 1;
  return {
    kind: "conv",
    name: LAYER,
    inputs,
    outputs,
    kernel: [height, width],
    stride: [stride, stride],
    padding: [Math.floor(height / 2), Math.floor(width / 2)],
    groups: 1,
    bias: bias !== undefined,
    prunable: true,
  };
}

function linear({ weight }: Readonly<Record<string, Tensor>>): Layer {
  const [outputs, inputs] = weight!.shape as [number, number];
  return { kind: "linear", name: LAYER, inputs, outputs, bias: true, prunable: true };
}

function shortcut({ x }: Readonly<Record<string, Tensor>>, output: Tensor): Layer {
  return { kind: "option-a", inputs: x!.shape[1]!, outputs: output.shape[1]!, stride: 2 };
}

/** One layer, made of the case's inputs, its output and its name. */
function alone(layer: (inputs: Readonly<Record<string, Tensor>>, output: Tensor, name: string) => Layer) {
  return async ({ name, file, engine, compare }: SubCase): Promise<void> => {
    const parsed = layerSchema.parse(file);
    await (await probed(parsed, layer(parsed.inputs, parsed.output, name), engine, compare)).dispose();
  };
}

/** Compiles the layer before an identity layer, compares both ways through it in training, and leaves the network. */
async function probed(
  { inputs: { x, ...own }, grad_output, output, grads }: z.infer<typeof layerSchema>,
  layer: Layer,
  engine: Engine,
  compare: Comparison,
): Promise<Network> {
  const batch = x.shape[0]!;
  const size = output.values.length / batch;
  const network = await engine.compile(net(shapeOf(x), [layer], size), batch);
  const weights = Object.entries(own).map(([name, tensor]) => [`${LAYER}.${name}`, floats(tensor)]);
  await network.write("weights", { ...Object.fromEntries(weights), ...identity(size) });
  const pass = await network.probe(floats(x), batch, floats(grad_output));
  compare.close("output", pass.output, output.values);
  for (const [name, { values }] of Object.entries(grads))
    compare.close(
      `gradient of ${name}`,
      name === "x" ? pass.inputGradient : pass.gradients[`${LAYER}.${name}`]!,
      values,
    );
  return network;
}

/** What a step remembers, and the output by it, besides. */
async function batchNorm({ file, engine, compare }: SubCase): Promise<void> {
  const parsed = batchNormSchema.parse(file);
  const { x } = parsed.inputs;
  const batch = x.shape[0]!;
  const layer: Layer = { kind: "batch-norm", name: LAYER, channels: x.shape[1]! };
  const network = await probed(parsed, layer, engine, compare);
  await network.step(floats(x), new Uint8Array(batch), STILL);
  const weights = await network.read("weights");
  compare.close("running mean", weights[`${LAYER}.running_mean`]!, parsed.running_mean_after.values);
  compare.close("running variance", weights[`${LAYER}.running_var`]!, parsed.running_var_after.values);
  const { output } = await network.probe(floats(x), batch, floats(parsed.grad_output), "evaluate");
  compare.close("output in evaluation", output, parsed.output_eval.values);
  await network.dispose();
}

/** relu(a + b): the images hold the channels of a, then those of b, and 1 × 1 convolutions take them apart again. */
async function add({ file, engine, compare }: SubCase): Promise<void> {
  const { inputs, grad_output, output, grads } = addSchema.parse(file);
  const [batch, channels, height, width] = inputs.a.shape as [number, number, number, number];
  const half = (name: string): Layer => ({
    kind: "conv",
    name,
    input: "images",
    inputs: 2 * channels,
    outputs: channels,
    kernel: [1, 1],
    stride: [1, 1],
    padding: [0, 0],
    groups: 1,
    bias: false,
    prunable: true,
  });
  const layers: Layer[] = [half("a"), half("b"), { kind: "add", other: "a" }, { kind: "relu" }];
  const size = channels * height * width;
  const network = await engine.compile(net([2 * channels, height, width], layers, size), batch);
  const choose = (first: number): Float32Array =>
    Float32Array.from({ length: 2 * channels * channels }, (_, i) =>
      i % (2 * channels) === first + Math.floor(i / (2 * channels)) ? 1 : 0,
    );
  await network.write("weights", { "a.weight": choose(0), "b.weight": choose(channels), ...identity(size) });
  const both = (a: Tensor, b: Tensor): Float32Array => {
    const joined = new Float32Array(2 * a.values.length);
    for (let n = 0; n < batch; n++)
      for (const [k, { values }] of [a, b].entries())
        joined.set(values.subarray(n * size, (n + 1) * size), (2 * n + k) * size);
    return joined;
  };
  const pass = await network.probe(both(inputs.a, inputs.b), batch, floats(grad_output));
  compare.close("output", pass.output, output.values);
  compare.close("gradients of a and b", pass.inputGradient, both(grads.a, grads.b));
  await network.dispose();
}

/** Logits go through an identity layer, whose bias has the gradient of the logits, one example at a time. */
async function crossEntropy({ file, engine, compare }: SubCase): Promise<void> {
  const { inputs, targets, loss, log_softmax, grads } = crossEntropySchema.parse(file);
  const [batch, classes] = inputs.logits.shape as [number, number];
  const network = await engine.compile(net([classes, 1, 1], [], classes), batch);
  await network.write("weights", identity(classes));
  const logits = floats(inputs.logits);
  const row = (n: number) => logits.slice(n * classes, (n + 1) * classes);

  const gradients: number[] = [];
  const logSoftmax: number[] = [];
  for (let n = 0; n < batch; n++) {
    const gradient = await network.gradients(row(n), Uint8Array.of(targets[n]!));
    gradients.push(...gradient[`${IDENTITY}.bias`]!.map((g) => g / batch)); // the case's loss is the mean over the batch
    for (let c = 0; c < classes; c++) logSoftmax.push(-(await network.evaluate(row(n), Uint8Array.of(c))).loss);
  }
  compare.close("gradient of logits", gradients, grads.logits.values);
  compare.close("log-softmax", logSoftmax, log_softmax.values);

  await network.step(logits, Uint8Array.from(targets), STILL);
  compare.close("loss", await network.losses(), [loss]);
  await network.dispose();
}

async function sgd({ file, engine, compare }: SubCase): Promise<void> {
  const { lr, momentum, weight_decay, weight, grads, weights_after, momentum_after } = sgdSchema.parse(file);
  const [outputs, inputs] = weight.shape as [number, number];
  const fc: Layer = { kind: "linear", name: "fc", inputs, outputs, bias: false, prunable: true };
  const network = await engine.compile({ input: [inputs, 1, 1], classes: outputs, layers: [fc] }, 1);
  await network.write("weights", { "fc.weight": floats(weight) });
  for (const [i, learningRate] of lr.entries()) {
    await network.write("gradients", { "fc.weight": floats(grads[i]!) });
    await network.update({ ...STILL, learningRate, momentum, weightDecay: weight_decay });
    const weights = await network.read("weights");
    compare.close(`weight after ${i + 1}`, weights["fc.weight"]!, weights_after[i]!.values);
    if (!momentum_after) continue;
    const velocity = await network.read("momentum");
    compare.close(`momentum after ${i + 1}`, velocity["fc.weight"]!, momentum_after[i]!.values, TOLERANCE.momentum);
  }
  await network.dispose();
}

/** The layer whose case it is, and the identity after it. */
const LAYER = "layer";
const IDENTITY = "identity";

/** A step that changes no weight. */
const STILL: Update = {
  learningRate: 0,
  momentum: 0,
  weightDecay: 0,
  nesterov: false,
  labelSmoothing: 0,
  lossGradient: "kept",
};

const floats = ({ values }: Tensor): Float32Array => Float32Array.from(values);

/** [batch, channels, height, width] or [batch, features]. */
const shapeOf = ({ shape: [, channels, height = 1, width = 1] }: Tensor): Shape => [channels!, height, width];

/** Layers that give `size` values, and an identity layer, which changes no bit. */
const net = (input: Shape, layers: readonly Layer[], size: number): Architecture => ({
  input,
  classes: size,
  layers: [
    ...layers,
    { kind: "flatten" },
    { kind: "linear", name: IDENTITY, inputs: size, outputs: size, bias: true, prunable: false },
  ],
});

const identity = (size: number): Weights => ({
  [`${IDENTITY}.weight`]: Float32Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0)),
  [`${IDENTITY}.bias`]: new Float32Array(size),
});
