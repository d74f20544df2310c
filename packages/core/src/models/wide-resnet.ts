/**
 * Wide residual nets (Zagoruyko and Komodakis 2016, Table 1): WRN-n-k has n layers, three stages of (n − 4)/6 blocks with k times
 * 16, 32 and 64 channels. Pre-activation: batch norm and ReLU stand before each convolution; where a block changes shape, its
 * shortcut is a convolution 1 × 1 of what the first of them gives. No dropout (the paper has nets with and without).
 * Names as in xternalz/WideResNet-pytorch. Prunable: every convolution but the first, shortcuts included. Initialised like the
 * other residual nets here (the authors: by fan_out).
 */
import type { Architecture, Layer, Shape } from "../layers.ts";
import { batchNorm, classifier, conv, relu } from "./blocks.ts";
import { kaimingNormal } from "./initialise.ts";
import type { Model } from "./model.ts";

/**
 * @param stem channels of the first convolution
 * @param widths channels of each stage; each but the first halves the plane
 * @param blocks number of blocks of each stage
 */
export function wideResnet(
  input: Shape,
  classes: number,
  stem: number,
  widths: readonly number[],
  blocks: number,
): Architecture {
  const layers: Layer[] = [conv("conv1", input[0], stem, 3, { prunable: false })];
  let [from, channels] = ["conv1", stem];
  for (const [stage, width] of widths.entries()) {
    for (let i = 0; i < blocks; i++) {
      const name = `block${stage + 1}.layer.${i}`;
      layers.push(...block(name, from, channels, width, stage > 0 && i === 0 ? 2 : 1));
      from = name;
      channels = width;
    }
  }
  layers.push(batchNorm("bn1", channels), relu(), { kind: "global-average-pool" }, classifier("fc", channels, classes));
  return { input, classes, layers };
}

function block(name: string, from: string, inputs: number, outputs: number, stride: number): Layer[] {
  const activated = `${name}.relu1`;
  const body = [
    { ...batchNorm(`${name}.bn1`, inputs), input: from },
    relu(activated),
    conv(`${name}.conv1`, inputs, outputs, 3, { stride }),
    batchNorm(`${name}.bn2`, outputs),
    relu(),
    conv(`${name}.conv2`, outputs, outputs, 3),
  ];
  if (inputs === outputs) return [...body, { kind: "add", name, other: from }];
  return [
    ...body,
    conv(`${name}.convShortcut`, inputs, outputs, 1, { stride, input: activated }),
    { kind: "add", name, other: `${name}.conv2` },
  ];
}

const wrn = (depth: number, width: number, count: string): Model => ({
  id: `wrn-${depth}-${width}`,
  name: `WRN-${depth}-${width}`,
  paper: {
    title: "Wide Residual Networks (Zagoruyko, Komodakis, 2016)",
    url: "https://arxiv.org/abs/1605.07146",
  },
  summary: `Residual, for small images, pre-activation, ${width} times as wide: ${count} parameters on CIFAR-10.`,
  architecture: (input, classes) =>
    wideResnet(
      input,
      classes,
      16,
      [16, 32, 64].map((channels) => channels * width),
      (depth - 4) / 6,
    ),
  initialise: kaimingNormal,
});

export const wrn16x8 = wrn(16, 8, "10,961,370");
export const wrn22x2 = wrn(22, 2, "1,079,642");
export const wrn28x10 = wrn(28, 10, "36,479,194");
export const wrn40x2 = wrn(40, 2, "2,243,546");
