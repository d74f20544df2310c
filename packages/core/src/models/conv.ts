/**
 * The scaled-down VGGs of the lottery ticket paper (Frankle and Carbin 2019, Fig. 2): pairs of convolutions 3 × 3, each pair
 * followed by a max-pool, then linear layers of 256, 256 and the classes; no batch norm. Prunable, by the DLTH rule: every weight
 * but the first convolution's and the classifier's. Initialised like the other conv nets here (the paper: Glorot's normal).
 */
import type { Layer } from "../layers.ts";
import { classifier, conv, maxPool, relu } from "./blocks.ts";
import { kaimingNormal } from "./initialise.ts";
import type { Model } from "./model.ts";

const HIDDEN = 256;

/** @param widths channels of each pair of convolutions */
const pairs = (widths: readonly number[], summary: string): Model => ({
  id: `conv-${2 * widths.length}`,
  name: `Conv-${2 * widths.length}`,
  paper: {
    title: "The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural Networks (Frankle, Carbin, 2019)",
    url: "https://arxiv.org/abs/1803.03635",
  },
  summary,
  architecture(input, classes) {
    const layers: Layer[] = [];
    let [channels, height, width] = input;
    for (const [i, outputs] of widths.entries()) {
      layers.push(
        conv(`conv${2 * i + 1}`, channels, outputs, 3, { bias: true, prunable: i > 0 }),
        relu(),
        conv(`conv${2 * i + 2}`, outputs, outputs, 3, { bias: true }),
        relu(),
        maxPool(2, 2),
      );
      channels = outputs;
      [height, width] = [Math.floor(height / 2), Math.floor(width / 2)];
    }
    const inputs = channels * height * width;
    layers.push(
      { kind: "flatten" },
      { kind: "linear", name: "fc1", inputs, outputs: HIDDEN, bias: true, prunable: true },
      relu(),
      { kind: "linear", name: "fc2", inputs: HIDDEN, outputs: HIDDEN, bias: true, prunable: true },
      relu(),
      classifier("fc3", HIDDEN, classes),
    );
    return { input, classes, layers };
  },
  initialise: kaimingNormal,
});

export const conv2 = pairs([64], "Two convolutions and three linear layers: 4,301,642 parameters on CIFAR-10.");
export const conv4 = pairs([64, 128], "Four convolutions and three linear layers: 2,425,930 parameters on CIFAR-10.");
export const conv6 = pairs(
  [64, 128, 256],
  "Six convolutions and three linear layers: 2,262,602 parameters on CIFAR-10.",
);
