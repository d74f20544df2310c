import { expect, test } from "vitest";
import { maskDigest, Trace } from "../trace.ts";
import { type Bits, bitsOf, differentSeeds, firstDifference } from "./behaviour.ts";

const traced = (...losses: number[]) => {
  const trace = new Trace();
  for (const loss of losses) trace.add(Float32Array.of(loss), maskDigest(null));
  return trace.state;
};
const run = (seed: number, losses: number[], more: Partial<Bits> = {}): Bits => ({
  ...{
    seed,
    outcome: "completed",
    ticketDigest: "t",
    trainedDigest: "w",
    trace: traced(...losses),
    values: { accuracy: 0.5 },
  },
  ...more,
});
const phase = (name: string, iterations: number) => ({
  ...{ name, iterations, part: "final" as const, batchSize: 60, sparsity: 0, seconds: 1 },
});

test("seeds that differ in any digest, the first run of each", () => {
  const base = [run(0, [1, 2]), run(1, [1, 2]), run(2, [1]), run(0, [9])];
  expect(differentSeeds(base, base)).toEqual([]);
  expect(differentSeeds(base, [run(0, [1, 2]), run(1, [1, 3])])).toEqual([1]);
  expect(differentSeeds(base, [run(0, [1, 2], { ticketDigest: "u" }), run(2, [2])])).toEqual([0, 2]);
  expect(differentSeeds(base, [run(7, [5])])).toEqual([]);
  expect(bitsOf(run(0, [1]))).not.toBe(bitsOf(run(0, [1], { outcome: "diverged" })));
  expect(bitsOf(run(0, [1]))).not.toBe(bitsOf(run(0, [1], { values: { accuracy: 0.4 } })));
  expect(bitsOf(run(0, [1]))).toBe(bitsOf(run(0, [1], { values: { accuracy: 0.5, "iteration-time": 7 } })));
});

test("the first difference as phase and iteration: blocks restart with each phase", () => {
  const phases = [phase("extrusion", 150), phase("final training", 300)]; // 2 and 3 blocks
  expect(firstDifference(run(4, [1, 2, 3, 4, 5]), run(4, [1, 2, 3, 4, 9]), phases)).toEqual({
    ...{ seed: 4, block: 4, phase: "final training", iteration: 200 },
  });
  expect(firstDifference(run(4, [1, 2]), run(4, [1, 7]), phases)).toMatchObject({ phase: "extrusion", iteration: 100 });
  expect(firstDifference(run(4, [1]), run(4, [1], { trainedDigest: "x" }), phases)).toBeNull();
});
