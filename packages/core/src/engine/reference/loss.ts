/** Softmax cross-entropy with label smoothing, and which outputs are right. Logits are [batch, classes]. */
import type { Labels } from "../engine.ts";

/** Sum of the losses, and gradient of that sum. The smoothed target is (1 − s)·one-hot + s ÷ classes. */
export function crossEntropy(logits: Float64Array, labels: Labels, classes: number, smoothing: number) {
  const gradient = new Float64Array(logits.length);
  let loss = 0;
  for (let n = 0; n < labels.length; n++) {
    const row = logits.subarray(n * classes, (n + 1) * classes);
    const max = row.reduce((a, b) => Math.max(a, b));
    const logSum = max + Math.log(row.reduce((sum, z) => sum + Math.exp(z - max), 0));
    for (let c = 0; c < classes; c++) {
      const target = (c === labels[n] ? 1 - smoothing : 0) + smoothing / classes;
      const logP = row[c]! - logSum;
      if (target > 0) loss -= target * logP; // 0 · ∞ is no loss
      gradient[n * classes + c] = Math.exp(logP) - target;
    }
  }
  return { loss, gradient };
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
