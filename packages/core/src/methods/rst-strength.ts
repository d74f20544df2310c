/**
 * λ(t), the strength of RST's growing penalty, as the authors' code computes it (`reg_pruner.py`, `_greg_1`): a float32
 * accumulator that grows by `granularity` at iterations 0, interval, 2·interval, …, before that iteration's update;
 * λ is the accumulator, its square or its cube; it stops after the first λ > limit. Rounding counts: at 10⁻³ it takes
 * 1,001 raises to pass 1, and 1,000 in float64.
 */
export interface Extrusion {
  readonly schedule: "x" | "x2" | "x3";
  /** Iterations between two raises. */
  readonly interval: number;
  readonly granularity: number;
  readonly limit: number;
  /** Iterations after the one of the last raise. */
  readonly settle: number;
}

export interface ExtrusionStrength {
  /** λ after each raise, float32. */
  readonly raises: Float32Array;
  /** Iteration of the last raise. */
  readonly finish: number;
  /** SGD updates of the phase: finish + settle + 1. */
  readonly iterations: number;
  /** λ in an iteration of the phase, from 0. */
  readonly strength: (iteration: number) => number;
}

/** Raises allowed; also keeps the float32 accumulator growing, as granularity is then above half a unit of its last place. */
export const MAX_RAISES = 1_000_000;

export function extrusionStrength({ schedule, interval, granularity, limit, settle }: Extrusion): ExtrusionStrength {
  const values: number[] = [];
  let sum = 0;
  do {
    sum = Math.fround(sum + Math.fround(granularity));
    values.push(shape[schedule](sum));
  } while (values.at(-1)! <= limit);
  const raises = Float32Array.from(values);
  const finish = (raises.length - 1) * interval;
  return {
    raises,
    finish,
    iterations: finish + settle + 1,
    strength: (iteration) => raises[Math.min(Math.floor(iteration / interval), raises.length - 1)]!,
  };
}

const shape = {
  x: (sum: number) => sum,
  x2: (sum: number) => Math.fround(sum * sum),
  x3: (sum: number) => Math.fround(Math.fround(sum * sum) * sum),
} as const;
