/**
 * Other bits: on a bit-exact engine the same spec gives the same ticket, trained net and trace, so two commits that differ
 * in one of them behave differently. No statistics. It is intended where NUMERICS was raised with it.
 */
import type { Result } from "../result.ts";
import { BLOCK, firstDifferentBlock, type TraceState } from "../trace.ts";
import type { Finding } from "./finding.ts";

/** Engines whose bits are promised. */
export const isExact = (engine: string): boolean => engine === "cpu" || engine === "reference";

export interface Bits {
  readonly seed: number;
  readonly outcome: string;
  readonly ticketDigest: string | null;
  readonly trainedDigest: string | null;
  readonly trace: Pick<TraceState, "head" | "marks">;
  /** By metric id. */
  readonly values: Readonly<Record<string, number>>;
}

/** One text for equal bits: what was trained, and how it was judged. */
export const bitsOf = ({ outcome, ticketDigest, trainedDigest, trace, values }: Bits): string =>
  [outcome, ticketDigest, trainedDigest, trace.head, values.accuracy, values["final-loss"]].join(" ");

/** Seeds that both commits ran and that came out differently, ascending. Of several runs of a seed the first counts. */
export function differentSeeds(base: readonly Bits[], head: readonly Bits[]): number[] {
  const before = new Map(base.toReversed().map((run) => [run.seed, bitsOf(run)]));
  const after = new Map(head.toReversed().map((run) => [run.seed, bitsOf(run)]));
  return [...before.keys()]
    .filter((seed) => after.has(seed) && after.get(seed) !== before.get(seed))
    .sort((a, b) => a - b);
}

export interface Traced {
  readonly seed: number;
  readonly trace: Pick<TraceState, "head" | "marks">;
}

/**
 * Where two runs of one spec first differ: the block of the trace, as phase and iteration of it. Null where the traces are
 * equal (weights differ after the last loss), or have no marks.
 * @param phases of the run before
 */
export function firstDifference(base: Traced, head: Traced, phases: Result["phases"]): Finding["first"] {
  const block = firstDifferentBlock(base.trace, head.trace);
  if (block === null) return null;
  let before = 0;
  for (const { name, iterations } of phases) {
    const blocks = Math.ceil(iterations / BLOCK); // they restart with each phase
    if (block < before + blocks) return { seed: base.seed, block, phase: name, iteration: (block - before) * BLOCK };
    before += blocks;
  }
  return { seed: base.seed, block, phase: phases.at(-1)?.name ?? "", iteration: 0 };
}
