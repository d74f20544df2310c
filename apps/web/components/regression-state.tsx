/** In what state an alert or an investigation is: a mark of its own shape, and the word. */
import type { AlertState } from "@ticketmark/core";
import type { Investigation } from "../db/schema.ts";

type State = AlertState | Investigation["state"];

const WORDS: Record<State, string> = {
  open: "open",
  acknowledged: "acknowledged",
  resolved: "resolved",
  intended: "intended",
  running: "under way",
  confirmed: "confirmed",
  dismissed: "nothing found",
  unlocated: "confirmed, not located",
  abandoned: "given up",
};

const FILLED: readonly State[] = ["open", "running", "confirmed", "unlocated"];
const BAD: readonly State[] = ["open", "unlocated"];

export const stateWord = (state: State): string => WORDS[state];

export function RegressionState({ state }: { state: State }) {
  const colour = BAD.includes(state) ? "var(--color-bad)" : "var(--color-accent)";
  return (
    <span className={`inline-flex items-center gap-1.5 whitespace-nowrap ${state === "open" ? "text-bad" : ""}`}>
      <svg viewBox="0 0 10 10" className="size-2.5 shrink-0" aria-hidden="true">
        <path
          d={state === "open" ? "M5,0.8L9.4,8.8H0.6Z" : "M8.6,5A3.6,3.6 0 1 1 1.4,5A3.6,3.6 0 1 1 8.6,5Z"}
          fill={FILLED.includes(state) ? colour : "none"}
          stroke={FILLED.includes(state) ? colour : "var(--color-edge)"}
          strokeWidth={1.4}
          strokeLinejoin="round"
        />
      </svg>
      {WORDS[state]}
    </span>
  );
}
