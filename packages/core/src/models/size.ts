/** How large a model is for a size of images, and which images it takes. */
import { multiplyAdds } from "../flops.ts";
import { learned, nodesOf, type Parameter, type Shape } from "../layers.ts";
import { Problem } from "../problem.ts";
import type { Model } from "./model.ts";

export interface ModelSize {
  /** Learned ones. */
  readonly parameters: number;
  readonly prunable: number;
  /** Of one image. */
  readonly multiplyAdds: number;
}

/** Null where the images are too small for the model. */
export function modelSize(model: Model, shape: Shape, classes: number): ModelSize | null {
  const architecture = model.architecture(shape, classes);
  try {
    nodesOf(architecture);
  } catch (error) {
    if (error instanceof Problem) return null;
    throw error;
  }
  const sum = (of: readonly Parameter[]) => of.reduce((total, { size }) => total + size, 0);
  const all = learned(architecture);
  return {
    parameters: sum(all),
    prunable: sum(all.filter(({ prunable }) => prunable)),
    multiplyAdds: multiplyAdds(architecture),
  };
}

/** Side of the smallest square image that the model takes. No model here needs more than ImageNet's 224. */
export function smallestImage(model: Model): number {
  for (let side = 1; side <= 224; side++) if (modelSize(model, [3, side, side], 2)) return side;
  throw new Error(`${model.id} takes no image`);
}
