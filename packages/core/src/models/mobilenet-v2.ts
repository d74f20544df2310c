/**
 * MobileNetV2 (Sandler et al. 2018, Table 2): blocks that widen the channels 1 × 1, convolve each by itself 3 × 3, and narrow
 * them 1 × 1 without an activation; the shortcut joins the narrow ends. Prunable: every convolution but the first.
 *
 * `mobilenet-v2-imagenet` is torchvision's, names and dropout included. `mobilenet-v2` is kuangliu/pytorch-cifar's, for small
 * images: strides of 1 in the stem and the second stage, ReLU for ReLU6, a first block with the convolution that widens though
 * it widens nothing, a projection where a block of stride 1 changes the channels, no dropout. Initialised like the other conv
 * nets here (torchvision: by fan_out).
 */
import type { Architecture, Layer, Shape } from "../layers.ts";
import { batchNorm, classifier, conv, relu, relu6 } from "./blocks.ts";
import { kaimingNormal } from "./initialise.ts";
import type { Model } from "./model.ts";

/** Of a convolution and its batch norm. */
type Names = readonly [conv: string, norm: string];

/** In what torchvision's and pytorch-cifar's nets differ, strides of the stages apart. */
interface Variant {
  readonly act: (name?: string) => Layer;
  readonly stem: { readonly names: Names; readonly stride: number };
  /** Names of block n, from 0; `widen` is null where there is no such convolution. */
  block(n: number, expansion: number): { readonly name: string; widen: Names | null; each: Names; narrow: Names };
  /** Does a convolution 1 × 1 join ends of different widths? */
  readonly projects: boolean;
  /** Names of the last convolution, after so many blocks. */
  last(blocks: number): Names;
  readonly dropout: readonly Layer[];
  readonly classifier: string;
}

const torchvision: Variant = {
  act: relu6,
  stem: { names: ["features.0.0", "features.0.1"], stride: 2 },
  block(n, expansion) {
    const name = `features.${n + 1}`;
    const at = (place: number): string => `${name}.conv.${expansion === 1 ? place - 1 : place}`;
    return {
      name,
      widen: expansion === 1 ? null : [`${at(0)}.0`, `${at(0)}.1`],
      each: [`${at(1)}.0`, `${at(1)}.1`],
      narrow: [at(2), at(3)],
    };
  },
  projects: false,
  last: (blocks) => [`features.${blocks + 1}.0`, `features.${blocks + 1}.1`],
  dropout: [{ kind: "dropout", name: "classifier.0", rate: 0.2 }],
  classifier: "classifier.1",
};

const pytorchCifar: Variant = {
  act: relu,
  stem: { names: ["conv1", "bn1"], stride: 1 },
  block(n) {
    const name = `layers.${n}`;
    const names = (k: number): Names => [`${name}.conv${k}`, `${name}.bn${k}`];
    return { name, widen: names(1), each: names(2), narrow: names(3) };
  },
  projects: true,
  last: () => ["conv2", "bn2"],
  dropout: [],
  classifier: "linear",
};

/** A row of the paper's table: how many times as wide its blocks are inside, what they give, their number, the first's stride. */
type Stage = readonly [expansion: number, width: number, blocks: number, stride: number];
interface Size {
  readonly stem: number;
  readonly stages: readonly Stage[];
  readonly features: number;
}

const paper = (strideOfSecond: number): Size => ({
  stem: 32,
  stages: [
    [1, 16, 1, 1],
    [6, 24, 2, strideOfSecond],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
  ],
  features: 1280,
});

function mobilenet(input: Shape, classes: number, { stem, stages, features }: Size, variant: Variant): Architecture {
  const { act } = variant;
  const layers: Layer[] = [
    conv(variant.stem.names[0], input[0], stem, 3, { stride: variant.stem.stride, prunable: false }),
    batchNorm(variant.stem.names[1], stem),
    act("stem"),
  ];
  let [from, inputs, n] = ["stem", stem, 0];
  for (const [expansion, outputs, blocks, strideOfFirst] of stages) {
    for (let i = 0; i < blocks; i++, n++) {
      const { name, widen, each, narrow } = variant.block(n, expansion);
      const stride = i === 0 ? strideOfFirst : 1;
      const inside = inputs * expansion;
      if (widen) layers.push(conv(widen[0], inputs, inside, 1), batchNorm(widen[1], inside), act());
      layers.push(conv(each[0], inside, inside, 3, { stride, groups: inside }), batchNorm(each[1], inside), act());
      layers.push(conv(narrow[0], inside, outputs, 1), batchNorm(narrow[1], outputs));
      const alike = inputs === outputs;
      const joins = stride === 1 && (alike || variant.projects);
      if (joins && !alike)
        layers.push(
          conv(`${name}.shortcut.0`, inputs, outputs, 1, { input: from }),
          batchNorm(`${name}.shortcut.1`, outputs),
        );
      if (joins) layers.push({ kind: "add", name, other: alike ? from : narrow[1] });
      from = joins ? name : narrow[1];
      inputs = outputs;
    }
  }
  const [last, lastNorm] = variant.last(n);
  layers.push(conv(last, inputs, features, 1), batchNorm(lastNorm, features), act(), { kind: "global-average-pool" });
  return { input, classes, layers: [...layers, ...variant.dropout, classifier(variant.classifier, features, classes)] };
}

/** Torchvision's net, and in another size for tests. */
export const mobilenetImagenet = (input: Shape, classes: number, size = paper(2)): Architecture =>
  mobilenet(input, classes, size, torchvision);
/** Pytorch-cifar's net, and in another size for tests. */
export const mobilenetSmall = (input: Shape, classes: number, size = paper(1)): Architecture =>
  mobilenet(input, classes, size, pytorchCifar);

const common = {
  paper: {
    title: "MobileNetV2: Inverted Residuals and Linear Bottlenecks (Sandler, Howard, Zhu, Zhmoginov, Chen, 2018)",
    url: "https://arxiv.org/abs/1801.04381",
  },
  initialise: kaimingNormal,
};

export const mobilenetV2: Model = {
  ...common,
  id: "mobilenet-v2",
  name: "MobileNetV2",
  summary: "Depthwise convolutions, for small images, as pytorch-cifar has it: 2,296,922 parameters on CIFAR-10.",
  architecture: (input, classes) => mobilenetSmall(input, classes),
};
export const mobilenetV2Imagenet: Model = {
  ...common,
  id: "mobilenet-v2-imagenet",
  name: "MobileNetV2 (ImageNet stem)",
  summary: "Depthwise convolutions, as torchvision has it: 3,504,872 parameters on ImageNet-1k.",
  architecture: (input, classes) => mobilenetImagenet(input, classes),
};
