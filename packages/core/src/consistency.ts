/**
 * Does a result agree with itself, and with what its spec must have done? What a reader cannot recompute from the files
 * is bound here: phases, cost and trace to the plan, scores to the data set and to the curves. Part of door 3.
 */
import { canonicalJson } from "./canonical.ts";
import { trainingCount } from "./datasets/dataset.ts";
import { datasetOf } from "./datasets/index.ts";
import { CLAIM_ENGINE } from "./engine/index.ts";
import { NUMERICS } from "./engine/numerics.ts";
import type { Plan, PlannedPhase } from "./plan.ts";
import { Problem } from "./problem.ts";
import { MEASURED_FROM_ITERATIONS, type Result, type Score } from "./result.ts";
import type { Spec } from "./spec.ts";
import { BLOCK } from "./trace.ts";

/**
 * Curves come from the engine that trained, the claimed accuracies from CLAIM_ENGINE. Where that is not the same one,
 * rounding may tip images that lie on the edge between two classes: so large a share of the test set may differ.
 */
const OTHER_ENGINE_SHARE = 0.005;

/** Equal as JSON; else throws Problem "bad-file" that shows both, long ones from shortly before they differ. */
export function agree(what: string, expected: unknown, got: unknown): void {
  const [e, g] = [canonicalJson(expected), canonicalJson(got)];
  if (e === g) return;
  let at = 0;
  while (e[at] === g[at]) at++;
  const from = Math.max(e.length, g.length) > 300 ? Math.max(0, at - 100) : 0;
  const show = (text: string) => `${from > 0 ? "…" : ""}${text.slice(from, from + 300)}`;
  throw new Problem("bad-file", `${what}: expected ${show(e)}; got ${show(g)}`);
}

const bad = (message: string): Problem => new Problem("bad-file", `result: ${message}`);

/** What holds whatever came of the run. `known`: the highest NUMERICS there may be. Throws Problem "bad-file". */
export function checkForm(result: Result, known = NUMERICS): void {
  const { numerics, outcome, phases, curves, accuracy, sparsity } = result;
  if (numerics > known) throw bad(`expected a NUMERICS that is known here, at most ${known}; got ${numerics}`);
  if (outcome !== "completed") agree("result: scores of a run that did not complete", null, accuracy ?? sparsity);
  const { validationAccuracy, ...parallel } = curves;
  const length = curves.iteration.length;
  for (const [name, values] of Object.entries(parallel))
    agree(`result: length of curve ${name}`, length, values.length);
  if (validationAccuracy.length > 0)
    agree("result: length of curve validationAccuracy", length, validationAccuracy.length);
  if (curves.phase.some((phase) => phase >= Math.max(1, phases.length)))
    throw bad(`curves name a phase beyond the ${phases.length} there are`);
}

/**
 * A completed run did exactly what its spec's plan says. Throws Problem "bad-file".
 * @param cut whether the ticket prunes any weight
 */
export function checkCompleted(result: Result, spec: Spec, planned: Plan, cut: boolean): void {
  const { phases, cost } = asRun(planned, result, trainingCount(datasetOf(spec), spec.protocol));
  agree(
    "result: phases",
    phases.map(({ examples: _, evaluations: __, mayEndFrom: ___, prunesUntil: ____, ...phase }) => phase),
    result.phases.map(({ seconds: _, ...phase }) => phase),
  );
  agree("result: cost", cost, result.cost);
  const blocks = phases.reduce((total, { iterations }) => total + Math.ceil(iterations / BLOCK), 0);
  agree("result: blocks of the trace", blocks, result.trace.blocks);
  checkScores(result, spec, cut);
  if (result.stepTimes && (!cut || planned.finalIterations < MEASURED_FROM_ITERATIONS))
    throw bad("expected no stepTimes of a dense ticket or a short final training");
  checkCurves(result, phases, cost.methodIterations);
}

