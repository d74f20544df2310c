import { expect, test } from "vitest";
import { exponential, power } from "./power.ts";
import { seededRng } from "./rng.ts";

/** Distance in units in the last place of b. */
function ulps(a: number, b: number): number {
  const bits = new BigInt64Array(new Float64Array([a, b]).buffer);
  return Math.abs(Number(bits[0]! - bits[1]!));
}

test("within one unit in the last place of Math.pow, nearly always equal", () => {
  const rng = seededRng(1);
  let unequal = 0;
  for (let i = 0; i < 50_000; i++) {
    const x = rng.uniform() + 2 ** -25;
    const y = (1 + rng.below(20)) / (1 + rng.below(20));
    const off = ulps(power(x, y), x ** y);
    expect(off).toBeLessThanOrEqual(1);
    unequal += off;
  }
  expect(unequal).toBeLessThan(1_500);
});

test("e^x within one unit in the last place of Math.exp, where that is a normal number; 0 and ∞ past it", () => {
  const rng = seededRng(2);
  for (let i = 0; i < 50_000; i++) {
    const x = (rng.uniform() - 0.5) * (i % 2 ? 1_400 : 20);
    expect(ulps(exponential(x), Math.exp(x))).toBeLessThanOrEqual(1);
  }
  const special = [0, -0, -709, Number.NEGATIVE_INFINITY, 710, Number.POSITIVE_INFINITY, Number.NaN].map(exponential);
  expect(special).toEqual([1, 1, 0, 0, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.NaN]);
});

test("exact where the result is", () => {
  for (const [x, y, z] of [
    [1, 7, 1],
    [2, 10, 1024],
    [10, 3, 1000],
    [0.25, 0.5, 0.5],
    [5, 0, 1],
    [0.5, -3, 8],
  ] as const)
    expect(power(x, y)).toBe(z);
});

test("works far from 1 and near it", () => {
  for (const [x, y] of [
    [2 ** -53, 0.2],
    [1 - 2 ** -53, 0.5],
    [1e-300, 0.9],
    [1e300, 0.01],
    [1.5, 7],
  ] as const)
    expect(ulps(power(x, y), x ** y)).toBeLessThanOrEqual(1);
});

test("pinned: shares of rounds are part of what a spec means", () => {
  expect([1, 2].map((c) => 1 - power(1 - 0.98, c / 3))).toEqual([0.7285582383405093, 0.9263193700271922]);
  expect([1, 2, 3, 4].map((c) => 1 - power(1 - 0.7, c / 5))).toEqual([
    0.2139969144033772, 0.38219914943258804, 0.5144066251697961, 0.6183221090381823,
  ]);
});

test("refuses what has no real power", () => {
  for (const x of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => power(x, 2)).toThrow(RangeError);
  expect(() => power(2, Number.NaN)).toThrow(RangeError);
});
