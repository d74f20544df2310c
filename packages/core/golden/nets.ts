/** The nets of the golden cases (README.md, "Networks"), as the product builds them. */
import type { Architecture, Layer, Shape } from "../src/layers.ts";
import { resnetA } from "../src/models/resnet.ts";
import type { Weights } from "../src/weights.ts";
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

/**
 * A net as Synaptic-Flow's cases describe it, one word a module: parameters are named after the module's place, and how many
 * outputs a module has is seen from their size.
 * @param text such as "[conv3x3 pad1 +bias, relu] x2, flatten, linear+bias"; what follows a ";" is a remark
 */
export function describedNet(text: string, input: Shape, init: Weights): Architecture {
  const modules = text
    .split(";")[0]!
    .replace(/\[(.*?)\] x(\d+)/g, (_, part: string, times: string) => Array(Number(times)).fill(part).join(", "))
    .split(", ");
  let [channels, height, width] = input;
  const layers = modules.map((module, place): Layer => {
    const name = `${place}`;
    const outputs = (fanIn: number): number => {
      const size = init[`${name}.weight`]?.length ?? 0;
      if (size === 0 || size % fanIn !== 0) throw new Error(`${module}: no weight ${name} of ${fanIn} inputs`);
      return size / fanIn;
    };
    const inputs = channels;
    const bias = module.endsWith("+bias");
    if (module === "relu") return { kind: "relu" };
    if (module === "bn") return { kind: "batch-norm", name, channels };
    if (module === "flatten") {
      [channels, height, width] = [channels * height * width, 1, 1];
      return { kind: "flatten" };
    }
    if (module === "linear+bias") {
      channels = outputs(inputs);
      return { kind: "linear", name, inputs, outputs: channels, bias, prunable: true };
    }
    const conv = /^conv3x3 pad1( stride2)?( \+bias)?$/.exec(module);
    if (!conv) throw new Error(`no layer is known as "${module}"`);
    const stride = conv[1] ? 2 : 1;
    [channels, height, width] = [outputs(9 * inputs), Math.ceil(height / stride), Math.ceil(width / stride)];
    const window = { kernel: [3, 3], stride: [stride, stride], padding: [1, 1], groups: 1 } as const;
    return { kind: "conv", name, inputs, outputs: channels, ...window, bias, prunable: true };
  });
  return { input, classes: channels, layers };
}

/** Share of a layer that is pruned. `stage_pr` of an mlp: by place; of a resnet: conv1, each stage (from 1), linear. */
export function ratioOf({ model, stage_pr }: NetConfig, layer: string, place: number): number {
  const stage = layer === "conv1" ? 0 : layer === "linear" ? stage_pr.length - 1 : Number(/\d+/.exec(layer)?.[0]);
  const ratio = stage_pr[model === "mlp" ? place : stage];
  if (ratio === undefined) throw new Error(`stage_pr: no ratio for layer ${layer}`);
  return ratio;
}
