/**
 * Which training images a method gets to measure derivatives on, and in what parts: the plan counts them, runs draw them.
 */
import type { Examples } from "./datasets/dataset.ts";
import type { Rng } from "./rng.ts";

/** In one part: networks that compute claims hold as many (`EVALUATION_BATCH`). */
export const MOST_EXAMPLES = 128;

/** Classes take turns; parts are of equal size up to one image, and hold MOST_EXAMPLES images at most. */
export function exampleIndices(
  labels: Examples["labels"],
  indices: Uint32Array,
  classes: number,
  perClass: number,
  batches: number,
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
  const parts = Math.min(all.length, Math.max(batches, Math.ceil(all.length / MOST_EXAMPLES)));
  return Array.from({ length: parts }, (_, part) =>
    Uint32Array.from(all.slice(Math.floor((part * all.length) / parts), Math.floor(((part + 1) * all.length) / parts))),
  );
}

/** How many images a method's draw has: what `exampleIndices` comes to where no class has fewer. */
export function exampleCounts(classes: number, perClass: number, batches: number): number[] {
  const all = classes * perClass;
  const parts = Math.min(all, Math.max(batches, Math.ceil(all / MOST_EXAMPLES)));
  return Array.from(
    { length: parts },
    (_, part) => Math.floor(((part + 1) * all) / parts) - Math.floor((part * all) / parts),
  );
}
