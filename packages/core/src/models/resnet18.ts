/**
 * ResNet-18 (He et al. 2016, Table 1): four stages of two blocks, 64 to 512 channels; where a block changes shape, its shortcut
 * is a convolution 1 × 1 with batch norm (option B). Names as in torchvision, whose net has the ImageNet stem; the other stem
 * is what CIFAR and small images get (kuangliu/pytorch-cifar). Prunable: every convolution but the first, shortcuts included,
 * as the DLTH authors' code prunes them.
 */
import type { Layer } from "../layers.ts";
import { batchNorm, classifier, conv, maxPool, relu } from "./blocks.ts";
import { kaimingNormal } from "./initialise.ts";
import type { Model } from "./model.ts";

const WIDTHS = [64, 128, 256, 512];
const BLOCKS = 2;

type Stem = "small" | "imagenet";

function layersOf(channels: number, classes: number, stem: Stem): Layer[] {
  let [inputs] = WIDTHS as [number];
  const layers: Layer[] =
    stem === "small"
      ? [conv("conv1", channels, inputs, 3, { prunable: false }), batchNorm("bn1", inputs), relu("stem")]
      : [
          conv("conv1", channels, inputs, 7, { stride: 2, prunable: false }),
          batchNorm("bn1", inputs),
          relu(),
          { ...maxPool(3, 2, 1), name: "stem" },
        ];
  let from = "stem";
  for (const [stage, outputs] of WIDTHS.entries()) {
    for (let block = 0; block < BLOCKS; block++) {
      const name = `layer${stage + 1}.${block}`;
      layers.push(...basicBlock(name, from, inputs, outputs, stage > 0 && block === 0 ? 2 : 1));
      from = name;
      inputs = outputs;
    }
  }
  return [...layers, { kind: "global-average-pool" }, classifier("fc", inputs, classes)];
}

function basicBlock(name: string, from: string, inputs: number, outputs: number, stride: number): Layer[] {
  const body = [
    conv(`${name}.conv1`, inputs, outputs, 3, { stride, input: from }),
    batchNorm(`${name}.bn1`, outputs),
    relu(),
    conv(`${name}.conv2`, outputs, outputs, 3),
    batchNorm(`${name}.bn2`, outputs),
  ];
  if (stride === 1 && inputs === outputs) return [...body, { kind: "add", other: from }, relu(name)];
  return [
    ...body,
    conv(`${name}.downsample.0`, inputs, outputs, 1, { stride, input: from }),
    batchNorm(`${name}.downsample.1`, outputs),
    { kind: "add", other: `${name}.bn2` },
    relu(name),
  ];
}

const model = (id: string, name: string, stem: Stem, summary: string): Model => ({
  id,
  name,
  paper: {
    title: "Deep Residual Learning for Image Recognition (He, Zhang, Ren, Sun, 2016)",
    url: "https://arxiv.org/abs/1512.03385",
  },
  summary,
  architecture: (input, classes) => ({ input, classes, layers: layersOf(input[0], classes, stem) }),
  initialise: kaimingNormal,
});

export const resnet18 = model(
  "resnet-18",
  "ResNet-18",
  "small",
  "For small images, its first convolution 3 × 3: 11,173,962 parameters on CIFAR-10.",
);
export const resnet18Imagenet = model(
  "resnet-18-imagenet",
  "ResNet-18 (ImageNet stem)",
  "imagenet",
  "As torchvision has it, its first convolution 7 × 7 of stride 2, then a max-pool: 11,689,512 parameters on ImageNet-1k.",
);
