/**
 * VGG for small images, with batch norm: convolutions 3 × 3 in five groups, a max-pool between two groups, the average of the
 * plane that is left, and one linear layer. Names, biases under the batch norms and the pooling as in the lottery ticket
 * authors' open_lth (`models/cifar_vgg.py`); the other common one (kuangliu/pytorch-cifar) has the same parameters, and on
 * 32 × 32 a maximum in place of the average. Prunable: every convolution but the first.
 */
import type { Layer } from "../layers.ts";
import { batchNorm, classifier, conv, maxPool, relu } from "./blocks.ts";
import { kaimingNormal } from "./initialise.ts";
import type { Model } from "./model.ts";

const WIDTHS = [64, 128, 256, 512, 512];

/** @param convolutions number of each group: tables A, D and E of the paper */
const vgg = (depth: number, convolutions: readonly number[], summary: string): Model => ({
  id: `vgg-${depth}-bn`,
  name: `VGG-${depth} (batch norm)`,
  paper: {
    title: "Very Deep Convolutional Networks for Large-Scale Image Recognition (Simonyan, Zisserman, 2015)",
    url: "https://arxiv.org/abs/1409.1556",
  },
  summary,
  architecture(input, classes) {
    const layers: Layer[] = [];
    let [channels] = input;
    let place = 0; // in open_lth's list, where a pool takes a place too
    for (const [group, width] of WIDTHS.entries()) {
      if (group > 0) {
        layers.push(maxPool(2, 2));
        place++;
      }
      for (let i = 0; i < convolutions[group]!; i++, place++) {
        const name = `layers.${place}`;
        layers.push(
          conv(`${name}.conv`, channels, width, 3, { bias: true, prunable: place > 0 }),
          batchNorm(`${name}.bn`, width),
          relu(),
        );
        channels = width;
      }
    }
    layers.push({ kind: "global-average-pool" }, classifier("fc", channels, classes));
    return { input, classes, layers };
  },
  initialise: kaimingNormal,
});

export const vgg11 = vgg(11, [1, 1, 2, 2, 2], "For small images, from 16 × 16: 9,231,114 parameters on CIFAR-10.");
export const vgg16 = vgg(16, [2, 2, 3, 3, 3], "For small images, from 16 × 16: 14,728,266 parameters on CIFAR-10.");
export const vgg19 = vgg(19, [2, 2, 4, 4, 4], "For small images, from 16 × 16: 20,040,522 parameters on CIFAR-10.");
