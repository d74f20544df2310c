/** The nets of the golden cases (README.md, "Networks"), as the product builds them. */
import type { Architecture, Layer } from "../src/layers.ts";
import { resnetA } from "../src/models/resnet.ts";
import type { BareNet, NetConfig } from "./format.ts";

export function architectureOf(config: BareNet): Architecture {
  if (config.model === "mlp") return mlp(config);
  const { hw, classes, widths, blocks } = config;
  return resnetA([3, hw, hw], classes, widths, blocks);
}

/** `n_fc` linear layers `net.0`, `net.2`, … with ReLU between. */
function mlp({ d_in, width, n_fc, classes }: Extract<BareNet, { model: "mlp" }>): Architecture {
  const layers: Layer[] = [{ kind: "flatten" }];
  for (let i = 0; i < n_fc; i++) {
    const inputs = i === 0 ? d_in : width;
    const outputs = i === n_fc - 1 ? classes : width;
    if (i > 0) layers.push({ kind: "relu" });
    layers.push({ kind: "linear", name: `net.${2 * i}`, inputs, outputs, bias: true, prunable: true });
  }
  return { input: [1, 1, d_in], classes, layers };
}

/** Share of a layer that is pruned. `stage_pr` of an mlp: by place; of a resnet: conv1, each stage (from 1), linear. */
export function ratioOf({ model, stage_pr }: NetConfig, layer: string, place: number): number {
  const stage = layer === "conv1" ? 0 : layer === "linear" ? stage_pr.length - 1 : Number(/\d+/.exec(layer)?.[0]);
  const ratio = stage_pr[model === "mlp" ? place : stage];
  if (ratio === undefined) throw new Error(`stage_pr: no ratio for layer ${layer}`);
  return ratio;
}
