/**
 * Hessian-vector products of the loss, exact and in float64, without the Hessian: the derivative of the gradient along v, by
 * carrying tangents through the pass forward and the pass back (forward over reverse; Pearlmutter 1994, "Fast Exact
 * Multiplication by the Hessian"). With the loss L(z) of the outputs z, dz its gradient, and t… the derivative along v:
 *
 *   H·v = t(dW),  dW = backward(dz),  tdz = ∂²L/∂z² · tz
 *
 * Kinks (ReLU, maxima) have no second derivative: there it is what it is beside them.
 */
import type { Architecture } from "../../layers.ts";
import type { Derivatives, ExampleBatch, LossOptions } from "../../methods/method.ts";
import type { Weights } from "../../weights.ts";
import { lossPass, zeros } from "./derivatives.ts";
import { crossEntropyTangent } from "./loss.ts";

export function hessianVector(
  architecture: Architecture,
  weights: Weights,
  v: Derivatives,
  examples: ExampleBatch,
  options: LossOptions,
): Derivatives {
  const { pass, logits, temperature, batch, gradient } = lossPass(architecture, weights, examples, options);
  const along = pass.along(v);
  const tz = along.output.map((t) => t / temperature);
  const change = crossEntropyTangent(logits, tz, architecture.classes).map((t) => t / batch / temperature);
  const product = zeros(architecture);
  along.backward(gradient, change, product);
  return product;
}
