/**
 * Nets of the battery (battery.ts) that are no plain chain of linear layers: small, and together through every kernel;
 * battery.test.ts holds them to that.
 */
import type { Architecture, ConvLayer, Layer } from "../../layers.ts";

/** 3 × 3, padded to keep the plane. */
const conv = (name: string, inputs: number, outputs: number, more: Partial<ConvLayer> = {}): Layer => ({
  ...{ kind: "conv", name, inputs, outputs, kernel: [3, 3], stride: [1, 1], padding: [1, 1], groups: 1 },
  ...{ bias: false, prunable: true, ...more },
});
const norm = (name: string, channels: number): Layer => ({ kind: "batch-norm", name, channels });
const relu: Layer = { kind: "relu" };
const classifier = (inputs: number, outputs: number): Layer[] => [
  { kind: "flatten" },
  { kind: "linear", name: "out", inputs, outputs, bias: true, prunable: false },
];

/** Blocks as ResNet has them: of one width, with option A, and with a projection. */
const residual: Architecture = {
  input: [3, 9, 7],
  classes: 5,
  layers: [
    conv("a", 3, 6),
    norm("an", 6),
    { kind: "relu", name: "a+" },
    ...[conv("b", 6, 6), norm("bn", 6), relu, conv("c", 6, 6), norm("cn", 6)],
    { kind: "add", other: "a+" },
    { kind: "relu", name: "c+" },
    ...[conv("d", 6, 11, { stride: [2, 2] }), norm("dn", 11), relu, conv("e", 11, 11), norm("en", 11)],
    { kind: "option-a", input: "c+", inputs: 6, outputs: 11, stride: 2 },
    { kind: "add", other: "en" },
    { kind: "relu", name: "e+" },
    ...[conv("f", 11, 4, { stride: [2, 1], bias: true }), norm("fn", 4)],
    conv("g", 11, 4, { input: "e+", kernel: [1, 1], stride: [2, 1], padding: [0, 0] }),
    norm("gn", 4),
    { kind: "add", other: "fn" },
    relu,
    { kind: "global-average-pool" },
    ...classifier(4, 5),
  ],
};

/** Odd windows, groups, biases, pools and dropout; norms of images, of a pool and of what was activated. */
const odd: Architecture = {
  input: [4, 11, 8],
  classes: 6,
  layers: [
    norm("n", 4),
    conv("a", 4, 10, { kernel: [5, 2], padding: [3, 2], groups: 2, bias: true }),
    { kind: "relu6", name: "a+" },
    conv("b", 10, 10, { groups: 10, stride: [1, 3], padding: [2, 0] }),
    norm("bn", 10),
    { kind: "relu6" },
    { kind: "max-pool", kernel: [3, 2], stride: [2, 1], padding: [1, 1] },
    norm("pn", 10),
    { kind: "dropout", name: "d", rate: 0.4 },
    conv("c", 10, 7, { bias: true }),
    relu,
    { kind: "average-pool", kernel: [2, 3], stride: [2, 2], padding: [1, 1] },
    { kind: "flatten" },
    { kind: "linear", name: "l", inputs: 7 * 5 * 2, outputs: 9, bias: true, prunable: true },
    { kind: "batch-norm", name: "an", channels: 10, input: "a+" },
    conv("e", 10, 3, { kernel: [4, 4], stride: [3, 2], padding: [0, 1] }),
    { kind: "flatten" },
    { kind: "linear", name: "m", inputs: 3 * 4 * 5, outputs: 9, bias: false, prunable: true },
    { kind: "add", other: "l" },
    relu,
    ...classifier(9, 6),
  ],
};

/** Too wide for one tile; so are the passes beside it. */
const wide: Architecture = {
  input: [2, 10, 50],
  classes: 4,
  layers: [
    conv("a", 2, 40, { kernel: [1, 1], padding: [0, 0] }),
    norm("an", 40),
    { kind: "relu", name: "a+" },
    conv("b", 40, 3, { stride: [2, 2] }),
    norm("bn", 3),
    { kind: "average-pool", input: "a+", kernel: [2, 2], stride: [2, 2], padding: [0, 0] },
    norm("pn", 40),
    relu,
    conv("c", 40, 3),
    { kind: "add", other: "bn" },
    relu,
    { kind: "global-average-pool" },
    ...classifier(3, 4),
  ],
};

/** Linear layers between a ReLU of the images and one of the output. */
const gated: Architecture = {
  input: [12, 1, 1],
  classes: 5,
  layers: [
    relu,
    { kind: "linear", name: "l", inputs: 12, outputs: 9, bias: true, prunable: true },
    ...classifier(9, 5),
    relu,
  ],
};

/** For so many blocks that sums of weight gradients have every slot, or several tiles a slot. */
const many: Architecture = {
  input: [3, 2, 2],
  classes: 4,
  layers: [conv("a", 3, 1, { bias: true }), { kind: "flatten" }],
};

/** Channels enough for Winograd's convolutions, over odd planes and all paddings. */
const deep: Architecture = {
  input: [3, 9, 7],
  classes: 4,
  layers: [
    conv("a", 3, 17),
    norm("an", 17),
    relu,
    conv("b", 17, 19, { bias: true }),
    relu,
    conv("c", 19, 18, { padding: [0, 2] }),
    norm("cn", 18),
    relu,
    conv("d", 18, 16, { padding: [2, 0] }),
    { kind: "global-average-pool" },
    ...classifier(16, 4),
  ],
};

export const BATTERY_NETS = { residual, odd, wide, gated, many, deep };