/** The plan with the phases that ended early as long as they ran: whole epochs of theirs, as many as they need at least. */
function asRun({ phases, ...cost }: Plan, result: Result, trainCount: number) {
  const run = phases.map((phase, i): PlannedPhase => {
    const iterations = result.phases[i]?.iterations ?? 0;
    if (phase.mayEndFrom === null || iterations === phase.iterations) return phase;
    const epoch = Math.ceil(trainCount / phase.batchSize);
    const epochs = iterations / epoch;
    if (epochs < phase.mayEndFrom || iterations > phase.iterations || iterations % epoch !== 0)
      throw bad(
        `expected ${phase.name} to end at one of its epochs of ${epoch} iterations, after ${phase.mayEndFrom} of them at least; got ${iterations}`,
      );
    return { ...phase, iterations, evaluations: epochs, examples: epochs * trainCount };
  });
  const method = run.filter(({ part }) => part === "method");
  const { scoredExamples: most, ...counts } = cost;
  const scored = result.cost.scoredExamples ?? 0;
  if (scored > most || (most > 0 && scored === 0))
    throw bad(`expected derivatives of ${most} images, or of fewer where a class has fewer; got ${scored}`);
  return {
    phases: run,
    cost: {
      ...counts,
      methodIterations: method.reduce((sum, { iterations }) => sum + iterations, 0),
      methodExamples: method.reduce((sum, { examples }) => sum + examples, 0),
      ...(scored > 0 && { scoredExamples: scored }),
    },
  };
}

function checkScores({ accuracy }: Result, spec: Spec, cut: boolean): void {
  if (!accuracy) throw bad("expected accuracies of a completed run; got none");
  const { last, best, afterCut, beforeCut, validation } = accuracy;
  const { testCount, validationCount } = datasetOf(spec);
  agree("result: is there an accuracy before the cut", cut, beforeCut !== null);
  const held = spec.protocol === "paper" ? 0 : validationCount;
  agree("result: is there a validation accuracy", held > 0, validation !== null);
  for (const score of [last, best.score, afterCut, ...(beforeCut ? [beforeCut] : [])])
    checkScore("test", testCount, score);
  if (validation) checkScore("validation", held, validation);
}

function checkScore(set: string, images: number, { correct, total }: Score): void {
  agree(`result: ${set} images`, images, total);
  if (correct > total) throw bad(`expected at most ${total} correct ${set} images; got ${correct}`);
}

/** Entries where the plan has them; best, last, after the cut and validation are the entries they come from. */
function checkCurves(
  { curves, accuracy, environment }: Result,
  phases: readonly PlannedPhase[],
  methodIterations: number,
): void {
  const { last, best, afterCut, validation } = accuracy!;
  const { iteration, testAccuracy, testLoss, validationAccuracy } = curves;
  const entries = phases.flatMap(({ evaluations, part }, i) =>
    Array<number>(part === "final" ? 1 + evaluations : evaluations).fill(i),
  );
  agree("result: phase of each entry of the curves", entries, curves.phase);
  if (iteration.some((at, i) => i > 0 && at < iteration[i - 1]!))
    throw bad("expected iterations of the curves to rise");
  const cutAt = entries.indexOf(phases.length - 1);
  let done = 0;
  for (const [i, phase] of phases.entries()) {
    done += phase.iterations;
    agree(`result: iteration of the last entry of ${phase.name}`, done, iteration[entries.lastIndexOf(i)]);
  }
  agree("result: iteration of the entry after the cut", methodIterations, iteration[cutAt]);

  const pruned = methodIterations + phases.at(-1)!.prunesUntil; // a denser net is no net of this sparsity
  let top = iteration.findIndex((at, i) => i > cutAt && at >= pruned); // the first of the best
  for (let i = top; i < entries.length; i++) if (testAccuracy[i]! > testAccuracy[top]!) top = i;
  const entry = (i: number) => ({ accuracy: testAccuracy[i], loss: testLoss[i] });
  const claim = ({ correct, total, loss }: Score) => ({ accuracy: correct / total, loss });
  agree(
    "result: best",
    { ...entry(top), iteration: iteration[top] },
    { ...claim(best.score), iteration: best.iteration },
  );
  for (const [name, at, score] of [
    ["last", entries.length - 1, last] as const,
    ["after the cut", cutAt, afterCut] as const,
  ]) {
    if (environment.engine === CLAIM_ENGINE) agree(`result: accuracy ${name}`, entry(at), claim(score));
    else if (Math.abs(testAccuracy[at]! - claim(score).accuracy) > OTHER_ENGINE_SHARE)
      throw bad(
        `accuracy ${name}: expected about ${testAccuracy[at]}, as its curve ends; got ${claim(score).accuracy}`,
      );
  }
  agree("result: length of curve validationAccuracy", validation ? entries.length : 0, validationAccuracy.length);
  if (validation) agree("result: validation accuracy", validationAccuracy.at(-1), claim(validation).accuracy);
}
