import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { canonicalJson, digestOf } from "./canonical.ts";
import { toy as toyData } from "./datasets/toy.ts";
import { buildKernels } from "./engine/cpu/node/build.ts";
import { wasmEngine } from "./engine/cpu/wasm.ts";
import type { Engine } from "./engine/engine.ts";
import { referenceEngine } from "./engine/reference/reference.ts";
import { progressSchema } from "./job.ts";
import { models } from "./models/index.ts";
import type { Model } from "./models/model.ts";
import { resnetA } from "./models/resnet.ts";
import { plan } from "./plan.ts";
import { Problem } from "./problem.ts";
import { type Environment, type Result, resultSchema } from "./result.ts";
import { type JobOutput, type RunOptions, runJob } from "./run.ts";
import { parseSpec, type Spec, type SpecInput, specDigest } from "./spec.ts";
import { readTensorFile, readTicketFile, type Tensor, writeTensorFile } from "./tensor-file.ts";
import { recompute } from "./verify.ts";

const environment: Environment = {
  engine: "reference",
  device: "test",
  reason: "test",
  os: "test",
  arch: "test",
  cpu: "test",
  cores: 1,
  memoryBytes: 1,
  node: "test",
};
let clock = 0;
const options = (more: Partial<RunOptions> = {}): RunOptions => ({
  engine: referenceEngine(),
  environment,
  read: async () => new Uint8Array(), // the toy set needs no file
  now: () => (clock += 0.5),
  ...more,
});
const toy = (input: Partial<SpecInput>): Spec =>
  parseSpec({ dataset: "toy", model: "mlp-tiny", method: "dense", ...input });
const rstIter = (): Partial<SpecInput> => ({
  method: { id: "rst-iter", rounds: 2, ...shortRst, holdEarlier: true },
  sparsity: 0.9,
});
const shortRst = { settle: 30, interval: 1, granularity: 0.02, learningRate: 0.01, batchSize: 32 };

/** After 7 of 20 epochs of 25 iterations, three masks in a row agree. */
const earlyBird = (weights = "trained"): Partial<SpecInput> => ({
  method: { id: "early-bird", window: 3, threshold: 0.03, epochs: 20, weights },
  sparsity: 0.5,
});

async function complete(spec: Spec, more?: Partial<RunOptions>): Promise<JobOutput> {
  const output = await runJob(spec, options(more));
  if (output === "stopped") throw new Error("stopped");
  return output;
}

/** What must not depend on how often a run was stopped. */
const essence = ({ phases, curves, accuracy, layers, sparsity, cost, trace, ...rest }: Result) => ({
  phases: phases.map(({ seconds: _, ...phase }) => phase),
  ...{ curves, accuracy, layers, sparsity, cost, trace },
  ...{ outcome: rest.outcome, message: rest.message, ticket: rest.ticketDigest, trained: rest.trainedDigest },
});

test("a run gives a valid result, whose files are what it says", async () => {
  const spec = toy({ method: { id: "rst-iter", rounds: 2, ...shortRst }, sparsity: 0.8 });
  const progress: number[] = [];
  const { result, files } = await complete(spec, {
    onProgress: (p) => progress.push(progressSchema.parse(p).iteration / p.iterations),
  });
  expect(resultSchema.parse(result)).toEqual(result);
  expect(new TextDecoder().decode(files.result)).toBe(canonicalJson(result));
  expect(result.specDigest).toBe(specDigest(spec));

  const [ticket, trained] = [readTicketFile(files.ticket!), readTicketFile(files.trained!)];
  expect(result.ticketDigest).toBe(digestOf(files.ticket!));
  expect(result.trainedDigest).toBe(digestOf(files.trained!));
  expect(ticket.mask).toEqual(trained.mask);
  expect(ticket.weights).not.toEqual(trained.weights);

  const planned = await plan(spec);
  expect(result.phases.map(({ seconds: _, ...phase }) => phase)).toEqual(
    planned.phases.map(({ examples: _, evaluations: __, mayEndFrom: ___, prunesUntil: ____, ...phase }) => phase),
  );
  const entries = planned.phases.flatMap(({ evaluations, part }, i) =>
    Array(evaluations + Number(part === "final")).fill(i),
  );
  expect(result.curves.phase).toEqual(entries);
  const { phases: _, scoredExamples: __, ...cost } = planned;
  expect(result.cost).toEqual(cost);
  expect(result.layers.map(({ name, kept }) => [name, kept])).toEqual([
    ["fc1.weight", 1024 - 820],
    ["fc2.weight", 256 - 205],
    ["fc3.weight", 64],
  ]);
  expect(result.accuracy!.last.correct / 200).toBeGreaterThan(0.5);
  expect(result.accuracy!.best.score.correct).toBeGreaterThanOrEqual(result.accuracy!.last.correct);
  expect(result.accuracy!.validation!.total).toBe(100);
  expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  expect(progress.at(-1)).toBe(1);
});

