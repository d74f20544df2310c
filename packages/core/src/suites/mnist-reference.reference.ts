/**
 * PyTorch's figures of golden/mnist-reference.md (1.13, CPU, float32; seeds 0 to 4): test accuracy of the last epoch in
 * percent, mean and sample standard deviation; where it is recorded, the accuracy before and after the cut (means alone).
 */
import { referenceRows } from "./reference.ts";
import type { Reference, ReferenceRow } from "./suite.ts";

type Figures = Omit<ReferenceRow, "name" | "spec">;

const figures: Readonly<Record<string, Figures>> = {
  Dense: { mean: 97.65, sd: 0.17 },
  "Scratch at 98 %": { mean: 94.95, sd: 0.23 },
  "Scratch, longer at 98 %": { mean: 95.05, sd: 0.23 },
  "RST without penalty at 98 %": { mean: 95.13, sd: 0.36, beforeCut: 92.6, afterCut: 9.1 },
  "RST at 98 %": { mean: 95.69, sd: 0.29, beforeCut: 84.6, afterCut: 50.6 },
  "RST-Iter at 98 %": { mean: 95.93, sd: 0.1, beforeCut: 88.7, afterCut: 77.3 },
  "LTH at 98 %": { mean: 97.0, sd: 0.24 },
  "LTH-Iter at 98 %": { mean: 97.71, sd: 0.13 },
  "Scratch at 90 %": { mean: 97.64, sd: 0.13 },
  "Scratch, longer at 90 %": { mean: 97.77, sd: 0.08 },
  "RST without penalty at 90 %": { mean: 97.62, sd: 0.07, beforeCut: 92.6, afterCut: 19.1 },
  "RST at 90 %": { mean: 97.73, sd: 0.06, beforeCut: 88.1, afterCut: 86.0 },
  "RST-Iter at 90 %": { mean: 97.87, sd: 0.12, beforeCut: 91.4, afterCut: 91.0 },
  "LTH at 90 %": { mean: 97.87, sd: 0.15 },
  "LTH-Iter at 90 %": { mean: 97.78, sd: 0.17 },
};

export const mnistFigures: Reference = {
  source: "PyTorch 1.13, packages/core/golden/mnist-reference.md",
  seeds: 5,
  rows: () => referenceRows("mnist").map((row) => ({ ...row, ...figures[row.name]! })),
  orderings: [
    ["LTH-Iter at 98 %", "LTH at 98 %"],
    ["LTH at 98 %", "RST at 98 %"],
    ["RST at 98 %", "Scratch at 98 %"],
    ["RST at 98 %", "Scratch, longer at 98 %"],
    ["RST at 98 %", "RST without penalty at 98 %"],
  ],
};
