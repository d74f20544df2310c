/** Case `layers/init`: how the product's initialisations compare with samples of the reference's. */
import type { Architecture } from "../src/layers.ts";
import { kaimingNormal, uniformByFanIn } from "../src/models/initialise.ts";
import { seededRng } from "../src/rng.ts";
import type { Comparison } from "./compare.ts";
import { initSchema, type Sample } from "./format.ts";

/** Two samples agree within so many standard errors. */
const ERRORS = 5;

/** Standard deviation of the largest of n absolute normal values: Gumbel's, of scale 1 ÷ √(2 ln 2n). */
const largestError = (n: number): number => Math.PI / Math.sqrt(6) / Math.sqrt(2 * Math.log(2 * n));

/** `xavier_normal` is GraSP's alone, for its scoring copy: no model starts so. */
export async function initialisation(file: unknown, compare: Comparison): Promise<void> {
  const { batchnorm, samples } = initSchema.parse(file);
  const compared = [
    ["kaiming_normal_conv", kaimingNormal],
    ["kaiming_normal_linear", kaimingNormal],
    ["default_conv_or_linear_weight", uniformByFanIn],
  ] as const;
  for (const [name, initialise] of compared) {
    const sample = samples[name];
    const values = initialise(netOf(sample), seededRng(1))["layer.weight"]!;
    const mean = values.reduce((sum, w) => sum + w, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, w) => sum + (w - mean) * (w - mean), 0) / values.length);
    const error = sample.sample_std / Math.sqrt(sample.n);
    compare.equal(`${name}: number`, values.length, sample.n);
    compare.close(`${name}: mean`, [mean], [sample.sample_mean], ERRORS * Math.SQRT2 * error);
    compare.close(`${name}: deviation`, [deviation], [sample.sample_std], ERRORS * error);
    const largest = values.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
    const isUniform = initialise === uniformByFanIn; // meets its bound within 1 of 1,000
    const spread = isUniform
      ? sample.sample_absmax / 1000
      : ERRORS * Math.SQRT2 * largestError(sample.n) * sample.sample_std;
    compare.close(`${name}: largest`, [largest], [sample.sample_absmax], spread);
  }
  const norm = kaimingNormal(
    { input: [1, 1, 1], classes: 1, layers: [{ kind: "batch-norm", name: "bn", channels: 1 }] },
    seededRng(1),
  );
  const said = Object.entries(norm).map(([name, [value]]) => `${name.slice("bn.".length)} ${value}`);
  compare.equal("batchnorm", said.join(", "), batchnorm);
}

function netOf({ shape }: Sample): Architecture {
  const [outputs, inputs, height, width] = shape as [number, number, number?, number?];
  const named = { name: "layer", inputs, outputs, bias: false, prunable: true };
  const input = [inputs, height ?? 1, width ?? 1] as const;
  if (height === undefined || width === undefined)
    return { input, classes: outputs, layers: [{ kind: "linear", ...named }] };
  const window = { kernel: [height, width], stride: [1, 1], padding: [0, 0] } as const;
  return { input, classes: outputs, layers: [{ kind: "conv", ...named, ...window, groups: 1 }] };
}