describe("a conv net's run", () => {
  /** Small enough for the reference engine to train; known to nobody else. */
  const tiny: Model = {
    ...models.get("resnet-8"),
    id: "tiny",
    architecture: (input, classes) => resnetA(input, classes, [2, 4], [1, 1]),
  };
  beforeAll(() => {
    const get = models.get.bind(models);
    vi.spyOn(models, "get").mockImplementation((id) => (id === "tiny" ? tiny : get(id)));
  });
  afterAll(() => {
    vi.restoreAllMocks();
  });

  test("files hold batch norm's state, measures count its kernels, and the claimed accuracy can be recomputed", async () => {
    const spec = toy({ model: "tiny", method: { id: "rst", ...shortRst }, sparsity: 0.5, recipe: { epochs: 1 } });
    const { result, files } = await complete(spec);
    const data = await toyData.load(async () => new Uint8Array());
    const [ticket, trained] = [files.ticket!, files.trained!];
    const scores = await recompute({ engine: referenceEngine(), data, spec, ticket, trained });
    const { last, afterCut, beforeCut } = result.accuracy!;
    expect([scores.last.correct, scores.afterCut.correct]).toEqual([last.correct, afterCut.correct]);
    expect(beforeCut).not.toBeNull();
    const mean = (file: Uint8Array) => readTicketFile(file).weights["bn1.running_mean"];
    expect(mean(trained)).not.toEqual(mean(ticket));
    expect(result.layers.map(({ name, kept, weights }) => [name, kept, weights])).toEqual([
      ["conv1.weight", 18, 18],
      ["layer1.0.conv1.weight", 18, 36],
      ["layer1.0.conv2.weight", 18, 36],
      ["layer2.0.conv1.weight", 36, 72],
      ["layer2.0.conv2.weight", 72, 144],
      ["linear.weight", 16, 16],
    ]);
    const kept = 64 * (18 + 18 + 18) + 16 * (36 + 72) + 16;
    expect(result.sparsity!.theoreticalSpeedup).toBe((64 * (18 + 36 + 36) + 16 * (72 + 144) + 16) / kept);
  });
});

test("curves: an entry an epoch and phase end, one right after the cut", async () => {
  const { result } = await complete(toy({ method: { id: "rst", ...shortRst }, sparsity: 0.5, protocol: "paper" }));
  const { curves, accuracy } = result;
  // extrusion: 51 + 30 iterations at 19 an epoch; then the cut; then 3 epochs of 30
  expect(curves.phase).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1]);
  expect(curves.iteration).toEqual([19, 38, 57, 76, 81, 81, 111, 141, 171]);
  expect(curves.trainLoss[5]).toBe("NaN");
  expect(curves.validationAccuracy).toEqual([]);
  expect(curves.testAccuracy[4]).toBe(accuracy!.beforeCut!.correct / 200);
  expect(curves.testAccuracy[5]).toBe(accuracy!.afterCut.correct / 200);
  expect(curves.testAccuracy.at(-1)).toBe(accuracy!.last.correct / 200);
  expect(accuracy!.validation).toBe(null);
});

test("an iteration's time leaves out evaluations and pauses; a phase's holds them", async () => {
  let time = 0;
  const engine: Engine = {
    ...referenceEngine(),
    compile: async (architecture, maxBatch) => {
      const network = await referenceEngine().compile(architecture, maxBatch);
      const { step, evaluate } = network;
      network.step = (...args) => {
        time += 2;
        return step.apply(network, args);
      };
      network.evaluate = (...args) => {
        time += 50;
        return evaluate.apply(network, args);
      };
      return network;
    },
  };
  const spec = toy({ method: "random", sparsity: 0.5, protocol: "paper", recipe: { epochs: 8 } });
  const between: RunOptions["between"] = () => void (time += 7);
  const { result } = await complete(spec, { engine, now: () => time, between });
  expect(result.iterationTime).toEqual({ q25: 2, median: 2, q75: 2 }); // 240 iterations: two whole blocks
  expect(result.phases[0]!.seconds).toBeGreaterThan((240 * 9 + 8 * 100) / 1000);
  expect(result.seconds).toBeCloseTo(time / 1000, 6);
});

