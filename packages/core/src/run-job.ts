/**
 * A spec goes in, a result with its files comes out. The whole experiment, top to bottom, on the engine that is given:
 * nothing here reaches native code or files, so it runs in a page as well (doors: run.ts, verify.ts).
 */
import { canonicalBytes, digestOf } from "./canonical.ts";
import { type OpenImages, type ReadFile, trainingCount } from "./datasets/dataset.ts";
import { datasetOf } from "./datasets/index.ts";
import type { Engine } from "./engine/engine.ts";
import { CLAIM_ENGINE } from "./engine/index.ts";
import { NUMERICS } from "./engine/numerics.ts";
import { initialWeights } from "./initial-weights.ts";
import type { Progress } from "./job.ts";
import { parameters } from "./layers.ts";
import { type Mask, sparsityOf } from "./mask.ts";
import { layerCounts, measureSparsity } from "./measures.ts";
import { methods } from "./methods/index.ts";
import type { Ticket } from "./methods/method.ts";
import { models } from "./models/index.ts";
import type { ResolvedPhase } from "./phase.ts";
import { plan } from "./plan.ts";
import { type Environment, MEASURED_FROM_ITERATIONS, type Result, type Score } from "./result.ts";
import { seededRng } from "./rng.ts";
import { quotasOf } from "./scope.ts";
import { architectureOf, type Spec, specDigest } from "./spec.ts";
import { writeTicketFile } from "./tensor-file.ts";
import { BLOCK, Trace } from "./trace.ts";
import {
  loadedBatches,
  lookOf,
  normalised,
  type OpenLoader,
  scored,
  shuffledBatches,
  splitTraining,
  withDropoutSeeds,
} from "./training/batches.ts";
import { denseNetwork, type PhaseObserver } from "./training/dense-network.ts";
import { measures } from "./training/derivatives.ts";
import { EVALUATION_BATCH, evaluate, evaluateWeights } from "./training/evaluate.ts";
import { newRecord, Recorder, type RunRecord } from "./training/record.ts";
import { readSnapshot, writeSnapshot } from "./training/snapshot.ts";
import { measureStepTimes, quartiles } from "./training/step-times.ts";
import { Diverged, type Position, Stopped } from "./training/train.ts";
import type { Weights } from "./weights.ts";

export interface RunOptions {
  readonly engine: Engine;
  /** Computes the claimed accuracy where `engine` is not CLAIM_ENGINE: what anyone can recompute to the last image. */
  readonly checkEngine?: Engine;
  readonly environment: Environment;
  readonly read: ReadFile;
  /** For data sets whose images are files of their own. */
  readonly open?: OpenImages;
  /** Bytes of the file of initial weights, where the spec names one. */
  readonly initial?: Uint8Array;
  /** Makes batches beside the training, where that is worth a thread; left out: between its iterations. */
  readonly openLoader?: OpenLoader;
  /** Monotonic milliseconds (`performance.now`); feeds durations only, never the computation. */
  readonly now: () => number;
  /** Bytes of an earlier snapshot of the same spec: the run goes on from there, to the same bits. */
  readonly resume?: Uint8Array;
  /** After each block of 100 iterations and at each evaluation. */
  readonly onProgress?: (progress: Progress) => void;
  /** After every iteration, counted over all phases. It may await (the event loop turns only then), take a snapshot, or
   * end the run. What `snapshot` throws must be let through: it may be how a diverged loss is found. */
  readonly between?: (at: {
    iteration: number;
    snapshot: () => Promise<Uint8Array>;
  }) => undefined | "stop" | Promise<undefined | "stop">;
  /** Between the batches of evaluations and the parts of scores, which may be long. "stop" ends the run where no snapshot can be taken. */
  readonly pause?: () => Promise<undefined | "stop">;
}

export interface JobOutput {
  readonly result: Result;
  /** Exact bytes of each file; the statement's subjects are their digests. Null unless completed. */
  readonly files: {
    readonly result: Uint8Array;
    readonly ticket: Uint8Array | null;
    readonly trained: Uint8Array | null;
  };
}

export type RunJob = (spec: Spec, options: RunOptions) => Promise<JobOutput | "stopped">;

/**
 * Runs a complete spec. On the cpu engine the same spec gives the same ticket, trained net, trace and curves on every
 * machine, resumed or not. Throws Problem for data, memory and snapshots that are not as they must be.
 */
