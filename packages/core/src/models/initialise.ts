/** How models start: each parameter from a stream of its own, named after it, so that one more layer moves no other draw. */
import { type Architecture, type Parameter, parameters } from "../layers.ts";
import { normals } from "../normal.ts";
import type { Rng } from "../rng.ts";
import type { Weights } from "../weights.ts";

/**
 * Every weight and bias uniform in ±1/√fan_in: what PyTorch's `nn.Linear` and `nn.Conv2d` come to by default
 * (kaiming_uniform_ with a = √5).
 */
export const uniformByFanIn = (architecture: Architecture, rng: Rng): Weights => draw(architecture, rng, uniform);

/**
 * Weights of convolutions and linear layers normal with deviation √(2/fan_in), as the DLTH authors' code does it for its ResNet
 * and open_lth for all its nets (`kaiming_normal_`); biases as PyTorch leaves them, uniform in ±1/√fan_in.
 */
export const kaimingNormal = (architecture: Architecture, rng: Rng): Weights =>
  draw(architecture, rng, (parameter, stream) => {
    if (parameter.kind !== "weight") return uniform(parameter, stream);
    const deviation = Math.sqrt(2 / parameter.fanIn);
    const normal = normals(stream);
    return filled(parameter, () => normal() * deviation);
  });

/** Batch norms start as the identity, and remember mean 0 and variance 1. */
function draw(
  architecture: Architecture,
  rng: Rng,
  weightOrBias: (parameter: Parameter, stream: Rng) => Float32Array,
): Weights {
  return Object.fromEntries(
    parameters(architecture).map((parameter) => {
      const { name, size, kind } = parameter;
      if (kind === "weight" || kind === "bias") return [name, weightOrBias(parameter, rng.stream(name))];
      const one = kind === "scale" || name.endsWith(".running_var");
      return [name, new Float32Array(size).fill(one ? 1 : 0)];
    }),
  );
}

function uniform(parameter: Parameter, stream: Rng): Float32Array {
  const bound = 1 / Math.sqrt(parameter.fanIn);
  return filled(parameter, () => (2 * stream.uniform() - 1) * bound);
}

function filled({ size }: Parameter, value: () => number): Float32Array {
  const values = new Float32Array(size);
  for (let i = 0; i < size; i++) values[i] = value();
  return values;
}
