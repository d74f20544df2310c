/** The network contract (engine.ts) on the arena: checks, copies in, runs a program, copies out. */
import type { Architecture } from "../../layers.ts";
import { Problem } from "../../problem.ts";
import { checkExamples, checkImages, checkMask, checkWeights } from "../checks.ts";
import type { Network, Update } from "../engine.ts";
import { type Arena, columnsOf, planArena } from "./arena.ts";
import { parametersIn } from "./parameters.ts";
import { type Program, writePrograms } from "./program.ts";
import { multiplyAdds, stagesOf } from "./stages.ts";

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

export async function compileNetwork(architecture: Architecture, maxBatch: number, kernels: Kernels): Promise<Network> {
  if (!Number.isInteger(maxBatch) || maxBatch < 1) {
    throw new Problem("bad-request", `maxBatch: expected an integer of at least 1; got ${maxBatch}`);
  }
  const stages = stagesOf(architecture);
  const { features, classes } = stages;
  const threads = kernels.threads(multiplyAdds(stages) * columnsOf(maxBatch));
  const arena = planArena(stages, maxBatch, threads, kernels.limit);
  const host = await kernels.open(arena);
  const { memory } = host;

  const parameters = parametersIn(memory, arena);
  const write = () => writePrograms(memory, arena, stages.reluOnImages, parameters.storage);
  let programs = write();
  let losses: number[] = [];

  const words = new Uint32Array(memory, arena.call, 16);
  const numbers = new Float32Array(memory, arena.call, 16);
  const imageBuffer = new Float32Array(memory, arena.images, columnsOf(maxBatch) * features);
  const labelBuffer = new Uint8Array(memory, arena.labels, maxBatch);
  const first = arena.stages[0]!;
  const last = arena.stages.at(-1)!;

  function load(images: Float32Array, batch: number): void {
    imageBuffer.set(images);
    words[BATCH] = batch;
    words[COLUMNS] = columnsOf(batch);
  }

  function loadExamples(images: Float32Array, labels: Uint8Array): void {
    load(images, labels.length);
    labelBuffer.set(labels);
  }

  function setUpdate(update: Update): void {
    numbers[LEARNING_RATE] = update.learningRate;
    numbers[MOMENTUM] = update.momentum;
    numbers[WEIGHT_DECAY] = update.weightDecay;
    numbers[SMOOTHING] = update.labelSmoothing;
    words[NESTEROV] = update.nesterov ? 1 : 0;
  }

  /** [feature][column] of the batch → [batch, features]. */
  function unpack(at: number, batch: number, count: number): Float32Array {
    const columns = columnsOf(batch);
    const packed = new Float32Array(memory, at, count * columns);
    const values = new Float32Array(batch * count);
    for (let n = 0; n < batch; n++) for (let i = 0; i < count; i++) values[n * count + i] = packed[i * columns + n]!;
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
    async probe(images, batch, outputGradient) {
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
      host.run(programs.probe);
      return {
        output: unpack(last.y, batch, classes),
        inputGradient: unpack(first.x, batch, features),
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
