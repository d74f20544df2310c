import { expect, test } from "vitest";
import { learningCurves } from "./learning-curves.ts";

const phase = (name: string, part: "method" | "final", iterations: number) => ({
  name,
  part,
  iterations,
  batchSize: 60,
  sparsity: 0,
  seconds: 1,
});
const curves = (phases: number[], iteration: number[], accuracy: number[]) => ({
  phase: phases,
  iteration,
  trainLoss: iteration.map(() => 0.5),
  testLoss: iteration.map(() => 0.4),
  testAccuracy: accuracy,
  validationAccuracy: [],
});
const pruned = [{ name: "fc1.weight", weights: 10, kept: 1 }];

test("the ticket's score starts the last stretch; each phase before it is its own", () => {
  const drawn = learningCurves({
    phases: [phase("extrusion 1", "method", 100), phase("extrusion 2", "method", 100), phase("final", "final", 50)],
    curves: curves([0, 1, 1, 2, 2], [100, 200, 200, 225, 250], [0.8, 0.9, 0.3, 0.95, 0.96]),
    layers: pruned,
  });
  expect(drawn.cut).toBe(200);
  expect(drawn.phases.map((p) => [p.from, p.to])).toEqual([
    [0, 100],
    [100, 200],
    [200, 250],
  ]);
  expect(drawn.stretches.map((s) => s.map((p) => p.testAccuracy))).toEqual([[0.8], [0.9], [0.3, 0.95, 0.96]]);
  expect(drawn.stretches[2]![0]!.trainLoss).toBeNaN();
});

test("a method that trains nothing is cut at the start; a dense net is not cut", () => {
  const once = {
    phases: [phase("final", "final", 50)],
    curves: curves([0, 0, 0], [0, 25, 50], [0.1, 0.9, 0.5]),
  };
  const random = learningCurves({ ...once, layers: pruned });
  expect(random.cut).toBe(0);
  expect(random.stretches).toHaveLength(1);
  expect(random.stretches[0]![2]!.testAccuracy).toBe(0.5);
  expect(learningCurves({ ...once, layers: [{ name: "fc1.weight", weights: 10, kept: 10 }] }).cut).toBeNull();
});