test("a phase that a method ends early counts as long as it ran; a ticket may rewind what it trained", async () => {
  const progress: string[] = [];
  const { result, files } = await complete(toy(earlyBird()), {
    onProgress: ({ iteration, iterations }) => progress.push(`${iteration} of ${iterations}`),
  });
  expect([progress[0], progress.at(-1)]).toEqual(["25 of 575", "250 of 250"]);
  const planned = await plan(toy(earlyBird()));
  expect(planned.phases[0]).toMatchObject({ iterations: 500, mayEndFrom: 3 });
  expect(result.phases.map(({ iterations }) => iterations)).toEqual([175, 75]);
  expect(result.cost).toMatchObject({ methodIterations: 175, methodExamples: 7 * 500, finalIterations: 75 });
  expect(result.curves.iteration).toEqual([25, 50, 75, 100, 125, 150, 175, 175, 200, 225, 250]);

  const rewound = await complete(toy(earlyBird("initial")));
  const [trained, initial] = [readTicketFile(files.ticket!), readTicketFile(rewound.files.ticket!)];
  expect(initial.mask).toEqual(trained.mask);
  const scratch = await complete(toy({ method: "random", sparsity: 0.5 }));
  expect(initial.weights["fc3.bias"]).toEqual(readTicketFile(scratch.files.ticket!).weights["fc3.bias"]);
  expect(initial.weights["fc3.bias"]).not.toEqual(trained.weights["fc3.bias"]);
});

test("the claimed accuracy is the check engine's", async () => {
  const blind: Engine = {
    ...referenceEngine(),
    compile: async (architecture, maxBatch) => {
      const network = await referenceEngine().compile(architecture, maxBatch);
      network.evaluate = async () => ({ loss: 1, correct: 0 });
      return network;
    },
  };
  const spec = toy({ method: "random", sparsity: 0.5, recipe: { epochs: 1 } });
  const { result } = await complete(spec, { checkEngine: blind });
  expect(result.accuracy!.last.correct).toBe(0);
  expect(result.accuracy!.best.score.correct).toBeGreaterThan(0);
});

test("a diverged run is a result: no ticket, and the iteration where it happened", async () => {
  const spec = toy({ method: "lth", sparsity: 0.5, recipe: { learningRate: [{ epoch: 0, value: 900 }] } });
  const { result, files } = await complete(spec);
  expect(resultSchema.parse(result)).toEqual(result);
  expect(result).toMatchObject({ outcome: "diverged", accuracy: null, sparsity: null, ticketDigest: null, layers: [] });
  expect(files).toMatchObject({ ticket: null, trained: null });
  const [, iteration] = result.message!.match(/^dense training, iteration (\d+): the loss is not finite$/)!;
  expect(result.phases.map((phase) => phase.iterations)).toEqual([Number(iteration)]);
  expect(result.cost).toMatchObject({ methodIterations: Number(iteration), finalIterations: 0 });
  expect(essence((await complete(spec)).result)).toEqual(essence(result));
});

