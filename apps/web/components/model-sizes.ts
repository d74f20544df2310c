/** How large each model is on each kind of images that a data set here has. */
import { setImmediate as turn } from "node:timers/promises";
import { type Dataset, datasets, type Model, type ModelSize, modelSize, models, smallestImage } from "@ticketmark/core";
import { group } from "d3-array";

export interface ModelSizes {
  readonly model: Model;
  /** Side of the smallest square image it takes. */
  readonly smallest: number;
  readonly sizes: readonly { readonly on: readonly Dataset[]; readonly size: ModelSize | null }[];
}

let counted: Promise<ModelSizes[]> | undefined;

/** Counted once. Other requests get their turn between two models: each takes milliseconds. */
export function modelSizes(): Promise<readonly ModelSizes[]> {
  counted ??= count();
  return counted;
}

async function count(): Promise<ModelSizes[]> {
  const alike = group(datasets.list, ({ shape, classes }) => `${shape} ${classes}`);
  const all: ModelSizes[] = [];
  for (const model of models.list) {
    const sizes = [...alike.values()].map((on) => ({ on, size: modelSize(model, on[0]!.shape, on[0]!.classes) }));
    all.push({ model, smallest: smallestImage(model), sizes });
    await turn();
  }
  return all;
}
