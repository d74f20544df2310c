/**
 * What dropout drops, the same on every engine: a pure function of the step's seed, the layer's place and the element, so
 * that no order of work, thread or device can change it. The mix is that of "lowbias32" (Chris Wellons, public domain,
 * https://github.com/skeeto/hash-prospector), on 32-bit integers.
 */

/** @param layer index of the layer in the architecture @param element n · values of an example + index in the example */
export const isDropped = (seed: number, layer: number, element: number, rate: number): boolean =>
  mix((element + dropoutKey(seed, layer)) >>> 0) < dropBelow(rate);

/** Draws below it drop: rate · 2³², rounded down. */
export const dropBelow = (rate: number): number => Math.floor(rate * 4_294_967_296);

/** What an element's index is added to before it is mixed, as uint32. */
export const dropoutKey = (seed: number, layer: number): number => mix((seed ^ Math.imul(layer + 1, 0x9e3779b9)) >>> 0);

/** A bijection of 32-bit integers; as uint32. */
export function mix(x: number): number {
  let h = x;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}
