/** The contract of a model: an architecture for a given input and number of classes, and its initialisation. */
import type { Architecture, Shape } from "../layers.ts";
import type { Rng } from "../rng.ts";
import type { Weights } from "../weights.ts";

export interface Model {
  readonly id: string;
  readonly name: string;
  readonly paper: { readonly title: string; readonly url: string };
  readonly summary: string;
  architecture(input: Shape, classes: number): Architecture;
  /** Draws every parameter from streams named after it. */
  initialise(architecture: Architecture, rng: Rng): Weights;
}
