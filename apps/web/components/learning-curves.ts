/** A result's curves as stretches to draw: one a phase, the last one from the cut on. */
import { decodeNumber, type Result } from "@ticketmark/core";

export interface CurvePoint {
  /** Iterations done, all phases together. */
  readonly iteration: number;
  readonly trainLoss: number;
  readonly testLoss: number;
  readonly testAccuracy: number;
  /** NaN under protocol "paper". */
  readonly validationAccuracy: number;
}

interface PhaseSpan {
  readonly name: string;
  readonly part: "method" | "final";
  readonly from: number;
  readonly to: number;
}

export interface LearningCurves {
  readonly phases: readonly PhaseSpan[];
  /** Points to join; between stretches there is a gap (a method may start again from other weights). */
  readonly stretches: readonly (readonly CurvePoint[])[];
  /** Iteration of the cut; null where nothing was cut. */
  readonly cut: number | null;
}

export function learningCurves({
  phases,
  curves,
  layers,
}: Pick<Result, "phases" | "curves" | "layers">): LearningCurves {
  let done = 0;
  const spans = phases.map(({ name, part, iterations }): PhaseSpan => {
    const from = done;
    done += iterations;
    return { name, part, from, to: done };
  });
  const final = spans.find((span) => span.part === "final");
  const start = final ? final.from : done;
  const stretches = new Map<string, CurvePoint[]>();
  curves.iteration.forEach((iteration, i) => {
    // The ticket's own score stands where the method's training ends, after that training's last entry.
    const isTicket = iteration === start && (start === 0 || curves.iteration[i - 1] === start);
    const isFinal = isTicket || phases[curves.phase[i]!]?.part === "final";
    const key = isFinal ? "final" : String(curves.phase[i]);
    const at = (curve: Result["curves"]["testLoss"]) => (i < curve.length ? decodeNumber(curve[i]!) : Number.NaN);
    const point: CurvePoint = {
      iteration,
      trainLoss: isTicket ? Number.NaN : at(curves.trainLoss), // nothing was trained between the two entries
      testLoss: at(curves.testLoss),
      testAccuracy: at(curves.testAccuracy),
      validationAccuracy: at(curves.validationAccuracy),
    };
    stretches.set(key, [...(stretches.get(key) ?? []), point]);
  });
  const pruned = layers.some(({ weights, kept }) => kept < weights);
  return { phases: spans, stretches: [...stretches.values()], cut: final && pruned ? start : null };
}
