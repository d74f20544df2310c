/** The network contract (engine.ts) on the arena: checks, copies in, runs a program, copies out. */
import { multiplyAdds } from "../../flops.ts";
import { type Architecture, parameters as parametersOf } from "../../layers.ts";
import { Problem } from "../../problem.ts";
import { checkExamples, checkImages, checkMask, checkWeights } from "../checks.ts";
import type { Labels, Network, Update } from "../engine.ts";
import { type Arena, columnsOf, planArena } from "./arena.ts";
import { parametersIn } from "./parameters.ts";
import { type Program, writePrograms } from "./program.ts";
import { stagesOf } from "./stages.ts";

/** Memory of a planned size, and whatever walks programs in it. */
export interface Host {
  readonly memory: ArrayBufferLike;
  /** Returns when every thread is through the program. */
  run(program: Program): void;
  stop(): Promise<void>;
}

/** What kernels there are, and what they may use. */
export interface Kernels {
  readonly device: string;
  /** Threads for this many multiply-adds a forward pass. */
  threads(work: number): number;
  /** Bytes a network may have. */
  readonly limit: number;
  /** See planArena. */
  readonly gap?: number;
  /** Allocates the arena. Throws Problem "out-of-memory". */
  open(arena: Arena): Promise<Host>;
}

// words of struct call in kernels/table.h
const BATCH = 0;
const COLUMNS = 1;
const LEARNING_RATE = 2;
const MOMENTUM = 3;
const WEIGHT_DECAY = 4;
const SMOOTHING = 5;
const PENALTY = 6;
const NESTEROV = 7;
const LOSS = 8;
const CORRECT = 9;
const DROPOUT_SEED = 10;

export async function compileNetwork(architecture: Architecture, maxBatch: number, kernels: Kernels): Promise<Network> {
  if (!Number.isInteger(maxBatch) || maxBatch < 1) {
    throw new Problem("bad-request", `maxBatch: expected an integer of at least 1; got ${maxBatch}`);
  }
  const stages = stagesOf(architecture);
  const { features, classes } = stages;
  const threads = kernels.threads(multiplyAdds(architecture) * columnsOf(maxBatch));
  const arena = planArena(stages, maxBatch, threads, kernels.limit, kernels.gap);
  const host = await kernels.open(arena);
  const { memory } = host;

  for (const { at, words } of arena.body?.writes ?? []) new Uint32Array(memory, at, words.length).set(words);
  const names = parametersOf(architecture).map(({ name }) => name);
  const parameters = parametersIn(memory, arena, names);
  const write = () => writePrograms(memory, arena, stages.reluOnImages, parameters.storage);
  let programs = write();
  let losses: number[] = [];

  const words = new Uint32Array(memory, arena.call, 16);
  const numbers = new Float32Array(memory, arena.call, 16);
  const imageBuffer = new Float32Array(memory, arena.images, columnsOf(maxBatch) * features);
  const labelBuffer = new Uint16Array(memory, arena.labels, maxBatch);

  function load(images: Float32Array, batch: number): void {
    imageBuffer.set(images);
    words[BATCH] = batch;
    words[COLUMNS] = columnsOf(batch);
  }

  function loadExamples(images: Float32Array, labels: Labels): void {
    load(images, labels.length);
    labelBuffer.set(labels);
  }

  function setUpdate(update: Update): void {
    numbers[LEARNING_RATE] = update.learningRate;
    numbers[MOMENTUM] = update.momentum;
    numbers[WEIGHT_DECAY] = update.weightDecay;
    numbers[SMOOTHING] = update.labelSmoothing;
    words[NESTEROV] = update.nesterov ? 1 : 0;
    words[DROPOUT_SEED] = update.dropoutSeed ?? 0;
  }

  /** [feature][column] of the batch → [batch, features]. */
  function unpack(at: number, batch: number, count: number): Float32Array {
    const columns = columnsOf(batch);
    const packed = new Float32Array(memory, at, count * columns);
    const values = new Float32Array(batch * count);
    for (let n = 0; n < batch; n++) for (let i = 0; i < count; i++) values[n * count + i] = packed[i * columns + n]!;
    return values;
  }

  /** Gradient of the images after a probe, [batch, features]. */
  function imageGradient(batch: number): Float32Array {
    if (!arena.body) return unpack(arena.entrance, batch, features);
    const at = arena.body.gradient(arena.body.backward.images);
    const blocks = new Float32Array(memory, at, columnsOf(batch) * features);
    const values = new Float32Array(batch * features);
    for (let n = 0; n < batch; n++)
      for (let i = 0; i < features; i++)
        values[n * features + i] = blocks[(Math.floor(n / 16) * features + i) * 16 + (n % 16)]!;
    return values;
  }

  return {
    peakBytes: arena.bytes,
    async read(what) {
      return parameters.read(what);
    },
    async write(what, values) {
      checkWeights(architecture, what, values);
      parameters.write(what, values);
    },
    setMask(mask) {
      if (mask) checkMask(architecture, "mask", mask);
      parameters.setMask(mask);
      programs = write();
    },
    setPenalty(penalty) {
      if (penalty) checkMask(architecture, "penalty", penalty.on);
      if (parameters.setPenalty(penalty?.on ?? null)) programs = write();
      numbers[PENALTY] = penalty?.strength ?? 0;
    },
    async step(images, labels, update) {
      checkExamples(architecture, maxBatch, images, labels);
      loadExamples(images, labels);
      setUpdate(update);
      host.run(update.lossGradient === "blocked" ? programs["step-blocked"] : programs.step);
      losses.push(numbers[LOSS]!);
    },
    async update(update) {
      setUpdate(update);
      host.run(update.lossGradient === "blocked" ? programs["update-blocked"] : programs.update);
    },
    async losses() {
      const drained = Float32Array.from(losses);
      losses = [];
      return drained;
    },
    async gradients(images, labels, labelSmoothing = 0) {
      checkExamples(architecture, maxBatch, images, labels);
      loadExamples(images, labels);
      numbers[SMOOTHING] = labelSmoothing;
      host.run(programs.gradients);
      return parameters.read("gradients");
    },
    async probe(images, batch, outputGradient, mode = "train") {
      checkImages(architecture, maxBatch, images, batch);
      if (outputGradient.length !== batch * classes) {
        throw new Problem(
          "bad-request",
          `outputGradient: expected ${batch * classes} values; got ${outputGradient.length}`,
        );
      }
      load(images, batch);
      const columns = columnsOf(batch);
      const gradient = new Float32Array(memory, arena.gradients[0], classes * columns).fill(0);
      for (let n = 0; n < batch; n++)
        for (let k = 0; k < classes; k++) gradient[k * columns + n] = outputGradient[n * classes + k]!;
      host.run(mode === "train" ? programs.probe : programs["probe-evaluate"]);
      return {
        output: unpack(arena.output, batch, classes),
        inputGradient: imageGradient(batch),
        gradients: parameters.read("gradients"),
      };
    },
    async evaluate(images, labels) {
      checkExamples(architecture, null, images, labels);
      numbers[SMOOTHING] = 0;
      let loss = 0;
      let correct = 0;
      for (let n = 0; n < labels.length; n += maxBatch) {
        const end = Math.min(n + maxBatch, labels.length);
        loadExamples(images.subarray(n * features, end * features), labels.subarray(n, end));
        host.run(programs.evaluate);
        loss += numbers[LOSS]!;
        correct += words[CORRECT]!;
      }
      return { loss, correct };
    },
    dispose: () => host.stop(),
  };
}
