/**
 * All parameters in one vector, one after the other: an update is then a handful of operations for the whole net, and
 * masks, reads and writes are copies. The layout within a parameter is the host's (layers.ts).
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Parameter } from "../../layers.ts";
import type { Weights } from "../../weights.ts";
import type { Tensor } from "./passes.ts";

export interface Place extends Pick<Parameter, "name" | "size" | "kind"> {
  readonly shape: number[];
  readonly offset: number;
}

export function placesOf(parameters: readonly Parameter[]): readonly Place[] {
  let end = 0;
  return parameters.map(({ name, shape, size, kind }) => {
    end += size;
    return { name, shape: [...shape], size, kind, offset: end - size };
  });
}

/** At least one value, since not every backend has empty tensors. */
export const flatSize = (places: readonly Place[]): number => {
  const last = places.at(-1);
  return last ? last.offset + last.size : 1;
};

/** One value after the other; where there is none of that name, `missing`. */
export function pack(
  places: readonly Place[],
  values: Readonly<Record<string, ArrayLike<number>>>,
  missing: number,
): Float32Array {
  const flat = new Float32Array(flatSize(places)).fill(missing);
  for (const { name, offset } of places) if (values[name]) flat.set(values[name], offset);
  return flat;
}

export const unpack = (places: readonly Place[], flat: Float32Array): Weights =>
  Object.fromEntries(places.map(({ name, offset, size }) => [name, flat.slice(offset, offset + size)]));

export const view = (flat: Tensor, { shape, offset, size }: Place): Tensor =>
  tf.reshape(tf.slice(flat, [offset], [size]), shape);

/** A vector again; of nothing, a zero. */
export const joined = (parts: readonly Tensor[]): Tensor =>
  parts.length === 0 ? tf.zeros([1]) : tf.concat(parts.map((part) => tf.reshape(part, [-1])));