export const runJob: RunJob = async (spec, options) => {
  const { engine } = options;
  const started = options.now();
  const digest = specDigest(spec);
  const dataset = datasetOf(spec);
  const { id, ...settings } = spec.method;
  const model = models.get(spec.model);
  const architecture = architectureOf(spec);
  const rng = seededRng(spec.seed);

  const initial = initialWeights(spec, options.initial);
  const planned = await plan(spec);
  const data = await dataset.load(options.read, options.open);
  const split = splitTraining(dataset, spec.protocol, rng);
  const test = scored(dataset, data.test);
  const held = split.validation.length > 0 ? scored(dataset, data.train, split.validation) : null;

  const of = { specDigest: digest, engine: engine.id };
  const resumed = options.resume ? readSnapshot(options.resume, of, architecture) : null;
  const largestBatch = Math.max(EVALUATION_BATCH, ...planned.phases.map((phase) => phase.batchSize));
  const network = await engine.compile(architecture, largestBatch);
  const claimNetwork =
    options.checkEngine && engine.id !== CLAIM_ENGINE
      ? await options.checkEngine.compile(architecture, EVALUATION_BATCH)
      : network;

  const trace = new Trace(resumed?.trace);
  const completed: Weights[] = [...(resumed?.journal.completed ?? [])];
  let ticket: Ticket | null = resumed?.ticket ?? null;
  let scoredExamples = 0;
  const pause =
    options.pause &&
    (async (): Promise<void> => {
      if ((await options.pause?.()) === "stop") throw new Stopped("stopped where no snapshot can be taken");
    });
  const recorder = new Recorder(
    resumed?.record ?? newRecord(),
    {
      plan: planned,
      trainCount: trainingCount(dataset, spec.protocol),
      evaluate: async () => ({
        test: await timed(() => evaluate(network, test, pause)),
        validation: held && (await evaluate(network, held, pause)),
      }),
      now: options.now,
      onProgress: options.onProgress,
      between: (iteration, position) =>
        options.between?.({ iteration, snapshot: async () => snapshot(await position()) }),
    },
    started,
  );
  const { record } = recorder;
  /** Notes how long an evaluation took; clocks that stand still measure nothing. */
  async function timed(evaluation: () => Promise<Score>): Promise<Score> {
    const since = options.now();
    const score = await evaluation();
    const passed = options.now() - since;
    if (passed > 0) recorder.record.evaluationTimes.push(passed);
    return score;
  }
  const snapshot = async (position: Position): Promise<Uint8Array> => {
    recorder.take();
    const running = { weights: await network.read("weights"), momentum: await network.read("momentum"), position };
    const kept = ticket && !ticket.remask ? ticket : null; // what changes it is code, which finds it again
    return writeSnapshot(
      of,
      { ticket: kept, journal: { completed, running }, trace: trace.state, record },
      architecture,
    );
  };
  const observe = (index: number, phase: ResolvedPhase): PhaseObserver => ({
    ...recorder.observe(index, phase, ticket ? "final" : "method"),
    finished: (weights) => completed.push(weights),
  });

  const prunable = parameters(architecture).filter((parameter) => parameter.prunable);
  const augmentation = spec.recipe.augmentation === "none" ? undefined : spec.recipe.augmentation;
  // the rest are copied faster than a thread could be asked for them
  const isWork = augmentation !== undefined || !(data.train.images instanceof Uint8Array);
  const loader = isWork ? options.openLoader?.(lookOf(dataset), data.train.images) : undefined;
  const source = [dataset, data.train, split.train, rng, augmentation] as const;
  const batches = loader ? loadedBatches(loader, ...source) : shuffledBatches(...source);
  const drops = architecture.layers.some(({ kind }) => kind === "dropout");
  const { dense, finish } = denseNetwork({
    architecture,
    network,
    recipe: spec.recipe,
    initial,
    rng: rng.stream("method"),
    quotas: (sparsity, round, rounds) => quotasOf(spec.scope, prunable, sparsity, round, rounds),
    redraw: (draws) => model.initialise(architecture, draws),
    measures: measures(
      { architecture, network: claimNetwork, dataset, train: data.train, indices: split.train },
      async (images) => {
        scoredExamples += images;
        recorder.scored(scoredExamples);
        await pause?.();
      },
    ),
    trainCount: trainingCount(dataset, spec.protocol),
    batches: drops ? withDropoutSeeds(batches, rng) : batches,
    trace,
    observe,
    journal: resumed?.journal,
    isFinal: ticket !== null,
  });

  const result = (outcome: "completed" | "diverged"): Result => ({
    format: "ticketmark-result-1",
    outcome,
    message: null,
    spec,
    specDigest: digest,
    numerics: NUMERICS,
    datasetDigest: data.digest,
    environment: options.environment,
    phases: record.phases,
    curves: record.curves,
    accuracy: null,
    layers: [],
    sparsity: null,
    cost: costOf(record),
    iterationTime: quartiles(record.blockTimes),
    ...(record.stepTimes && { stepTimes: record.stepTimes }),
    ...(record.evaluationTimes.length > 0 && { evaluationTime: quartiles(record.evaluationTimes)! }),
    peakBytes: network.peakBytes + (claimNetwork === network ? 0 : claimNetwork.peakBytes),
    seconds: record.seconds,
    trace: { every: BLOCK, ...trace.state },
    ticketDigest: null,
    trainedDigest: null,
  });
  const output = (result: Result, ticket: Uint8Array | null, trained: Uint8Array | null): JobOutput => ({
    result,
    files: { result: canonicalBytes(result), ticket, trained },
  });

  const timeSteps = async (found: Ticket): Promise<void> => {
    const isMeasured = record.stepTimes !== undefined || record.phases.some(({ part }) => part === "final");
    if (isMeasured || planned.finalIterations < MEASURED_FROM_ITERATIONS || isDense(found.mask)) return;
    const batch = normalised(dataset, data.train, split.train.subarray(0, spec.recipe.batchSize));
    record.stepTimes = await measureStepTimes(network, found, batch, spec.recipe, options.now, pause);
  };

  try {
    ticket ??= await methods.get(id).findTicket(dense, spec.sparsity, settings);
    const { mask, weights } = ticket;
    if (!record.afterCut) {
      if (!isDense(mask)) record.beforeCut = await evaluateWeights(claimNetwork, { mask: null, weights }, test, pause);
      await evaluateWeights(network, { mask, weights }, test, pause);
      await recorder.evaluated(record.phases.length, Number.NaN);
      record.afterCut = await evaluateWeights(claimNetwork, { mask, weights }, test, pause);
    }
    await timeSteps(ticket);
    const trained = await finish(ticket);
    const last = await evaluateWeights(claimNetwork, trained, test, pause);
    recorder.take();
    const ticketFile = writeTicketFile("ticket", digest, ticket, architecture);
    const trainedFile = writeTicketFile("trained", digest, trained, architecture);
    const { best, afterCut, beforeCut, validation } = record;
    const completedResult: Result = {
      ...result("completed"),
      accuracy: { last, best: best!, afterCut, beforeCut, validation },
      layers: layerCounts(architecture, trained.mask),
      sparsity: measureSparsity(architecture, trained),
      ticketDigest: digestOf(ticketFile),
      trainedDigest: digestOf(trainedFile),
    };
    return output(completedResult, ticketFile, trainedFile);
  } catch (error) {
    if (error instanceof Stopped) return "stopped";
    if (!(error instanceof Diverged)) throw error;
    recorder.take();
    recorder.reached(error.phase, error.iterations);
    return output({ ...result("diverged"), message: error.message }, null, null);
  } finally {
    await loader?.close();
    await network.dispose();
    if (claimNetwork !== network) await claimNetwork.dispose();
  }
};

const isDense = (mask: Mask): boolean => sparsityOf(mask) === 0;

/** Iterations and images before the ticket and after it. */
function costOf({ phases, examples, scoredExamples = 0 }: RunRecord): Result["cost"] {
  const sum = (part: "method" | "final", of: (i: number) => number) =>
    phases.reduce((total, phase, i) => total + (phase.part === part ? of(i) : 0), 0);
  return {
    methodIterations: sum("method", (i) => phases[i]!.iterations),
    methodExamples: sum("method", (i) => examples[i]!),
    finalIterations: sum("final", (i) => phases[i]!.iterations),
    finalExamples: sum("final", (i) => examples[i]!),
    ...(scoredExamples > 0 && { scoredExamples }),
  };
}
