/** What convolutional nets are made of, so that each model reads as the table of its paper. */
import type { BatchNormLayer, ConvLayer, Layer, Pair } from "../layers.ts";

const pair = (size: number): Pair => [size, size];

/** A square convolution, unless told otherwise padded by half its kernel: at stride 1 the plane keeps its size. */
export const conv = (
  name: string,
  inputs: number,
  outputs: number,
  kernel: number,
  more: Partial<Pick<ConvLayer, "bias" | "prunable" | "input" | "padding" | "groups">> & {
    readonly stride?: number;
  } = {},
): ConvLayer => {
  const { stride = 1, ...rest } = more;
  const size = { kernel: pair(kernel), stride: pair(stride), padding: pair(Math.floor(kernel / 2)) };
  return { kind: "conv", name, inputs, outputs, ...size, groups: 1, bias: false, prunable: true, ...rest };
};

export const batchNorm = (name: string, channels: number): BatchNormLayer => ({ kind: "batch-norm", name, channels });

export const relu = (name?: string): Layer => ({ kind: "relu", ...(name !== undefined && { name }) });

export const relu6 = (name?: string): Layer => ({ kind: "relu6", ...(name !== undefined && { name }) });

export const maxPool = (kernel: number, stride: number, padding = 0): Layer => ({
  kind: "max-pool",
  kernel: pair(kernel),
  stride: pair(stride),
  padding: pair(padding),
});

/** The classifier is never pruned (the DLTH rule). */
export const classifier = (name: string, inputs: number, classes: number): Layer => ({
  kind: "linear",
  name,
  inputs,
  outputs: classes,
  bias: true,
  prunable: false,
});
