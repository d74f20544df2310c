/** How far a suite is: a bar by state, and the same in words. */
import type { SuiteStatus } from "@ticketmark/core";
import { formatCount } from "./format.ts";

type State = SuiteStatus["specs"][number]["state"];

const LOOKS: Readonly<Record<State, { name: string; className: string }>> = {
  done: { name: "done", className: "bg-accent" },
  running: { name: "running", className: "bg-accent/55" },
  queued: { name: "waiting", className: "bg-edge/60" },
  failed: { name: "failed", className: "bg-bad" },
  cancelled: { name: "cancelled", className: "bg-bad/45" },
  missing: { name: "missing", className: "bg-shade" },
};
const ORDER: readonly State[] = ["done", "running", "queued", "failed", "cancelled", "missing"];

export const stateName = (state: State): string => LOOKS[state].name;

export function SuiteCounts({ specs }: Pick<SuiteStatus, "specs">) {
  const counts = ORDER.map((state) => ({ state, n: specs.filter((spec) => spec.state === state).length }));
  const present = counts.filter(({ n }) => n > 0);
  return (
    <div>
      <div className="flex h-2.5 gap-px bg-rule" aria-hidden="true">
        {present.map(({ state, n }) => (
          <span key={state} className={LOOKS[state].className} style={{ flexGrow: n }} />
        ))}
      </div>
      <p className="note mt-1 tabular-nums">
        {specs.length === 0
          ? "nothing queued yet"
          : `${present.map(({ state, n }) => `${formatCount(n)} ${LOOKS[state].name}`).join(", ")}, of ${formatCount(specs.length)}`}
      </p>
    </div>
  );
}
