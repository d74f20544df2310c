"use client";
/** Queues what is missing, failed or cancelled of a suite. Works without script. */
import { useActionState } from "react";
import { queueSuiteHere } from "../app/actions.ts";

export function QueueSuite({ suite, left }: { suite: string; left: number }) {
  const [fault, action, pending] = useActionState(queueSuiteHere, null);
  return (
    <form action={action} className="mt-4">
      <input type="hidden" name="suite" value={suite} />
      <button type="submit" className="button button-main" disabled={pending || left === 0}>
        {pending ? "Queueing …" : left === 0 ? "All queued" : `Queue the ${left} that are missing, failed or cancelled`}
      </button>
      {fault && (
        <p role="alert" className="mt-1 text-bad">
          {fault}
        </p>
      )}
    </form>
  );
}
