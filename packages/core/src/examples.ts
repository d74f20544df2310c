/**
 * Which training images a method gets to measure derivatives on, and in what parts: the plan counts them, runs draw them.
 */
import type { Examples } from "./datasets/dataset.ts";
import { type Architecture, nodesOf } from "./layers.ts";
import type { ExampleWish } from "./methods/method.ts";
import type { Rng } from "./rng.ts";

/** In one part: networks that compute claims hold as many (`EVALUATION_BATCH`). */
const MOST_EXAMPLES = 128;

/** What the reference engine may take for one part; about as many float64 values a layer's output each image. */
const EXACT_BYTES = 2_147_483_648;
const VALUES_AN_OUTPUT = 5;

/** Images that a part has at most. */
export function largestPart(architecture: Architecture, { exact }: Pick<ExampleWish, "exact">): number {
  if (!exact) return MOST_EXAMPLES;
  const outputs = nodesOf(architecture).reduce((sum, { shape }) => sum + shape[0] * shape[1] * shape[2], 0);
  return Math.max(1, Math.min(MOST_EXAMPLES, Math.floor(EXACT_BYTES / (8 * VALUES_AN_OUTPUT * outputs))));
}

/** Indices of the images of each part. Classes take turns; parts are of equal size up to one image. */
export function exampleIndices(
  labels: Examples["labels"],
  indices: Uint32Array,
  classes: number,
  { perClass, parts }: Pick<ExampleWish, "perClass" | "parts">,
  largest: number,
  rng: Rng,
): Uint32Array[] {
  const ofClass: number[][] = Array.from({ length: classes }, () => []);
  for (const index of indices) ofClass[labels[index]!]!.push(index);
  const drawn = ofClass.map((of, label) => {
    const order = rng.stream(`class ${label}`).permutation(of.length);
    return Array.from(order.subarray(0, perClass), (place) => of[place]!);
  });
  const all: number[] = [];
  for (let turn = 0; turn < perClass; turn++) for (const of of drawn) if (turn < of.length) all.push(of[turn]!);
  const count = Math.min(all.length, Math.max(parts, Math.ceil(all.length / largest)));
  return Array.from({ length: count }, (_, part) =>
    Uint32Array.from(all.slice(Math.floor((part * all.length) / count), Math.floor(((part + 1) * all.length) / count))),
  );
}