describe("snapshots", () => {
  /** Runs, stopping at each of these iterations and going on from the snapshot taken there. */
  async function interrupted(spec: Spec, stops: readonly number[], engine: Engine): Promise<JobOutput> {
    let resume: Uint8Array | undefined;
    for (const stop of stops) {
      const ended = await runJob(
        spec,
        options({
          engine,
          resume,
          between: async ({ iteration, snapshot }) => {
            if (iteration !== stop) return undefined;
            resume = await snapshot();
            return "stop";
          },
        }),
      );
      expect(ended, `stopped at ${stop}`).toBe("stopped");
    }
    return complete(spec, { engine, resume });
  }

  test("one of another spec or engine, and a broken one, are refused", async () => {
    const spec = toy({ method: "random", sparsity: 0.5 });
    let bytes = new Uint8Array();
    const between: RunOptions["between"] = async ({ snapshot }): Promise<"stop"> => {
      bytes = new Uint8Array(await snapshot());
      return "stop";
    };
    expect(await runJob(spec, options({ between }))).toBe("stopped");
    const other = toy({ method: "random", sparsity: 0.6 });
    await expect(runJob(other, options({ resume: bytes }))).rejects.toThrow(/snapshot: expected one of/);
    await expect(runJob(spec, options({ resume: bytes.subarray(0, -4) }))).rejects.toThrow(Problem);
    await expect(
      runJob(spec, options({ engine: { ...referenceEngine(), id: "other" }, resume: bytes })),
    ).rejects.toThrow(/"engine":"other"/);
    expect(await runJob(spec, options({ resume: bytes }))).not.toBe("stopped");

    const file = readTensorFile(bytes);
    const resumeWith = (change: (tensor: Tensor) => readonly Tensor[]) => {
      const resume = writeTensorFile({ ...file, tensors: file.tensors.flatMap(change) });
      return expect(runJob(spec, options({ resume }))).rejects;
    };
    const named = (name: string, to: Partial<Tensor>) => (tensor: Tensor) => [
      tensor.name === name ? { ...tensor, ...to } : tensor,
    ];
    const short = { shape: [15], values: new Float32Array(15) };
    await resumeWith(named("momentum", short)).toMatchObject({
      code: "bad-file",
      message: "snapshot: momentum: expected 1380 numbers (f32); got 15",
    });
    await resumeWith(named("weights", { name: "other" })).toMatchObject({
      code: "bad-file",
      message: "snapshot: weights: expected 1380 numbers (f32); got none",
    });
    await resumeWith((tensor) => (tensor.name === "weights" ? [] : [tensor])).toMatchObject({
      code: "bad-file",
      message: "snapshot: expected 6 tensors after 0 phases; got 5",
    });
    const long = { shape: [101], values: new Float32Array(101) };
    await resumeWith(named("block", long)).toThrow(/block \(f32, at most 100\)/);
  });

  // Odd places: mid-epoch, mid-block, the first and last iteration of a phase, an epoch's end, each part, twice.
  test.each<[string, Partial<SpecInput>, number[][]]>([
    ["random", { method: "random", sparsity: 0.9 }, [[1], [74, 75], [13, 31]]],
    ["rst", { method: { id: "rst", ...shortRst }, sparsity: 0.9 }, [[1], [53], [80, 81, 82], [37, 111, 140]]],
    ["rst-iter", rstIter(), [[40], [81, 99], [162, 163], [20, 120, 200]]],
    [
      "lth-iter",
      { method: { id: "lth-iter", rounds: 3, epochs: 2 }, sparsity: 0.95 },
      [[7], [50, 51, 133], [101, 160]],
    ],
    [
      "l1-iter",
      { method: { id: "l1-iter", rounds: 2, maskFirst: false }, sparsity: 0.9 },
      [
        [75, 76],
        [77, 151],
      ],
    ],
    [
      "lth-iter, rewound to the middle of an epoch",
      { method: { id: "lth-iter", rounds: 2, rewindTo: 30 }, sparsity: 0.9 },
      [
        [29, 31],
        [75, 120],
      ],
    ],
    ["early-bird", earlyBird(), [[7], [26, 60, 124], [150, 174, 176]]],
    [
      "resnet-8 by rst, batches of 50",
      {
        model: "resnet-8",
        method: { id: "rst", ...shortRst, batchSize: 50 },
        sparsity: 0.9,
        recipe: { batchSize: 50 },
      },
      [[1], [20, 81, 82], [53, 91, 101, 111]],
    ],
  ])("%s: stopped and resumed, the run is the same to the last bit", async (_, input, stopLists) => {
    const engine = await wasmEngine((await buildKernels()).bytes);
    const spec = toy({ ...input, protocol: input.method === "random" ? "paper" : "validation" });
    const whole = await complete(spec, { engine });
    expect(whole.result.outcome).toBe("completed");
    for (const stops of stopLists) {
      const parts = await interrupted(spec, stops, engine);
      expect(essence(parts.result), `stopped at ${stops}`).toEqual(essence(whole.result));
      expect(parts.files.ticket).toEqual(whole.files.ticket);
      expect(parts.files.trained).toEqual(whole.files.trained);
    }
  });

  test.each(["mlp-tiny", "resnet-8"])(
    "a diverged run (%s) is resumed to the same end, even from after the loss that did it",
    async (model) => {
      const engine = await wasmEngine((await buildKernels()).bytes);
      const learningRate = [{ epoch: 0, value: 900 }]; // with decay, no batch norm keeps weights small
      const spec = toy({ model, method: "lth", sparsity: 0.5, recipe: { learningRate, weightDecay: 0.1 } });
      const whole = await complete(spec, { engine });
      expect(whole.result.outcome).toBe("diverged");
      const at = whole.result.phases[0]!.iterations;
      const parts = await interrupted(spec, [at - 1], engine);
      expect(essence(parts.result)).toEqual(essence(whole.result));
      const asked = await complete(spec, {
        engine,
        between: async ({ iteration, snapshot }) => {
          if (iteration === at + 1) await snapshot();
          return undefined;
        },
      });
      expect(essence(asked.result)).toEqual(essence(whole.result));
    },
  );
});

test("steps are timed with the mask and without before a long final training, and no bit depends on it", async () => {
  const spec = toy({ method: "random", sparsity: 0.9, recipe: { epochs: 40 } }); // 1,000 iterations
  const whole = await complete(spec);
  const { stepTimes, iterationTime } = whole.result;
  for (const times of [stepTimes!.dense, stepTimes!.masked, iterationTime!]) expect(times.median).toBeGreaterThan(0);
  expect((await complete(toy({ method: "random", sparsity: 0.9 }))).result.stepTimes).toBeUndefined();

  const untimed: Engine = {
    ...referenceEngine(),
    async compile(architecture, maxBatch) {
      const network = await referenceEngine().compile(architecture, maxBatch);
      const step = network.step.bind(network);
      network.step = async (images, labels, update) => {
        if (update.learningRate > 0) await step(images, labels, update);
      };
      return network;
    },
  };
  expect(essence((await complete(spec, { engine: untimed })).result)).toEqual(essence(whole.result));
});
