/** Each detector at several thresholds, lax ones first; its own among them. */
import type { Detector } from "../src/series/detector.ts";
import { eDivisive } from "../src/series/e-divisive.ts";
import { tTest, zTest } from "../src/series/point-tests.ts";
import { robustPartition } from "../src/series/robust-partition.ts";
import { rustcPerf } from "../src/series/rustc-perf.ts";

interface Curve {
  readonly threshold: string;
  readonly settings: readonly (readonly [setting: string, detector: Detector])[];
}

const curve = (threshold: string, make: (value: number) => Detector, values: readonly number[]): Curve => ({
  threshold,
  settings: values.map((value) => [String(value), make(value)]),
});

export const SWEEP: readonly Curve[] = [
  curve("p", robustPartition, [0.3, 0.1, 0.05, 0.01, 0.001]),
  curve("p", eDivisive, [0.01, 0.001, 0.0003, 0.0001, 0.00001]),
  curve("boundary", zTest, [0.977, 0.99, 0.999, 0.9999]),
  curve("boundary", tTest, [0.977, 0.99, 0.999, 0.9999]),
  curve("multiple", rustcPerf, [1.5, 3, 6]),
];
