"use client";
/** A maintainer's word on an alert, with the reason that is kept. Works without script. */
import type { AlertState } from "@ticketmark/core";
import { useActionState } from "react";
import { changeAlertHere } from "../app/regressions/actions.ts";

const DEEDS: Record<AlertState, readonly [deed: string, meaning: string]> = {
  open: ["Open again", "it needs somebody"],
  acknowledged: ["Acknowledge", "somebody is on it"],
  resolved: ["Resolve", "it is mended, or not worth mending"],
  intended: ["Call intended", "the change was meant"],
};

export function AlertForm({ id, state }: { id: string; state: AlertState }) {
  const [told, action, pending] = useActionState(changeAlertHere, null);
  const deeds = (Object.keys(DEEDS) as AlertState[]).filter((to) => to !== state);
  return (
    <form action={action} className="max-w-prose">
      <input type="hidden" name="alert" value={id} />
      <label htmlFor="reason" className="mb-1 block text-sm font-medium">
        Reason, kept and shown to all
      </label>
      <textarea
        key={told?.reason}
        id="reason"
        name="reason"
        defaultValue={told?.reason}
        rows={3}
        required
        maxLength={2_000}
        className="field"
        aria-invalid={told ? true : undefined}
        aria-describedby={told ? "reason-fault" : undefined}
      />
      <div className="mt-2 flex flex-wrap gap-2">
        {deeds.map((to) => (
          <button
            key={to}
            type="submit"
            name="state"
            value={to}
            className="button"
            disabled={pending}
            title={DEEDS[to][1]}
          >
            {DEEDS[to][0]}
          </button>
        ))}
      </div>
      {told && (
        <p id="reason-fault" role="alert" className="mt-1 text-sm text-bad">
          {told.fault}
        </p>
      )}
    </form>
  );
}
