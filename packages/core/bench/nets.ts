/** The nets that are measured, and how. Masks are uniform over the body: the same share of each prunable weight. */
import type { Shape } from "../src/layers.ts";

/** Memory formats of PyTorch. */
export type Format = "NCHW" | "channels_last";

export interface Net {
  /** In the list of models, and in peer.py. */
  readonly id: string;
  readonly batch: number;
  readonly input: Shape;
  /** Iterations before the clock starts, in each turn: only those that end before caches have warmed up need them. */
  readonly warmup: number;
  /** Images of the pass that is timed. It is scaled to SCORED: every batch but the last costs the same. */
  readonly evaluated: number;
  /** What the peer may choose from. */
  readonly formats: readonly Format[];
  readonly quick: boolean;
}

/** Evaluation is stated for this many images. */
export const SCORED = 10_000;
export const CLASSES = 10;

const conv = { input: [3, 32, 32], warmup: 0, formats: ["NCHW", "channels_last"] } as const;

export const NETS: readonly Net[] = [
  {
    id: "lenet-300-100",
    batch: 60,
    input: [1, 28, 28],
    warmup: 5,
    evaluated: SCORED,
    formats: ["NCHW"],
    quick: true,
  },
  { id: "resnet-20", batch: 128, ...conv, evaluated: 256, quick: true },
  { id: "resnet-56", batch: 128, ...conv, evaluated: 256, quick: false },
  { id: "vgg-16-bn", batch: 64, ...conv, evaluated: 128, quick: false },
];
