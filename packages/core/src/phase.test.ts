import { expect, test } from "vitest";
import { resolveFinal, resolvePhase } from "./phase.ts";

const recipe = {
  epochs: 4,
  batchSize: 30,
  learningRate: [
    { epoch: 0, value: 0.1 },
    { epoch: 3, value: 0.01 },
  ],
  momentum: 0.9,
  weightDecay: 0,
  nesterov: false,
  labelSmoothing: 0,
};

test("what a phase leaves out is the recipe's", () => {
  const phase = resolvePhase({ name: "a" }, recipe, 100);
  expect(phase).toMatchObject({ iterations: 16, batchSize: 30, epochIterations: 4, examples: 400, from: 0 });
  expect(phase).toMatchObject({ mask: null, maskFirst: true, lossGradient: "kept", penalty: null });
  expect([0, 11, 12, 15].map(phase.learningRate)).toEqual([0.1, 0.1, 0.01, 0.01]);
});

test("what it says holds, in epochs of its own batch size", () => {
  const learningRate = [
    { epoch: 0, value: 1 },
    { epoch: 1, value: 2 },
  ];
  const phase = resolvePhase({ name: "a", epochs: 2, batchSize: 40, learningRate }, recipe, 100);
  expect(phase).toMatchObject({ iterations: 6, epochIterations: 3, examples: 200 });
  expect([2, 3, 5].map(phase.learningRate)).toEqual([1, 2, 2]);
  expect(resolvePhase({ name: "a", iterations: 5, learningRate: 7 }, recipe, 100).learningRate(4)).toBe(7);
});

test("images of a phase that ends within an epoch: the short batch comes last", () => {
  const examples = [3, 4, 5].map((iterations) => resolvePhase({ name: "a", iterations }, recipe, 100).examples);
  expect(examples).toEqual([90, 100, 130]);
  expect(resolvePhase({ name: "a", iterations: 0 }, recipe, 100).examples).toBe(0);
});

test("the final training starts where the ticket says", () => {
  const mask = { w: Uint8Array.of(1, 0) };
  const whole = resolveFinal({ mask, weights: {} }, recipe, 100);
  expect(whole).toMatchObject({ iterations: 16, from: 0, examples: 400, mask });
  const rewound = resolveFinal({ mask, weights: {}, from: 6 }, recipe, 100);
  expect(rewound).toMatchObject({ iterations: 10, from: 6, examples: 240 });
  expect([5, 6].map(rewound.learningRate)).toEqual([0.1, 0.01]);
  expect(() => resolveFinal({ mask, weights: {}, from: 16 }, recipe, 100)).toThrow(/expected to start at one of/);
});

test("iterations and epochs at once are a method's bug", () => {
  expect(() => resolvePhase({ name: "a", iterations: 1, epochs: 1 }, recipe, 100)).toThrow(/got both/);
});
