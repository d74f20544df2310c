/** Which images a method measures the loss on, and that what it measures is the loss's. */
import { beforeAll, describe, expect, test } from "vitest";
import { datasets } from "../datasets/index.ts";
import { lossGradients } from "../engine/reference/derivatives.ts";
import { referenceEngine } from "../engine/reference/reference.ts";
import { exampleIndices, largestPart } from "../examples.ts";
import { learned, type Shape } from "../layers.ts";
import { applyMask, denseMask } from "../mask.ts";
import { models } from "../models/index.ts";
import { seededRng } from "../rng.ts";
import { measures } from "./derivatives.ts";
import { EVALUATION_BATCH } from "./evaluate.ts";

const rng = seededRng(3);

describe("examples", () => {
  const labels = Uint8Array.from({ length: 4_000 }, (_, i) => (i * 7) % 10);
  const some = Uint32Array.from({ length: 2_000 }, (_, i) => 2 * i + 1); // odd images: classes 1, 3, 5, 7, 9 have 400 each
  const all = Uint32Array.from(labels.keys());
  const draw = (perClass: number, parts: number, indices = all) =>
    exampleIndices(labels, indices, 10, { perClass, parts }, EVALUATION_BATCH, rng.stream("examples"));
  const counts = (part: Uint32Array) =>
    part.reduce((of, index) => of.with(labels[index]!, of[labels[index]!]! + 1), Array<number>(10).fill(0));

  test("as many of each class as asked for, in each part alike, none twice", () => {
    const parts = draw(10, 2);
    expect(parts.map(counts)).toEqual([Array(10).fill(5), Array(10).fill(5)]);
    expect(new Set(parts.flatMap((part) => [...part])).size).toBe(100);
  });

  test("only of the images there are; all of a class that has fewer, and none of one that has none", () => {
    const drawn = draw(500, 1, some).flatMap((part) => [...part]);
    expect(drawn.sort((a, b) => a - b)).toEqual([...some]);
    expect(counts(Uint32Array.from(drawn))).toEqual([0, 400, 0, 400, 0, 400, 0, 400, 0, 400]);
  });

  test("parts are of equal size up to one, small enough for the network, and none is empty", () => {
    for (const [perClass, batches] of [
      [10, 1],
      [10, 3],
      [50, 2],
      [1, 100],
    ] as const) {
      const sizes = draw(perClass, batches).map((part) => part.length);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(Math.min(EVALUATION_BATCH, Math.min(...sizes) + 1));
      expect(Math.min(...sizes)).toBeGreaterThan(0);
    }
    expect(draw(50, 2).length).toBe(4);
    expect(draw(1, 100).length).toBe(10);
  });

  test("the stream fixes the draw, and another draws others", () => {
    expect(draw(10, 2)).toEqual(draw(10, 2));
    expect(exampleIndices(labels, all, 10, { perClass: 10, parts: 2 }, 128, rng.stream("others"))).not.toEqual(
      draw(10, 2),
    );
  });
});

test("a part measured in float64 has as many images as there is memory for, and one at least", () => {
  const of = (id: string, image: Shape) => largestPart(models.get(id).architecture(image, 10), { exact: true });
  expect(of("lenet-300-100", [1, 28, 28])).toBe(EVALUATION_BATCH);
  expect(of("resnet-56", [3, 32, 32])).toBeLessThan(40);
  expect(of("resnet-50-imagenet", [3, 224, 224])).toBeGreaterThanOrEqual(1);
  expect(largestPart(models.get("resnet-56").architecture([3, 32, 32], 10), { exact: false })).toBe(EVALUATION_BATCH);
});

describe("derivatives", () => {
  const dataset = datasets.get("toy");
  const model = models.get("mlp-tiny");
  const architecture = model.architecture(dataset.shape, dataset.classes);
  const weights = model.initialise(architecture, rng.stream("init"));
  const own = async () => {
    const { train } = await dataset.load(async () => new Uint8Array());
    const network = await referenceEngine().compile(architecture, EVALUATION_BATCH);
    const indices = Uint32Array.from({ length: train.count }, (_, i) => i);
    const between = async (images: number) => void counted.push(images);
    return { network, ...measures({ architecture, network, dataset, train, indices }, between) };
  };
  const counted: number[] = [];
  let measured: Awaited<ReturnType<typeof own>>;
  beforeAll(async () => {
    measured = await own();
  });

  test("the network's gradients are those of the loss, of the weights that are given, whatever it holds", async () => {
    const { network, examples, gradients } = measured;
    const parts = examples({ perClass: 3, parts: 2, exact: false }, rng);
    const none = Object.fromEntries(
      Object.entries(denseMask(weights, ["fc1.weight"])).map(([name, kept]) => [name, kept.fill(0)]),
    );
    await network.write("weights", applyMask(weights, none));
    network.setMask(none);
    network.setPenalty({ on: denseMask(weights, ["fc2.weight"]), strength: 1 });
    const got = await gradients(weights, parts);
    const [first, second] = parts.map((part) => lossGradients(architecture, weights, part.make(), {}));
    expect(Object.keys(got)).toEqual(learned(architecture).map(({ name }) => name));
    for (const [name, values] of Object.entries(first!))
      for (const [i, value] of values.entries()) expect(got[name]![i]).toBeCloseTo(value + second![name]![i]!, 6);
    expect(counted.splice(0)).toEqual([6, 6]);
  });

  test("a temperature divides the outputs", async () => {
    const { examples, gradients } = measured;
    const parts = examples({ perClass: 3, parts: 1, exact: true }, rng);
    const last = [...learned(architecture)].slice(-2).map(({ name }) => name); // the classifier's: outputs are linear in them
    const cooled = Object.fromEntries(
      Object.entries(weights).map(([name, values]) => [name, last.includes(name) ? values.map((x) => x / 4) : values]),
    );
    const got = await gradients(weights, parts, { temperature: 4 });
    const expected = await gradients(cooled, parts, {});
    for (const name of last)
      for (const [i, value] of got[name]!.entries()) expect(value).toBeCloseTo(expected[name]![i]! / 4, 12);
  });

  test("the flow of a net of positive weights is the sum over its paths", async () => {
    const { flow } = measured;
    const positive = Object.fromEntries(Object.entries(weights).map(([name, values]) => [name, values.map(Math.abs)]));
    const gradients = await flow(positive);
    const throughLayer = (name: string) =>
      gradients[name]!.reduce((sum, gradient, i) => sum + gradient * positive[name]![i]!, 0);
    const biases = (upTo: number) =>
      learned(architecture)
        .filter(({ kind }) => kind === "bias")
        .slice(0, upTo)
        .reduce((sum, { name }) => sum + throughLayer(name), 0);
    const layers = learned(architecture).filter(({ kind }) => kind === "weight");
    // what flows out of one layer flows into the next, and the biases between add to it
    for (const [i, { name }] of layers.entries())
      expect(throughLayer(name)).toBeCloseTo(throughLayer(layers[0]!.name) + biases(i), 8);
  });
});
