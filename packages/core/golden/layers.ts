/** Sub-cases of `layers`: one layer, the loss or the optimiser alone, through the engine contract. */
import type { Engine, Network } from "../src/engine/engine.ts";
import type { Architecture, Layer } from "../src/layers.ts";
import { type Comparison, TOLERANCE } from "./compare.ts";
import { crossEntropySchema, linearSchema, reluSchema, sgdSchema, type Tensor } from "./format.ts";

type SubCase = (file: unknown, engine: Engine, compare: Comparison) => Promise<void>;

/** Sub-cases by the beginning of their name; the others need layers that there are not yet. */
export const LAYER_CASES: readonly (readonly [prefix: string, run: SubCase])[] = [
  ["linear", linear],
  ["relu", relu],
  ["cross_entropy", crossEntropy],
  ["sgd_", sgd],
];

async function linear(file: unknown, engine: Engine, compare: Comparison): Promise<void> {
  const { inputs, grad_output, output, grads } = linearSchema.parse(file);
  const [batch, width] = inputs.x.shape as [number, number];
  const network = await engine.compile(net(width, [dense("fc", inputs.weight)]), batch);
  await network.write("weights", { "fc.weight": floats(inputs.weight), "fc.bias": floats(inputs.bias) });
  const probed = await network.probe(floats(inputs.x), batch, floats(grad_output));
  compare.close("output", probed.output, output.values);
  compare.close("gradient of x", probed.inputGradient, grads.x.values);
  compare.close("gradient of weight", probed.gradients["fc.weight"]!, grads.weight.values);
  compare.close("gradient of bias", probed.gradients["fc.bias"]!, grads.bias.values);
  await network.dispose();
}

/** Before an identity layer, which changes no bit. */
async function relu(file: unknown, engine: Engine, compare: Comparison): Promise<void> {
  const { inputs, grad_output, output, grads } = reluSchema.parse(file);
  const [batch, width] = inputs.x.shape as [number, number];
  const network = await engine.compile(net(width, [{ kind: "relu" }, square("out", width)]), batch);
  await writeIdentity(network, "out", width);
  const probed = await network.probe(floats(inputs.x), batch, floats(grad_output));
  compare.close("output", probed.output, output.values);
  compare.close("gradient of x", probed.inputGradient, grads.x.values);
  await network.dispose();
}

/** Logits go through an identity layer, whose bias has the gradient of the logits, one example at a time. */
async function crossEntropy(file: unknown, engine: Engine, compare: Comparison): Promise<void> {
  const { inputs, targets, loss, log_softmax, grads } = crossEntropySchema.parse(file);
  const [batch, classes] = inputs.logits.shape as [number, number];
  const network = await engine.compile(net(classes, [square("out", classes)]), batch);
  await writeIdentity(network, "out", classes);
  const logits = floats(inputs.logits);
  const row = (n: number) => logits.slice(n * classes, (n + 1) * classes);

  const gradients: number[] = [];
  const logSoftmax: number[] = [];
  for (let n = 0; n < batch; n++) {
    const gradient = await network.gradients(row(n), Uint8Array.of(targets[n]!));
    gradients.push(...gradient["out.bias"]!.map((g) => g / batch)); // the case's loss is the mean over the batch
    for (let c = 0; c < classes; c++) logSoftmax.push(-(await network.evaluate(row(n), Uint8Array.of(c))).loss);
  }
  compare.close("gradient of logits", gradients, grads.logits.values);
  compare.close("log-softmax", logSoftmax, log_softmax.values);

  const still = { learningRate: 0, momentum: 0, weightDecay: 0, nesterov: false, labelSmoothing: 0 };
  await network.step(logits, Uint8Array.from(targets), { ...still, lossGradient: "kept" });
  compare.close("loss", await network.losses(), [loss]);
  await network.dispose();
}

async function sgd(file: unknown, engine: Engine, compare: Comparison): Promise<void> {
  const { lr, momentum, weight_decay, weight, grads, weights_after, momentum_after } = sgdSchema.parse(file);
  const network = await engine.compile(net(weight.shape[1]!, [dense("fc", weight, false)]), 1);
  await network.write("weights", { "fc.weight": floats(weight) });
  for (const [i, learningRate] of lr.entries()) {
    await network.write("gradients", { "fc.weight": floats(grads[i]!) });
    const rest = { nesterov: false, labelSmoothing: 0, lossGradient: "kept" } as const;
    await network.update({ learningRate, momentum, weightDecay: weight_decay, ...rest });
    const weights = await network.read("weights");
    compare.close(`weight after ${i + 1}`, weights["fc.weight"]!, weights_after[i]!.values);
    if (!momentum_after) continue;
    const velocity = await network.read("momentum");
    compare.close(`momentum after ${i + 1}`, velocity["fc.weight"]!, momentum_after[i]!.values, TOLERANCE.momentum);
  }
  await network.dispose();
}

const floats = ({ values }: Tensor): Float32Array => Float32Array.from(values);

const net = (width: number, layers: readonly Layer[]): Architecture => {
  const last = layers.findLast((layer) => layer.kind === "linear")!;
  return { input: [1, 1, width], classes: last.outputs, layers: [{ kind: "flatten" }, ...layers] };
};

const dense = (name: string, weight: Tensor, bias = true): Layer => {
  const [outputs, inputs] = weight.shape as [number, number];
  return { kind: "linear", name, inputs, outputs, bias, prunable: true };
};

const square = (name: string, width: number): Layer =>
  dense(name, { shape: [width, width], values: new Float32Array() });

const writeIdentity = (network: Network, name: string, width: number): Promise<void> =>
  network.write("weights", {
    [`${name}.weight`]: Float32Array.from({ length: width * width }, (_, i) => (i % (width + 1) === 0 ? 1 : 0)),
    [`${name}.bias`]: new Float32Array(width),
  });
