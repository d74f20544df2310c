import { expect, test } from "vitest";
import { datasets } from "../datasets/index.ts";
import { parameters } from "../layers.ts";
import { seededRng } from "../rng.ts";
import { models } from "./index.ts";

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

test("every model fits every data set, and its initial weights depend on the seed alone", () => {
  for (const model of models.list) {
    for (const { shape, classes } of datasets.list) {
      const net = model.architecture(shape, classes);
      const weights = model.initialise(net, seededRng(2));
      expect(Object.keys(weights)).toEqual(parameters(net).map(({ name }) => name));
      expect(model.initialise(net, seededRng(2))).toEqual(weights);
      expect(model.initialise(net, seededRng(3))).not.toEqual(weights);
      const last = net.layers.findLast((layer) => layer.kind === "linear")!;
      expect([last.outputs, last.prunable]).toEqual([classes, false]);
    }
  }
});
