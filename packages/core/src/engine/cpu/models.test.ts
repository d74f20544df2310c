/** Blocks of every family of models, small, on the cpu engine against the reference engine: what they give, and two updates. */
import { beforeAll, expect, test } from "vitest";
import { comparison, TOLERANCE } from "../../../golden/compare.ts";
import type { Architecture } from "../../layers.ts";
import { models } from "../../models/index.ts";
import { mobilenetImagenet, mobilenetSmall } from "../../models/mobilenet-v2.ts";
import { resnetA } from "../../models/resnet.ts";
import { resnetB } from "../../models/resnet-b.ts";
import { wideResnet } from "../../models/wide-resnet.ts";
import { seededRng } from "../../rng.ts";
import type { Weights } from "../../weights.ts";
import type { Engine } from "../engine.ts";
import { referenceEngine } from "../reference/reference.ts";
import { draw, plainUpdate } from "./battery.ts";
import { buildKernels } from "./node/build.ts";
import { wasmEngine } from "./wasm.ts";

let cpu: Engine;
beforeAll(async () => {
  cpu = await wasmEngine((await buildKernels()).bytes);
});

const size = { widths: [4, 6, 8], blocks: [1, 2, 1] };
const mobile = {
  stem: 4,
  stages: [
    [1, 3, 1, 1],
    [3, 5, 2, 2],
    [2, 5, 1, 1],
    [2, 7, 1, 1],
  ],
  features: 9,
} as const;
const nets: Record<string, Architecture> = {
  "LeNet-5": models.get("lenet-5").architecture([1, 18, 16], 4),
  "Conv-2": models.get("conv-2").architecture([1, 6, 4], 4),
  "option A": resnetA([3, 9, 8], 4, size.widths, size.blocks),
  "option B": resnetB([3, 9, 8], 4, { stem: "small", block: "basic", ...size }),
  "option B, ImageNet stem": resnetB([3, 21, 18], 4, { stem: "imagenet", block: "basic", ...size }),
  bottlenecks: resnetB([3, 9, 8], 4, { stem: "small", block: "bottleneck", ...size }),
  "bottlenecks, ImageNet stem": resnetB([3, 21, 18], 4, { stem: "imagenet", block: "bottleneck", ...size }),
  "pre-activation": wideResnet([3, 9, 8], 4, 3, [3, 6, 8], 2),
  "MobileNetV2, ImageNet stem": mobilenetImagenet([3, 17, 18], 4, mobile),
  MobileNetV2: mobilenetSmall([3, 9, 8], 4, mobile),
};

/** As in conv.test.ts: through a batch norm, gradients are what is left of sums that cancel. */
const CANCELLED = { bias: 0.1, rest: 3e-3 };

test.each(Object.keys(nets).flatMap((name) => [1, 0.3].map((kept) => [name, kept] as const)))(
  "%s, %d of the weights kept",
  async (name, kept) => {
    const net = nets[name]!;
    const batch = 18;
    const { weights, mask, images, labels, outputGradient } = draw(net, { batch, kept }, seededRng(11).stream(name));
    async function* values(engine: Engine): AsyncGenerator<[string, Weights]> {
      const network = await engine.compile(net, batch);
      await network.write("weights", weights);
      network.setMask(mask);
      for (const mode of ["evaluate", "train"] as const) {
        const { output, inputGradient, gradients } = await network.probe(images, batch, outputGradient, mode);
        yield [mode, { output, inputGradient, ...gradients }];
      }
      for (const dropoutSeed of [1, 2]) await network.step(images, labels, { ...plainUpdate, dropoutSeed });
      yield ["losses", { losses: await network.losses() }];
      yield ["weights", await network.read("weights")];
      await network.dispose();
    }
    const expected = values(referenceEngine());
    const hasNorm = net.layers.some(({ kind }) => kind === "batch-norm");
    const { close, faults } = comparison();
    for await (const [what, got] of values(cpu)) {
      const wanted: Weights = (await expected.next()).value![1];
      expect(Object.keys(got)).toEqual(Object.keys(wanted));
      for (const [parameter, numbers] of Object.entries(wanted)) {
        const cancels = hasNorm && what !== "evaluate";
        const tolerance = !cancels ? TOLERANCE.values : parameter.endsWith(".bias") ? CANCELLED.bias : CANCELLED.rest;
        close(`${what} ${parameter}`, got[parameter]!, numbers, tolerance);
      }
    }
    expect(faults).toEqual([]);
  },
);

test("sums of weight gradients take no more than their weights need: MobileNetV2 fits beside its activations", async () => {
  const net = models.get("mobilenet-v2").architecture([3, 32, 32], 10);
  const { peakBytes, dispose } = await cpu.compile(net, 16);
  await dispose();
  expect(peakBytes).toBeLessThan(400e6);
});
