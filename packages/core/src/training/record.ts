/**
 * What a run writes down while it goes: phases, curves, scores, times. All of it travels in snapshots, so that a resumed
 * run ends with the record of an undisturbed one (wall times apart).
 */
import { z } from "zod";
import { encodeNumber } from "../canonical.ts";
import type { Progress } from "../job.ts";
import { sparsityOf } from "../mask.ts";
import { examplesIn, type ResolvedPhase } from "../phase.ts";
import type { Plan } from "../plan.ts";
import { resultSchema, type Score, scoreSchema } from "../result.ts";
import { BLOCK } from "../trace.ts";
import { accuracyOf } from "./evaluate.ts";
import type { Observer, Position } from "./train.ts";

/** What a run has written down so far; the running phase is the last. */
export const recordSchema = z.strictObject({
  phases: resultSchema.shape.phases,
  /** Images seen, by phase. */
  examples: z.array(z.number().int().min(0)),
  curves: resultSchema.shape.curves,
  beforeCut: scoreSchema.nullable(),
  afterCut: scoreSchema.nullable(),
  best: z.strictObject({ score: scoreSchema, iteration: z.number().int().min(0) }).nullable(),
  validation: scoreSchema.nullable(),
  stepTimes: resultSchema.shape.stepTimes,
  scoredExamples: z.number().int().min(0).optional(),
  /** Milliseconds an iteration, by block of the final training. */
  blockTimes: z.array(z.number().min(0)),
  /** Milliseconds of each evaluation on the test set. */
  evaluationTimes: z.array(z.number().min(0)),
  seconds: z.number().min(0),
});
export type RunRecord = z.infer<typeof recordSchema>;

export const newRecord = (): RunRecord => ({
  phases: [],
  examples: [],
  curves: { phase: [], iteration: [], trainLoss: [], testLoss: [], testAccuracy: [], validationAccuracy: [] },
  beforeCut: null,
  afterCut: null,
  best: null,
  validation: null,
  blockTimes: [],
  evaluationTimes: [],
  seconds: 0,
});

export interface Evaluation {
  readonly test: Score;
  /** Null under protocol "paper". */
  readonly validation: Score | null;
}

export interface RecorderOptions {
  readonly plan: Plan;
  readonly trainCount: number;
  /** Scores the net as it stands. */
  readonly evaluate: () => Promise<Evaluation>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly onProgress?: (progress: Progress) => void;
  /** `iteration` counts over all phases. */
  readonly between?: (
    iteration: number,
    position: () => Promise<Position>,
  ) => undefined | "stop" | Promise<undefined | "stop">;
}

export class Recorder {
  readonly record: RunRecord;
  readonly #options: RecorderOptions;
  /** When time was last taken. */
  #mark: number;
  /** Milliseconds of the open block without evaluations and pauses, and the iteration of the phase it began at. */
  #blockTime = 0;
  #blockStart = 0;
  #latest = { loss: null as number | null, accuracy: null as number | null, iterationsPerSecond: 0 };

  /** Goes on with `record`, which it changes. `since`: when this attempt began. */
  constructor(record: RunRecord, options: RecorderOptions, since: number) {
    this.record = record;
    this.#options = options;
    this.#mark = since;
  }

