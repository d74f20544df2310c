import type { Architecture } from "../../layers.ts";
import type { Derivatives, ExampleBatch, LossOptions } from "../../methods/method.ts";
import type { Weights } from "../../weights.ts";

export declare function hessianVector(
  architecture: Architecture,
  weights: Weights,
  v: Derivatives,
  batch: ExampleBatch,
  options: LossOptions,
): Derivatives;
