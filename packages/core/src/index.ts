/**
 * Door 1, light: what there is (registries), what to run (specs, plans), what came out (results, statements,
 * signatures), and the wire. It computes no training and reaches no native code. `z` is the zod that settings are made of.
 */
export { z } from "zod";
export * from "./api.ts";
export * from "./canonical.ts";
export * from "./chart-axis.ts";
export { checkForm } from "./consistency.ts";
export * from "./datasets/dataset.ts";
export * from "./datasets/index.ts";
export * from "./engine/index.ts";
export { NUMERICS } from "./engine/numerics.ts";
export { PINS, type Pin } from "./engine/pins.ts";
export { multiplyAdds } from "./flops.ts";
export { initialWeights, writeInitialWeights } from "./initial-weights.ts";
export * from "./job.ts";
export * from "./layers.ts";
export * from "./mask.ts";
export * from "./mask-picture.ts";
export * from "./measures.ts";
export * from "./methods/index.ts";
export * from "./methods/method.ts";
export * from "./models/index.ts";
export * from "./models/model.ts";
export * from "./models/size.ts";
export * from "./plan.ts";
export * from "./problem.ts";
export * from "./registry.ts";
export * from "./result.ts";
export { exportSafetensors, importSafetensors } from "./safetensors.ts";
export * from "./scope.ts";
export * from "./series/finding.ts";
export * from "./series/graph.ts";
export * from "./series/metrics.ts";
export * from "./series/points.ts";
export * from "./series/policy.ts";
export * from "./series/testbed.ts";
export * from "./signature.ts";
export * from "./spec.ts";
export * from "./spec-names.ts";
export * from "./statement.ts";
export * from "./statistics.ts";
export * from "./suites/index.ts";
export * from "./suites/suite.ts";
export * from "./tensor-file.ts";
export { firstDifferentBlock, type TraceState } from "./trace.ts";
export * from "./training/recipe.ts";
export type { Weights } from "./weights.ts";
