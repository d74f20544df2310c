"use client";
/** Asks once more before it cancels what waits of a suite. Works without script: a disclosure around a form. */
import { useActionState } from "react";
import { cancelSuiteHere } from "../app/actions.ts";
import { plural } from "./format.ts";

export function CancelSuite({ suite, waiting }: { suite: string; waiting: number }) {
  const [fault, action, pending] = useActionState(cancelSuiteHere, null);
  return (
    <details className="mt-3 text-[0.8125rem]">
      <summary className="link list-none">Cancel what is queued of this suite</summary>
      <form action={action} className="mt-1 flex flex-wrap items-center gap-3">
        <input type="hidden" name="suite" value={suite} />
        <span className="text-soft">What runs goes on; what is cancelled can be queued again.</span>
        <button type="submit" className="button min-h-7! border-bad! px-2.5! py-0! text-bad" disabled={pending}>
          Cancel {plural(waiting, "job")}
        </button>
      </form>
      {fault && (
        <p role="alert" className="mt-1 text-bad">
          {fault}
        </p>
      )}
    </details>
  );
}
