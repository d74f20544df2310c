import { expect, test } from "vitest";
import { methods } from "./methods/index.ts";
import { Problem } from "./problem.ts";
import { groupDigest, parseCompleteSpec, parseSpec, settingsSchema, specDigest } from "./spec.ts";

const least = { dataset: "mnist", model: "lenet-300-100", method: "rst", sparsity: 0.9 } as const;

function faultsOf(input: unknown): string {
  try {
    parseSpec(input);
  } catch (error) {
    expect(error).toBeInstanceOf(Problem);
    expect((error as Problem).code).toBe("bad-spec");
    return (error as Problem).message;
  }
  throw new Error("no fault found");
}

test("defaults are filled in: the method's settings, the data set's recipe", () => {
  expect(parseSpec(least)).toEqual({
    dataset: "mnist",
    model: "lenet-300-100",
    method: {
      id: "rst",
      pick: "random",
      schedule: "x",
      interval: 5,
      granularity: 0.0001,
      limit: 1,
      settle: 40000,
      learningRate: 0.001,
      batchSize: 64,
      lossGradient: "kept",
    },
    sparsity: 0.9,
    scope: "uniform",
    recipe: {
      epochs: 5,
      batchSize: 60,
      learningRate: [
        { epoch: 0, value: 0.1 },
        { epoch: 3, value: 0.01 },
      ],
      momentum: 0.9,
      weightDecay: 0.0001,
      nesterov: false,
      labelSmoothing: 0,
    },
    seed: 0,
    protocol: "validation",
  });
  expect(parseSpec({ ...least, recipe: { epochs: 7 } }).recipe).toMatchObject({ epochs: 7, batchSize: 60 });
  expect(parseSpec({ ...least, method: "dense", sparsity: undefined }).sparsity).toBe(0);
});

test("a model that needs larger images than the data set has is refused, and what it lacks is said", () => {
  expect(faultsOf({ ...least, dataset: "toy", model: "vgg-16-bn" })).toBe(
    "model: vgg-16-bn does not fit toy, images of 1 × 8 × 8: layer 33 (max-pool): expected a plane that holds a window of 2 × 2; got 1 × 1",
  );
  expect(parseSpec({ ...least, model: "vgg-16-bn" }).model).toBe("vgg-16-bn"); // 28 × 28 is enough
});

test("pinned: a changed digest means that old specs changed their meaning", () => {
  expect(specDigest(parseSpec(least))).toBe("012c76f3afc4b429612a75f9200cd5b57d760951c6218805a746eb5d91b7b1a7");
  expect(specDigest(parseSpec({ ...least, method: "dense", sparsity: 0, seed: 3, protocol: "paper" }))).toBe(
    "b7cff20521ac13471ab8ad9ae1fbcae3bf0f2666583ac5f3e1bc956283ed6256",
  );
  const iterative = { id: "rst-iter", rounds: 3, betweenEpochs: 1, betweenLearningRate: 0.1 };
  expect(specDigest(parseSpec({ ...least, method: iterative }))).toBe(
    "52e90a6d1dfd692afc1aa64b922c2f97647cbf81dfca3c96d63274ddd361bafa",
  );
  expect(groupDigest(parseSpec(least))).toBe("68c2e5f0196d5d826434898ca3cb893a1a3dd76bdfc85177a3ff30ccc21a8540");
});

test("the group is all but the seed", () => {
  const other = parseSpec({ ...least, seed: 1 });
  expect(groupDigest(other)).toBe(groupDigest(parseSpec(least)));
  expect(specDigest(other)).not.toBe(specDigest(parseSpec(least)));
  expect(groupDigest(parseSpec({ ...least, sparsity: 0.5 }))).not.toBe(groupDigest(other));
});

test("every fault is told, each with its place", () => {
  const faults = faultsOf({
    ...least,
    model: "lenet",
    method: { id: "rst", interval: 0, wat: 1 },
    recipe: { epochs: 0, learningRate: [{ epoch: 1, value: 1 }] },
  });
  for (const place of [
    /model: expected one of lenet-300-100/,
    /method\.interval: /,
    /method: .*"wat"/,
    /recipe\.epochs: /,
  ])
    expect(faults).toMatch(place);
  expect(faults).toMatch(/recipe\.learningRate: the first step of a schedule must be at epoch 0/);
});

test("a fault at the top hides none below", () => {
  const faults = faultsOf({
    ...least,
    sparsity: 2,
    extra: 1,
    method: { id: "rst", interval: 0 },
    recipe: { epochs: 0 },
  });
  for (const place of [
    /sparsity: expected a share .* such as 0\.98; got 2/,
    /"extra"/,
    /method\.interval: /,
    /recipe\.epochs: /,
  ])
    expect(faults).toMatch(place);
});

