/**
 * Residual nets for small images (He et al. 2016, §4.2): three stages of 16, 32 and 64 channels, of n blocks with two
 * convolutions each: 6n + 2 layers. Shortcuts have no parameters (option A). Names as in the DLTH authors' code.
 * As there, the body's convolutions are prunable: not the first one, not the classifier.
 */
import type { Architecture, Layer, Shape } from "../layers.ts";
import { batchNorm, classifier, conv, relu } from "./blocks.ts";
import { kaimingNormal } from "./initialise.ts";
import type { Model } from "./model.ts";

/**
 * @param widths channels of each stage; each but the first halves the plane
 * @param blocks number of blocks of each stage
 */
export function resnetA(
  input: Shape,
  classes: number,
  widths: readonly number[],
  blocks: readonly number[],
): Architecture {
  let channels = widths[0]!;
  const layers: Layer[] = [
    conv("conv1", input[0], channels, 3, { prunable: false }),
    batchNorm("bn1", channels),
    relu("stem"),
  ];
  let from = "stem";
  for (const [stage, width] of widths.entries()) {
    for (let block = 0; block < blocks[stage]!; block++) {
      const name = `layer${stage + 1}.${block}`;
      const stride = stage > 0 && block === 0 ? 2 : 1;
      layers.push(...basicBlock(name, from, channels, width, stride));
      from = name;
      channels = width;
    }
  }
  layers.push({ kind: "global-average-pool" }, classifier("linear", channels, classes));
  return { input, classes, layers };
}

function basicBlock(name: string, from: string, inputs: number, outputs: number, stride: number): Layer[] {
  const plain = stride === 1 && inputs === outputs;
  const shortcut = `${name}.shortcut`;
  return [
    ...(plain ? [] : [{ kind: "option-a", name: shortcut, input: from, inputs, outputs, stride } as const]),
    conv(`${name}.conv1`, inputs, outputs, 3, { stride, input: from }),
    batchNorm(`${name}.bn1`, outputs),
    relu(),
    conv(`${name}.conv2`, outputs, outputs, 3),
    batchNorm(`${name}.bn2`, outputs),
    { kind: "add", other: plain ? from : shortcut },
    relu(name),
  ];
}

const resnet = (depth: number, summary: string): Model => {
  const blocks = (depth - 2) / 6;
  return {
    id: `resnet-${depth}`,
    name: `ResNet-${depth}`,
    paper: {
      title: "Deep Residual Learning for Image Recognition (He, Zhang, Ren, Sun, 2016)",
      url: "https://arxiv.org/abs/1512.03385",
    },
    summary,
    architecture: (input, classes) => resnetA(input, classes, [16, 32, 64], [blocks, blocks, blocks]),
    initialise: kaimingNormal,
  };
};

export const resnet8 = resnet(8, "The smallest of its family, for tests and tracking: 75,290 parameters on CIFAR-10.");
export const resnet20 = resnet(20, "Residual, for small images: 269,722 parameters on CIFAR-10, option-A shortcuts.");
export const resnet32 = resnet(32, "Residual, for small images: 464,154 parameters on CIFAR-10, option-A shortcuts.");
export const resnet44 = resnet(44, "Residual, for small images: 658,586 parameters on CIFAR-10, option-A shortcuts.");
export const resnet56 = resnet(56, "The DLTH paper's: 853,018 parameters on CIFAR-10, 847,872 of them prunable.");
export const resnet110 = resnet(
  110,
  "Residual, for small images: 1,727,962 parameters on CIFAR-10, option-A shortcuts.",
);
