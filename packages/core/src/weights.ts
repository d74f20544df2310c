/**
 * Weights live on the host as plain Float32Arrays by name, in the model's order, named as PyTorch names them
 * (`fc1.weight` [out, in], `conv1.weight` [out, in, height, width], `bn1.bias` [out]), row-major; batch-norm state
 * (`bn1.running_mean`) is among them.
 */
export type Weights = Readonly<Record<string, Float32Array>>;

/** A deep copy: the arrays of the result share no memory with the argument. */
export function copyWeights(weights: Weights): Record<string, Float32Array> {
  return Object.fromEntries(Object.entries(weights).map(([name, values]) => [name, values.slice()]));
}

/** True if every number is finite. */
export function isFiniteWeights(weights: Weights): boolean {
  return Object.values(weights).every((values) => values.every(Number.isFinite));
}
