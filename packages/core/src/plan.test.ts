import { expect, test } from "vitest";
import { plan } from "./plan.ts";
import { parseSpec } from "./spec.ts";

const planOf = (method: object | string, more: object = {}) =>
  plan(parseSpec({ dataset: "mnist", model: "lenet-300-100", method, sparsity: 0.9, ...more } as never));
const rows = async (method: object | string, more?: object) =>
  (await planOf(method, more)).phases.map(({ name, iterations, batchSize, sparsity }) => [
    name,
    iterations,
    batchSize,
    Number(sparsity.toFixed(3)),
  ]);

test("the protocol decides how many images an epoch has", async () => {
  expect(await planOf("random", { protocol: "paper" })).toMatchObject({
    methodIterations: 0,
    methodExamples: 0,
    finalIterations: 5_000,
    finalExamples: 300_000,
  });
  expect(await planOf("random", { protocol: "validation" })).toMatchObject({
    finalIterations: 4_585,
    finalExamples: 275_000,
  });
});

test("RST as published: 89,996 updates in one shot, 20,000 a round, batch 64", async () => {
  expect(await rows("rst", { protocol: "paper" })).toEqual([
    ["extrusion", 89_996, 64, 0],
    ["final training", 5_000, 60, 0.9],
  ]);
  const iterative = await planOf("rst-iter", { protocol: "paper" });
  expect(iterative.phases.map((phase) => phase.iterations)).toEqual([20_000, 20_000, 20_000, 20_000, 20_000, 5_000]);
  expect(iterative.methodIterations).toBe(100_000);
  expect(iterative.methodExamples).toBe(5 * (21 * 60_000 + 302 * 64)); // 20,000 = 21 epochs of 938, and 302;
});

test("LTH-Iter trains each round under the mask of the rounds before", async () => {
  expect(await rows({ id: "lth-iter", rounds: 3 }, { protocol: "paper" })).toEqual([
    ["dense training", 5_000, 60, 0],
    ["round 2 of 3", 5_000, 60, 0.536],
    ["round 3 of 3", 5_000, 60, 0.785],
    ["final training", 5_000, 60, 0.9],
  ]);
});

test("what a result cannot record is refused, with both figures; the most it can is not", async () => {
  const protocol = { protocol: "paper" };
  const long = (epochs: number, recipe: number) =>
    planOf({ id: "lth", epochs }, { ...protocol, recipe: { epochs: recipe } });
  expect((await long(10_000, 9_999)).phases.map((phase) => phase.evaluations)).toEqual([10_000, 9_999]);
  await expect(long(10_000, 10_000)).rejects.toMatchObject({
    code: "bad-spec",
    message: expect.stringMatching(/at most 20000 evaluations .*; got 20001$/),
  });
  const settled = planOf({ id: "rst", settle: 10_000_000, batchSize: 4_096 }, protocol);
  await expect(settled).rejects.toThrow(/at most 20000 evaluations .*; got 670006$/);
});

test("other work gets its turn between the rounds", async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  await planOf({ id: "lth-iter", rounds: 8 });
  clearInterval(timer);
  expect(turns).toBeGreaterThan(2);
});

test("every method's phases, with what its settings switch on", async () => {
  const protocol = { protocol: "paper" };
  expect(await rows("dense", { sparsity: 0, ...protocol })).toEqual([["final training", 5_000, 60, 0]]);
  expect((await rows({ id: "l1", denseEpochs: 0 }, protocol)).length).toBe(1);
  expect((await rows("l1", protocol)).length).toBe(2);
  expect((await rows({ id: "l1-iter", rounds: 2, epochs: 1, batchSize: 100 }, protocol)).slice(0, 2)).toEqual([
    ["dense training", 5_000, 60, 0],
    ["round 1 of 2", 600, 100, 0.684],
  ]);
  const between = await rows({ id: "rst-iter", rounds: 2, settle: 1, betweenEpochs: 1, holdEarlier: true }, protocol);
  expect(between).toEqual([
    ["extrusion 1 of 2", 10_001, 64, 0],
    ["training after extrusion 1", 938, 64, 0.684],
    ["extrusion 2 of 2", 10_001, 64, 0.684],
    ["final training", 5_000, 60, 0.9],
  ]);
});
