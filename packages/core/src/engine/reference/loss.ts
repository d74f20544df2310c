/**
 * Softmax cross-entropy with label smoothing, its derivatives, and which outputs are right. Logits are [batch, classes].
 * exp and log are the project's own: scores that methods take from these derivatives have the same bits everywhere.
 */
import { exponential, logarithm } from "../../power.ts";
import type { Labels } from "../engine.ts";

/** Sum of the losses, and gradient of that sum. The smoothed target is (1 − s)·one-hot + s ÷ classes. */
export function crossEntropy(logits: Float64Array, labels: Labels, classes: number, smoothing: number) {
  const gradient = new Float64Array(logits.length);
  let loss = 0;
  for (let n = 0; n < labels.length; n++) {
    const logP = logSoftmax(logits.subarray(n * classes, (n + 1) * classes));
    for (let c = 0; c < classes; c++) {
      const target = (c === labels[n] ? 1 - smoothing : 0) + smoothing / classes;
      if (target > 0) loss -= target * logP[c]!; // 0 · ∞ is no loss
      gradient[n * classes + c] = exponential(logP[c]!) - target;
    }
  }
  return { loss, gradient };
}

/** How that gradient changes when the logits change by `tz`: p[c] · (tz[c] − Σ p·tz). */
export function crossEntropyTangent(logits: Float64Array, tz: Float64Array, classes: number): Float64Array {
  const tangent = new Float64Array(logits.length);
  for (let first = 0; first < logits.length; first += classes) {
    const p = logSoftmax(logits.subarray(first, first + classes)).map(exponential);
    const mean = p.reduce((sum, q, c) => sum + q * tz[first + c]!, 0);
    for (let c = 0; c < classes; c++) tangent[first + c] = p[c]! * (tz[first + c]! - mean);
  }
  return tangent;
}

/** log p[c] = z[c] − log Σ e^z, of one example. */
function logSoftmax(z: Float64Array): Float64Array {
  const max = z.reduce((a, b) => Math.max(a, b));
  const logSum = max + logarithm(z.reduce((sum, value) => sum + exponential(value - max), 0));
  return z.map((value) => value - logSum);
}

/** Examples whose largest logit is the label's: the first of equals; a row with a NaN is never correct. */
export function countCorrect(logits: Float64Array, labels: Labels, classes: number): number {
  let correct = 0;
  for (let n = 0; n < labels.length; n++) {
    const row = logits.subarray(n * classes, (n + 1) * classes);
    const own = row[labels[n]!]!;
    if (row.every((z, c) => own > z || (own === z && labels[n]! <= c))) correct++;
  }
  return correct;
}