  /** Observes a phase that starts, or one that goes on: the last of the record. */
  observe(index: number, phase: ResolvedPhase, part: "method" | "final"): Observer {
    const { phases, examples, blockTimes } = this.record;
    this.take();
    if (index === phases.length) {
      const { name, batchSize } = phase;
      phases.push({ name, part, iterations: 0, batchSize, sparsity: sparsityOf(phase.mask), seconds: 0 });
      examples.push(0);
    }
    this.#blockTime = 0;
    this.#blockStart = phases[index]!.iterations;
    return {
      block: (iteration, meanLoss) => {
        this.#blockTime += this.take();
        const iterations = iteration - this.#blockStart;
        const time = this.#blockTime / iterations;
        if (part === "final" && iterations === BLOCK) blockTimes.push(time);
        this.#latest.loss = meanLoss;
        this.#latest.iterationsPerSecond = time > 0 ? 1000 / time : 0;
        this.#blockTime = 0;
        this.#blockStart = iteration;
        this.reached(phase, iteration);
        this.#progress();
      },
      evaluated: async (iteration, meanLoss) => {
        this.#blockTime += this.take();
        this.reached(phase, iteration);
        const { test } = await this.evaluated(index, meanLoss);
        if (part === "final" && iteration >= phase.prunesUntil) this.#keepBest(test);
      },
      between: async (iteration, position) => {
        this.#blockTime += this.take();
        this.reached(phase, iteration);
        const wish = await this.#options.between?.(this.iterations, position);
        this.take();
        return wish;
      },
    };
  }

  /** Iterations done, over all phases. */
  get iterations(): number {
    return this.record.phases.reduce((sum, phase) => sum + phase.iterations, 0);
  }

  /** Iterations there are to do: phases that are over count as long as they ran, the others as planned. */
  get #planned(): number {
    const { phases } = this.record;
    const of = (planned: number, i: number) => (i < phases.length - 1 ? phases[i]!.iterations : planned);
    return this.#options.plan.phases.reduce((sum, { iterations }, i) => sum + of(iterations, i), 0);
  }

  /** The running phase has done so many of its iterations. */
  reached({ from, batchSize, epochIterations }: ResolvedPhase, iteration: number): void {
    const { phases, examples } = this.record;
    const upTo = (i: number) => examplesIn(i, batchSize, epochIterations, this.#options.trainCount);
    phases.at(-1)!.iterations = iteration;
    examples[examples.length - 1] = upTo(from + iteration) - upTo(from);
  }

  /** Scores the net as it stands and adds an entry to the curves. `meanLoss` is NaN if nothing was trained since the last. */
  async evaluated(phase: number, meanLoss: number): Promise<Evaluation> {
    const { curves } = this.record;
    const scores = await this.#options.evaluate();
    curves.phase.push(phase);
    curves.iteration.push(this.iterations);
    curves.trainLoss.push(encodeNumber(meanLoss));
    curves.testLoss.push(scores.test.loss);
    curves.testAccuracy.push(accuracyOf(scores.test));
    if (scores.validation) curves.validationAccuracy.push(accuracyOf(scores.validation));
    this.record.validation = scores.validation;
    this.#latest.accuracy = accuracyOf(scores.test);
    this.take();
    this.#progress();
    return scores;
  }

  /** The method has measured derivatives on so many images by now. */
  scored(images: number): void {
    this.record.scoredExamples = Math.max(images, this.record.scoredExamples ?? 0);
    this.take();
    this.#progress(`scoring, ${images} of ${this.#options.plan.scoredExamples} images`);
  }

  /** Adds the time since the last call to the run and to its running phase. Returns it, in milliseconds. */
  take(): number {
    const now = this.#options.now();
    const passed = Math.max(0, now - this.#mark);
    this.#mark = now;
    this.record.seconds += passed / 1000;
    const running = this.record.phases.at(-1);
    if (running) running.seconds += passed / 1000;
    return passed;
  }

  /** The first of equals stays the best, among nets of the sparsity that was asked for. */
  #keepBest(score: Score): void {
    const { best } = this.record;
    if (!best || score.correct > best.score.correct) this.record.best = { score, iteration: this.iterations };
  }

  #progress(doing?: string): void {
    const { phases } = this.record;
    this.#options.onProgress?.({
      phase: Math.max(0, phases.length - 1),
      phaseName: doing ?? phases.at(-1)?.name ?? "the ticket",
      iteration: this.iterations,
      iterations: Math.max(this.#planned, this.iterations, 1),
      ...this.#latest,
    });
  }
}
