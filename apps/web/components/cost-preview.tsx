/** What the spec in the form will cost, counted by core's own plan. Client-safe. */
import type { Cost } from "../app/submit/actions.ts";
import { formatCompact, formatCount, plural } from "./format.ts";

export function CostPreview({ cost, maintainer, broken }: { cost: Cost | null; maintainer: boolean; broken: boolean }) {
  return (
    <section aria-live="polite">
      <h2 className="heading">Expected cost</h2>
      {cost ? (
        <>
          <ol className="mt-1 text-[0.8125rem] tabular-nums">
            {cost.plan.phases.map((phase, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: phases may share a name, and never move
              <li key={i} className="flex justify-between gap-3 border-b border-rule py-1">
                <span>
                  <span className="mr-2 text-soft">{i + 1}</span>
                  {phase.name}
                </span>
                <span className="whitespace-nowrap text-soft">
                  {formatCount(phase.iterations)} × {phase.batchSize}
                </span>
              </li>
            ))}
          </ol>
          <p className="mt-2 text-sm">
            {formatCount(cost.plan.methodIterations + cost.plan.finalIterations)} iterations,{" "}
            {formatCompact(cost.plan.methodExamples + cost.plan.finalExamples)} images
            {cost.seeds > 1 && (
              <span className="block font-medium">
                × {plural(cost.seeds, "seed")} ={" "}
                {formatCount(cost.seeds * (cost.plan.methodIterations + cost.plan.finalIterations))} iterations
              </span>
            )}
          </p>
        </>
      ) : (
        <p className="note mt-1">
          {!maintainer
            ? "Phases, iterations and images are counted here as you fill the form in, once you are signed in."
            : broken
              ? "It is counted again when the faults beside the fields are gone."
              : "Counting …"}
        </p>
      )}
    </section>
  );
}
