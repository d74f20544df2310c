/** THE LIST of change-point detectors. One more is one file and one line here. */
import { registry } from "../registry.ts";
import type { Detector } from "./detector.ts";
import { eDivisive } from "./e-divisive.ts";
import { tTest, zTest } from "./point-tests.ts";
import { robustPartition } from "./robust-partition.ts";
import { rustcPerf } from "./rustc-perf.ts";

export { type ChangePoint, type Detector, MAX_POINTS } from "./detector.ts";

export const detectors = registry<Detector>(
  "detector",
  [robustPartition(0.05), eDivisive(0.001), zTest(0.99), tTest(0.99), rustcPerf(3)],
  "bad-request",
);

/** Id of the one that is used where none is named. */
export const DEFAULT_DETECTOR = "robust-partition";
