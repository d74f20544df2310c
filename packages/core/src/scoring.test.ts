/** Runs of methods that score weights before training: what they say meanwhile, how they stop, go on and are counted. */
import { expect, test } from "vitest";
import { toy } from "./datasets/toy.ts";
import { outputGradients } from "./engine/reference/derivatives.ts";
import { referenceEngine } from "./engine/reference/reference.ts";
import { parameters } from "./layers.ts";
import { models } from "./models/index.ts";
import { plan } from "./plan.ts";
import { unknownEnvironment } from "./result.ts";
import { seededRng } from "./rng.ts";
import { type JobOutput, type RunOptions, runJob } from "./run-job.ts";
import { parseSpec, type SpecInput } from "./spec.ts";

const engine = referenceEngine();
const spec = (method: SpecInput["method"]) =>
  parseSpec({ dataset: "toy", model: "mlp-tiny", method, sparsity: 0.8, recipe: { epochs: 2 } });

/** The run, and the names of the phases in its progress. */
async function run(method: SpecInput["method"], more: Partial<RunOptions> = {}) {
  const said: string[] = [];
  const options: RunOptions = {
    engine,
    environment: unknownEnvironment(engine),
    read: async () => new Uint8Array(),
    now: () => 0,
    onProgress: ({ phaseName }) => said.push(phaseName),
    ...more,
  };
  return { output: await runJob(spec(method), options), said };
}

const grasp = { id: "grasp", examplesPerClass: 10, batches: 4 };

test("scoring says how far it is, part by part, counts what it took, and stops between two parts", async () => {
  const { output, said } = await run(grasp);
  const scoring = said.filter((name) => name.startsWith("scoring"));
  expect(scoring).toEqual([10, 20, 30, 40, 60, 80, 100, 120].map((images) => `scoring, ${images} of 120 images`));
  expect((output as JobOutput).result.cost.scoredExamples).toBe(120);
  expect((await plan(spec(grasp))).scoredExamples).toBe(120);

  let pauses = 0;
  const stopped = await run(grasp, { pause: async () => (++pauses === 3 ? "stop" : undefined) });
  expect([stopped.output, stopped.said.at(-1)]).toEqual(["stopped", "scoring, 30 of 120 images"]);
});

test("a run stopped in its final training goes on with its ticket: nothing is scored again, and the bits are the same", async () => {
  for (const method of [grasp, "snip", { id: "synflow", rounds: 3 }] as const) {
    const whole = (await run(method)).output as JobOutput;
    let resume: Uint8Array | undefined;
    const first = await run(method, {
      between: async ({ iteration, snapshot }) => {
        if (iteration !== 30) return undefined;
        resume = await snapshot();
        return "stop";
      },
    });
    expect(first.output).toBe("stopped");
    const { output, said } = await run(method, { resume: resume! });
    expect(said.filter((name) => name.startsWith("scoring"))).toEqual([]);
    const { ticketDigest, cost } = whole.result;
    expect((output as JobOutput).result).toMatchObject({ ticketDigest, cost });
  }
});

test("images are counted as they are drawn, also where a class has fewer than asked for", async () => {
  const many = { id: "snip", examplesPerClass: 1_000 };
  const { output } = await run(many);
  expect((output as JobOutput).result.cost.scoredExamples).toBe(toy.trainCount - toy.validationCount);
});

test("something flows through a deep net with relu6: what is above 6 is let through", () => {
  const mobilenet = models.get("mobilenet-v2");
  const architecture = mobilenet.architecture([1, 32, 32], 10);
  const initial = mobilenet.initialise(architecture, seededRng(0));
  const sizes = Object.fromEntries(Object.entries(initial).map(([name, values]) => [name, values.map(Math.abs)]));
  const flow = outputGradients(architecture, sizes);
  for (const { name, prunable } of parameters(architecture))
    if (prunable)
      expect(
        flow[name]!.some((through) => through > 0),
        name,
      ).toBe(true);
});
