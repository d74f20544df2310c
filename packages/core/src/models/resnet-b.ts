/**
 * ResNet-18, -34 and -50 (He et al. 2016, Table 1): four stages that start at 64 to 512 channels; where a block changes shape,
 * its shortcut is a convolution 1 × 1 with batch norm (option B). A block is two convolutions 3 × 3 (18, 34), or 1 × 1, 3 × 3 and
 * 1 × 1 to four times the channels (50); of those the 3 × 3 has the stride, as in torchvision ("v1.5"; the paper's first has it).
 * Names as in torchvision, whose nets have the ImageNet stem; the other stem is what CIFAR and small images get
 * (kuangliu/pytorch-cifar). Prunable: every convolution but the first, shortcuts included, as the DLTH authors' code prunes them.
 */
import type { Architecture, ConvLayer, Layer, Shape } from "../layers.ts";
import { batchNorm, classifier, conv, maxPool, relu } from "./blocks.ts";
import { kaimingNormal } from "./initialise.ts";
import type { Model } from "./model.ts";

const WIDTHS = [64, 128, 256, 512];

export interface ResnetB {
  readonly stem: "small" | "imagenet";
  /** Convolutions of a block: two of 3 × 3, or three with a bottleneck. */
  readonly block: "basic" | "bottleneck";
  /** Channels that each stage starts at, and its number of blocks; each stage but the first halves the plane. */
  readonly widths: readonly number[];
  readonly blocks: readonly number[];
}

export function resnetB(input: Shape, classes: number, { stem, block, widths, blocks }: ResnetB): Architecture {
  let inputs = widths[0]!;
  const layers: Layer[] =
    stem === "small"
      ? [conv("conv1", input[0], inputs, 3, { prunable: false }), batchNorm("bn1", inputs), relu("stem")]
      : [
          conv("conv1", input[0], inputs, 7, { stride: 2, prunable: false }),
          batchNorm("bn1", inputs),
          relu(),
          { ...maxPool(3, 2, 1), name: "stem" },
        ];
  let from = "stem";
  for (const [stage, width] of widths.entries()) {
    for (let i = 0; i < blocks[stage]!; i++) {
      const name = `layer${stage + 1}.${i}`;
      const stride = stage > 0 && i === 0 ? 2 : 1;
      const convs = block === "basic" ? basic(name, inputs, width, stride) : bottleneck(name, inputs, width, stride);
      layers.push(...residual(name, from, convs, stride));
      from = name;
      inputs = convs.at(-1)!.outputs;
    }
  }
  return { input, classes, layers: [...layers, { kind: "global-average-pool" }, classifier("fc", inputs, classes)] };
}

const basic = (name: string, inputs: number, width: number, stride: number): ConvLayer[] => [
  conv(`${name}.conv1`, inputs, width, 3, { stride }),
  conv(`${name}.conv2`, width, width, 3),
];

const bottleneck = (name: string, inputs: number, width: number, stride: number): ConvLayer[] => [
  conv(`${name}.conv1`, inputs, width, 1),
  conv(`${name}.conv2`, width, width, 3, { stride }),
  conv(`${name}.conv3`, width, 4 * width, 1),
];

/** Each convolution with batch norm, ReLU between them, the shortcut, and ReLU. */
function residual(name: string, from: string, convs: readonly ConvLayer[], stride: number): Layer[] {
  const body = convs.flatMap((layer, i): Layer[] => [
    ...(i > 0 ? [relu()] : []),
    i > 0 ? layer : { ...layer, input: from },
    batchNorm(`${name}.bn${i + 1}`, layer.outputs),
  ]);
  const { inputs } = convs[0]!;
  const { outputs } = convs.at(-1)!;
  if (stride === 1 && inputs === outputs) return [...body, { kind: "add", other: from }, relu(name)];
  return [
    ...body,
    conv(`${name}.downsample.0`, inputs, outputs, 1, { stride, input: from }),
    batchNorm(`${name}.downsample.1`, outputs),
    { kind: "add", other: `${name}.bn${convs.length}` },
    relu(name),
  ];
}

/** @param summaries of the nets with the small and with the ImageNet stem */
function models(
  depth: number,
  block: ResnetB["block"],
  blocks: readonly number[],
  summaries: readonly [string, string],
): readonly [Model, Model] {
  const model = (id: string, name: string, stem: ResnetB["stem"], summary: string): Model => ({
    id,
    name,
    paper: {
      title: "Deep Residual Learning for Image Recognition (He, Zhang, Ren, Sun, 2016)",
      url: "https://arxiv.org/abs/1512.03385",
    },
    summary,
    architecture: (input, classes) => resnetB(input, classes, { stem, block, widths: WIDTHS, blocks }),
    initialise: kaimingNormal,
  });
  const [id, name] = [`resnet-${depth}`, `ResNet-${depth}`];
  return [
    model(id, name, "small", summaries[0]),
    model(`${id}-imagenet`, `${name} (ImageNet stem)`, "imagenet", summaries[1]),
  ];
}

export const [resnet18, resnet18Imagenet] = models(
  18,
  "basic",
  [2, 2, 2, 2],
  [
    "For small images, its first convolution 3 × 3: 11,173,962 parameters on CIFAR-10.",
    "As torchvision has it, its first convolution 7 × 7 of stride 2, then a max-pool: 11,689,512 parameters on ImageNet-1k.",
  ],
);
export const [resnet34, resnet34Imagenet] = models(
  34,
  "basic",
  [3, 4, 6, 3],
  [
    "For small images, its first convolution 3 × 3: 21,282,122 parameters on CIFAR-10.",
    "As torchvision has it, its first convolution 7 × 7 of stride 2, then a max-pool: 21,797,672 parameters on ImageNet-1k.",
  ],
);
export const [resnet50, resnet50Imagenet] = models(
  50,
  "bottleneck",
  [3, 4, 6, 3],
  [
    "Bottleneck blocks, for small images, its first convolution 3 × 3: 23,520,842 parameters on CIFAR-10.",
    "Bottleneck blocks, as torchvision has it (v1.5), its first convolution 7 × 7 of stride 2: 25,557,032 parameters on ImageNet-1k.",
  ],
);
