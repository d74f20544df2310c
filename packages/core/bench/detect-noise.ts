/**
 * Series of which the truth is known: quiet ones, and ones with a single step. A level of 100 and noise of four kinds,
 * about 1 % each; every series is its own stream of a seed.
 */
import { normals } from "../src/normal.ts";
import { type Rng, seededRng } from "../src/rng.ts";

export const LEVEL = 100;

export interface Noise {
  readonly id: string;
  /** For the table's foot. */
  readonly text: string;
  /** One draw after the other, in percent of the level. */
  source(rng: Rng): () => number;
}

const MODE = 1;
const WITHIN = 0.3;
const SPIKE = 10;

/** AR(1) with a marginal standard deviation of 1 %. */
const inherited =
  (phi: number): Noise["source"] =>
  (rng) => {
    const z = normals(rng);
    let x = z();
    return () => {
      const now = x;
      x = phi * x + Math.sqrt(1 - phi * phi) * z();
      return now;
    };
  };

export const NOISES = [
  { id: "Gaussian", text: "standard deviation 1 %", source: normals },
  {
    id: "heavy",
    text: "Student's t with 3 degrees of freedom, scaled to a standard deviation of 1 %",
    source: (rng) => {
      const z = normals(rng);
      // t has a variance of 3; t ÷ √3 = z ÷ √χ²₃
      return () => z() / Math.sqrt(square(z()) + square(z()) + square(z()));
    },
  },
  {
    id: "bimodal",
    text: `two modes ${2 * MODE} % apart, each point in either by the toss of a coin, ${WITHIN} % Gaussian within`,
    source: (rng) => {
      const z = normals(rng);
      return () => (rng.uniform() < 0.5 ? -MODE : MODE) + WITHIN * z();
    },
  },
  { id: "AR(1)", text: "φ = 0.6, marginal standard deviation 1 %", source: inherited(0.6) },
] as const satisfies readonly Noise[];

/** Quiet series that are hard to leave alone. One constant (weeding.ts, HALFWAY) was chosen with an eye on such, on other seeds. */
export const HARD_NOISES: readonly Noise[] = [
  {
    id: "spikes",
    text: `Gaussian, 1 in 20 points ${SPIKE} % too high`,
    source: (rng) => {
      const z = normals(rng);
      return () => (rng.uniform() < 0.05 ? SPIKE : 0) + z();
    },
  },
  {
    id: "second mode",
    text: "0.5 % Gaussian, 1 in 10 points 3 % higher",
    source: (rng) => {
      const z = normals(rng);
      return () => (rng.uniform() < 0.1 ? 3 : 0) + 0.5 * z();
    },
  },
  {
    id: "flips",
    text: "exact repeats, 1 in 12 points 1 % higher",
    source: (rng) => () => (rng.below(12) === 0 ? 1 : 0),
  },
  { id: "ticks", text: "Gaussian of 0.7 %, rounded to whole percents", source: (rng) => ticks(normals(rng)) },
  { id: "AR(1), 0.9", text: "φ = 0.9", source: inherited(0.9) },
  {
    id: "wander",
    text: "the mean of three Gaussian draws, one of them new",
    source: (rng) => {
      const z = normals(rng);
      const last = [z(), z(), z()];
      return () => {
        last.shift();
        last.push(z());
        return (last[0]! + last[1]! + last[2]!) / Math.sqrt(3);
      };
    },
  },
];

const ticks = (z: () => number) => () => Math.round(0.7 * z());
const square = (x: number) => x * x;

/** A step of `size` percent, up or down by the toss of a coin. */
export interface Step {
  readonly size: number;
  /** Where it may begin: first index … last index, all as likely. */
  readonly within: readonly [first: number, last: number];
}

export interface Series {
  readonly values: readonly number[];
  /** Of the step. */
  readonly index: number | null;
}

/** `count` series of `length` points, the same for the same arguments. */
export function* seriesOf(
  seed: number,
  noise: Noise,
  { count, length, step }: { count: number; length: number; step: Step | null },
): Generator<Series> {
  const root = seededRng(seed)
    .stream(noise.id)
    .stream(step ? `${step.size} ${step.within.join(" ")}` : "quiet");
  for (let i = 0; i < count; i++) {
    const rng = root.stream(String(i));
    const draw = noise.source(rng.stream("noise"));
    const place = rng.stream("step");
    const sign = place.uniform() < 0.5 ? -1 : 1;
    const index = step && step.within[0] + place.below(step.within[1] - step.within[0] + 1);
    const shift = step ? sign * step.size : 0;
    const values = Array.from(
      { length },
      (_, t) => LEVEL * (1 + (draw() + (index !== null && t >= index ? shift : 0)) / 100),
    );
    yield { values, index };
  }
}
