import { expect, test } from "vitest";
import { agree, checkCompleted } from "./consistency.ts";
import { referenceEngine } from "./engine/reference/reference.ts";
import { plan } from "./plan.ts";
import { type Result, unknownEnvironment } from "./result.ts";
import { runJob } from "./run-job.ts";
import { parseSpec, type Spec, type SpecInput } from "./spec.ts";

const specOf = (input: Partial<SpecInput>): Spec =>
  parseSpec({ dataset: "toy", model: "mlp-tiny", method: "random", recipe: { epochs: 1 }, ...input });
async function run(spec: Spec): Promise<Result> {
  const engine = referenceEngine();
  const environment = unknownEnvironment(engine);
  const done = await runJob(spec, { engine, environment, read: async () => new Uint8Array(), now: () => 0 });
  if (done === "stopped") throw new Error("stopped");
  return done.result;
}

test("a difference is shown, also late in long values", () => {
  expect(() => agree("it", { a: 1, b: 2 }, { b: 2, a: 1 })).not.toThrow();
  expect(() => agree("it", [1], [2])).toThrow("it: expected [1]; got [2]");
  const long = Array<number>(1_000).fill(0);
  expect(() => agree("it", long, long.with(900, 7))).toThrow(/^it: expected …[0,\]]+; got …[0,]+7,[0,\]]+$/);
  expect(() => agree("it", long, long.slice(0, 999))).toThrow(/^it: expected ….*; got …[0,]+\]$/);
});

test("a phase that may end early ended at one of its epochs, not before its earliest, and everything else says the same", async () => {
  const of = specOf({ method: { id: "early-bird", window: 3, threshold: 0.03, epochs: 20 }, sparsity: 0.5 });
  const result = await run(of);
  const planned = await plan(of);
  const ranFor = (iterations: number): Result => ({
    ...result,
    phases: result.phases.map((phase, i) => (i === 0 ? { ...phase, iterations } : phase)),
  });
  const ran = result.phases[0]!.iterations;
  expect(ran).toBeGreaterThan(3 * 25);
  expect(ran).toBeLessThan(20 * 25);
  expect(() => checkCompleted(ranFor(ran), of, planned, true)).not.toThrow();
  for (const wrong of [0, 1, 25, 2 * 25, ran + 1, 21 * 25])
    expect(() => checkCompleted(ranFor(wrong), of, planned, true)).toThrow(
      /to end at one of its epochs of 25 iterations, after 3 of them/,
    );
  for (const wrong of [ran - 25, ran + 25])
    expect(() => checkCompleted(ranFor(wrong), of, planned, true)).toThrow(/cost: expected/);
});

test("the best of a net that is pruned on the way is the best of those that have its sparsity", async () => {
  const of = specOf({ method: { id: "gmp", every: 10, endShare: 0.7 }, sparsity: 0.95, recipe: { epochs: 4 } });
  const result = await run(of);
  const { curves, accuracy } = result;
  expect(accuracy!.best.iteration).toBeGreaterThan(70);
  const early = curves.testAccuracy.indexOf(Math.max(...curves.testAccuracy.slice(1)));
  expect(curves.iteration[early]).toBeLessThan(70); // and better
  const score = { correct: Math.round(curves.testAccuracy[early]! * 200), total: 200, loss: curves.testLoss[early]! };
  const best = { score, iteration: curves.iteration[early]! };
  const planned = await plan(of);
  expect(() => checkCompleted(result, of, planned, false)).not.toThrow();
  expect(() => checkCompleted({ ...result, accuracy: { ...accuracy!, best } }, of, planned, false)).toThrow(/best/);
});
