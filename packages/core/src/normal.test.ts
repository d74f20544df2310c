import { expect, test } from "vitest";
import { normals } from "./normal.ts";
import { logarithm } from "./power.ts";
import { type Rng, seededRng } from "./rng.ts";

const COUNT = 400_000;
const draw = normals(seededRng(1).stream("normal"));
const values = Float64Array.from({ length: COUNT }, draw);
const moment = (power: number) => values.reduce((sum, x) => sum + x ** power, 0) / COUNT;
const share = (of: (x: number) => boolean) => values.reduce((sum, x) => sum + (of(x) ? 1 : 0), 0) / COUNT;

test("mean, variance, skewness and kurtosis are the standard normal's", () => {
  // standard errors of the four: 0.0016, 0.0022, 0.0061, 0.0155
  expect(Math.abs(moment(1))).toBeLessThan(0.006);
  expect(Math.abs(moment(2) - 1)).toBeLessThan(0.008);
  expect(Math.abs(moment(3))).toBeLessThan(0.025);
  expect(Math.abs(moment(4) - 3)).toBeLessThan(0.06);
});

test("so are its quantiles, on both sides, out into the tails", () => {
  for (const [at, above] of [
    [0.5, 0.3085375],
    [1, 0.1586553],
    [2, 0.0227501],
    [3, 0.0013499],
    [4, 0.0000316712],
  ] as const) {
    const four = 4 * Math.sqrt(above / COUNT);
    expect(Math.abs(share((x) => x > at) - above), `> ${at}`).toBeLessThan(four);
    expect(Math.abs(share((x) => x < -at) - above), `< −${at}`).toBeLessThan(four);
  }
});

test("draws of a pair, and of neighbouring pairs, do not go together", () => {
  for (const lag of [1, 2]) {
    const product = values.reduce((sum, x, i) => sum + (i >= lag ? x * values[i - lag]! : 0), 0) / COUNT;
    expect(Math.abs(product), `lag ${lag}`).toBeLessThan(0.008);
  }
});

test("the first draws of a seed are pinned: bits are the same on every JavaScript engine", () => {
  expect([...values.slice(0, 5)]).toEqual([
    2.5644579030465837, -0.8733293589083951, 0.9779826245797939, -0.4505893031294856, 0.09655094079242428,
  ]);
});

test("the centre of the disc, where the logarithm has no value, is drawn again", () => {
  const given = [0.5, 0.5, 0.75, 0.5]; // (0, 0), then (0.5, 0)
  const rng = { uniform: () => given.shift()! } as Rng;
  const next = normals(rng);
  expect(next()).toBeCloseTo(0.5 * Math.sqrt((-2 * Math.log(0.25)) / 0.25), 14);
  expect(next()).toBe(0);
});

test("the logarithm is within one unit in the last place", () => {
  const rng = seededRng(3);
  for (const x of [1, 2, 0.75, 1.5, 0.25, 1e-13, 3e300, ...Array.from({ length: 2_000 }, () => rng.uniform() + 2e-8)]) {
    const exact = Math.log(x);
    expect(Math.abs(logarithm(x) - exact), `log ${x}`).toBeLessThanOrEqual(Math.abs(exact) * 2 ** -52);
  }
});
