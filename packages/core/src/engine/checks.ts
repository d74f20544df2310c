/** What every engine checks before it writes anything: names, sizes and labels. Each throws Problem "bad-request". */
import { type Architecture, learned, parameters } from "../layers.ts";
import type { Mask } from "../mask.ts";
import { Problem } from "../problem.ts";
import type { Weights } from "../weights.ts";
import type { Labels } from "./engine.ts";

/** Values of one example. */
export const exampleSize = ({ input }: Architecture): number => input[0] * input[1] * input[2];

/** 1 … maxBatch examples (any number where `maxBatch` is null), images to match, every label a class. */
export function checkExamples(
  architecture: Architecture,
  maxBatch: number | null,
  images: Float32Array,
  labels: Labels,
): void {
  checkImages(architecture, maxBatch, images, labels.length);
  for (let i = 0; i < labels.length; i++) {
    if (labels[i]! >= architecture.classes) {
      throw new Problem("bad-request", `label ${i}: expected a class below ${architecture.classes}; got ${labels[i]}`);
    }
  }
}

export function checkImages(
  architecture: Architecture,
  maxBatch: number | null,
  images: Float32Array,
  batch: number,
): void {
  if (!Number.isInteger(batch) || batch < 1 || (maxBatch !== null && batch > maxBatch)) {
    throw new Problem("bad-request", `batch: expected 1 … ${maxBatch ?? "any number of"} examples; got ${batch}`);
  }
  const expected = batch * exampleSize(architecture);
  if (images.length !== expected) {
    throw new Problem("bad-request", `images: expected ${expected} values for ${batch} examples; got ${images.length}`);
  }
}

/** Every parameter of the architecture (gradients and momentum: every learned one), each of its size, and nothing else. */
export function checkWeights(
  architecture: Architecture,
  what: "weights" | "gradients" | "momentum",
  values: Weights,
): void {
  const expected = what === "weights" ? parameters(architecture) : learned(architecture);
  for (const { name, size } of expected) {
    const got = Object.hasOwn(values, name) ? values[name]!.length : "none";
    if (got !== size) throw new Problem("bad-request", `${what} ${name}: expected ${size} values; got ${got}`);
  }
  const names = new Set(expected.map((parameter) => parameter.name));
  const unknown = Object.keys(values).find((name) => !names.has(name));
  if (unknown !== undefined) throw new Problem("bad-request", `${what}: the network has no parameter ${unknown}`);
}

/** Only weights of convolutions and linear layers may be masked; each entry has the size of its weight. */
export function checkMask(architecture: Architecture, what: string, mask: Mask): void {
  const byName = new Map(parameters(architecture).map((parameter) => [parameter.name, parameter]));
  for (const [name, kept] of Object.entries(mask)) {
    const parameter = byName.get(name);
    if (parameter?.kind !== "weight") throw new Problem("bad-request", `${what}: the network has no weight ${name}`);
    if (kept.length !== parameter.size) {
      throw new Problem("bad-request", `${what} ${name}: expected ${parameter.size} entries; got ${kept.length}`);
    }
  }
}
