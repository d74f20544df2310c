import { expect, test } from "vitest";
import { datasets } from "../datasets/index.ts";
import { nodesOf, parameters } from "../layers.ts";
import { seededRng } from "../rng.ts";
import type { Weights } from "../weights.ts";
import { models } from "./index.ts";

const TOO_DEEP_FOR_TOY = new Set<string>();
const mnist = datasets.get("mnist");
const lenet = models.get("lenet-300-100");
const architecture = lenet.architecture(mnist.shape, mnist.classes);

test("LeNet-300-100: 266,610 parameters, of which 265,200 prunable", () => {
  const all = parameters(architecture);
  expect(all.map(({ name, shape, prunable }) => [name, ...shape, prunable])).toEqual([
    ["fc1.weight", 300, 784, true],
    ["fc1.bias", 300, false],
    ["fc2.weight", 100, 300, true],
    ["fc2.bias", 100, false],
    ["fc3.weight", 10, 100, false],
    ["fc3.bias", 10, false],
  ]);
  expect(all.reduce((sum, { size }) => sum + size, 0)).toBe(266_610);
});

test("initial weights and biases are uniform in ±1/√inputs", () => {
  const weights = lenet.initialise(architecture, seededRng(1));
  for (const { name, fanIn, size } of parameters(architecture)) {
    const bound = 1 / Math.sqrt(fanIn);
    const values = weights[name]!;
    expect(values.length).toBe(size);
    expect(Math.max(...values.slice(0, 10_000).map(Math.abs))).toBeLessThanOrEqual(Math.fround(bound));
    if (size < 10_000) continue;
    const mean = values.reduce((sum, w) => sum + w, 0) / size;
    const deviation = Math.sqrt(values.reduce((sum, w) => sum + w * w, 0) / size);
    expect(Math.abs(mean)).toBeLessThan(0.02 * bound);
    expect(deviation).toBeCloseTo(bound / Math.sqrt(3), 3); // as golden/layers.json: 0.02062 for 784 inputs
  }
});

/** As text: comparing a million numbers one by one takes vitest seconds. */
const bytesOf = (weights: Weights) =>
  Object.entries(weights).map(([name, { buffer }]) => `${name} ${Buffer.from(buffer).toString("base64")}`);

test("every model fits the data sets whose images are large enough, and says so of the others", () => {
  for (const model of models.list) {
    for (const { id, shape, classes } of datasets.list) {
      const net = model.architecture(shape, classes);
      if (id === "toy" && TOO_DEEP_FOR_TOY.has(model.id)) expect(() => nodesOf(net)).toThrow(/a plane that holds/);
      else expect(nodesOf(net).at(-1)!.shape).toEqual([classes, 1, 1]);
      const last = net.layers.findLast((layer) => layer.kind === "linear")!;
      expect([last.outputs, last.prunable]).toEqual([classes, false]);
    }
  }
});

test("initial weights are the architecture's parameters in its order, and depend on the seed alone", () => {
  for (const model of models.list) {
    const net = model.architecture([1, 8, 8], 4);
    const all = parameters(net);
    if (all.reduce((sum, { size }) => sum + size, 0) > 1_000_000) continue; // the same code as the smaller ones'
    const weights = model.initialise(net, seededRng(2));
    expect(Object.keys(weights)).toEqual(all.map(({ name }) => name));
    expect(bytesOf(model.initialise(net, seededRng(2)))).toEqual(bytesOf(weights));
    expect(bytesOf(model.initialise(net, seededRng(3)))).not.toEqual(bytesOf(weights));
  }
});