test("each single fault has its message", () => {
  expect(faultsOf(null)).toMatch(/^spec: /);
  expect(faultsOf({})).toMatch(/dataset: .*model: .*method: expected a method/);
  expect(faultsOf({ ...least, dataset: "x" })).toMatch(/^data set: expected one of mnist, .*, toy; got "x"$/);
  expect(faultsOf({ ...least, extra: 1 })).toMatch(/^spec: .*"extra"/);
  expect(faultsOf({ ...least, sparsity: 1 })).toMatch(/^sparsity: /);
  expect(faultsOf({ ...least, sparsity: undefined })).toMatch(
    /^sparsity: expected 0 ≤ sparsity < 1 for method rst; got none$/,
  );
  expect(faultsOf({ ...least, method: "dense" })).toMatch(
    /^sparsity: expected 0, as method dense keeps every weight; got 0.9$/,
  );
  expect(faultsOf({ ...least, seed: 2 ** 32 })).toMatch(/^seed: /);
  expect(faultsOf({ ...least, recipe: { unknown: 1 } })).toMatch(/^recipe: .*"unknown"/);
  expect(faultsOf({ ...least, method: { id: "rst", granularity: 1e-6, limit: 2 } })).toMatch(
    /^method\.granularity: too small/,
  );
});

test("a fault says what was expected and what came, in the same words everywhere", () => {
  const of = (change: object) => faultsOf({ ...least, ...change });
  expect(of({ sparsity: 98 })).toBe(
    "sparsity: expected a share of the weights, 0 ≤ sparsity < 1, such as 0.98; got 98",
  );
  expect(of({ sparsity: "98" })).toBe('sparsity: expected a number; got "98"');
  expect(of({ method: 3 })).toBe('method: expected a method: "id", or { "id": …, and its settings }; got 3');
  expect(of({ method: { id: "rst", intervall: 3 } })).toMatch(
    /^method: expected no keys but pick, schedule, interval, .*; got "intervall"$/,
  );
  expect(of({ method: { id: "dense", epochs: 3 }, sparsity: 0 })).toBe('method: expected no keys; got "epochs"');
  expect(of({ recipe: { lr: 3 } })).toMatch(/^recipe: expected no keys but epochs, .*; got "lr"$/);
  expect(of({ recipe: { epochs: 0, momentum: 1.5, nesterov: 1 } })).toBe(
    "recipe.epochs: expected at least 1; got 0; recipe.momentum: expected at most 1; got 1.5; " +
      "recipe.nesterov: expected true or false; got 1",
  );
  expect(of({ method: { id: "rst", interval: 1.5, learningRate: 0 } })).toBe(
    "method.interval: expected a whole number; got 1.5; method.learningRate: expected more than 0; got 0",
  );
  expect(of({ scope: "glob" })).toMatch(/^scope: expected one of "uniform", .*; got "glob"$/);
  expect(of({ dataset: undefined })).toBe("dataset: expected text; got none");
  expect(of({ model: "x".repeat(1_000) })).toMatch(/^model: expected at most 100 characters; got "x{79} …$/);
});

test("of a setting that is a number or steps, the one that was meant is spoken of", () => {
  const of = (learningRate: unknown) => faultsOf({ ...least, method: { id: "lth", learningRate } });
  expect(of("x")).toBe('method.learningRate: expected a number, or a list; got "x"');
  expect(of([{ epoch: 0, value: "a" }])).toBe('method.learningRate.0.value: expected a number; got "a"');
  expect(of([])).toMatch(/^method\.learningRate: expected at least 1 items; got \[\]/);
});

test("a complete spec is taken as it is, an incomplete one refused", () => {
  const spec = parseSpec(least);
  expect(parseCompleteSpec(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
  expect(() => parseCompleteSpec(least)).toThrow(/complete spec/);
});

test("every method describes every setting, and its defaults make a spec", () => {
  for (const method of methods.list) {
    const schema = settingsSchema(method) as { properties: Record<string, { description?: string }> };
    for (const [name, property] of Object.entries(schema.properties))
      expect(property.description, `${method.id}.${name}`).toMatch(/.{10}/);
    const spec = parseSpec({ ...least, method: method.id, sparsity: method.sparse ? 0.5 : 0 });
    expect(parseCompleteSpec(spec)).toEqual(spec);
  }
  expect(settingsSchema(methods.get("rst"))).toMatchObject({
    properties: {
      interval: { type: "integer", default: 5, minimum: 1 },
      pick: { enum: ["random", "smallest", "largest"] },
    },
  });
});

test("augmentation can be left out of a recipe that has it, and is not named in one that has none", () => {
  const of = (dataset: string, recipe: object) => parseSpec({ dataset, model: "resnet-8", method: "dense", recipe });
  expect(of("cifar-10", {}).recipe.augmentation).toBe("crop-flip");
  const without = of("cifar-10", { augmentation: "none" });
  expect(without.recipe.augmentation).toBe("none");
  expect(parseCompleteSpec(without)).toEqual(without);
  expect(specDigest(of("mnist-32", { augmentation: "none" }))).toBe(specDigest(of("mnist-32", {})));
});
