"use client";
/** Lets the head of a pull request run: the one that is shown, and no later one. Works without script. */
import { useActionState } from "react";
import { approvePullHere } from "../app/regressions/actions.ts";

export function ApprovePull({ number, head }: { number: number; head: string }) {
  const [fault, action, pending] = useActionState(approvePullHere, null);
  return (
    <form action={action}>
      <input type="hidden" name="pull" value={number} />
      <input type="hidden" name="head" value={head} />
      <button type="submit" className="button min-h-8! px-3! py-0.5! text-[0.8125rem]" disabled={pending}>
        Approve {head.slice(0, 7)}
      </button>
      {fault && (
        <p role="alert" className="mt-1 text-[0.8125rem] text-bad">
          {fault}
        </p>
      )}
    </form>
  );
}
