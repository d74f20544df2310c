/**
 * The contract of a change-point detector: where in a series of measurements, oldest first, a new level begins. Pure
 * functions of the values: the same series gives the same change points on every machine, at any time.
 */
export interface ChangePoint {
  /** First point of the new level: 1 … n − 1. */
  readonly index: number;
  /** Levels on both sides, up to the neighbouring change points, in the unit of the values. */
  readonly before: number;
  readonly after: number;
  /** Chance of as clear a change in a series of that noise without one, as the detector reckons it. 0 … 1. */
  readonly p: number;
}

export interface Detector {
  readonly id: string;
  readonly name: string;
  readonly summary: string;
  /** Paper, or the program and version whose rule this is. */
  readonly source: string;
  /** Ascending by index. Throws Problem "bad-request" on values that are not finite. */
  detect(values: readonly number[]): readonly ChangePoint[];
}

/** Longest series that detectors take. */
export const MAX_POINTS = 10_000;
