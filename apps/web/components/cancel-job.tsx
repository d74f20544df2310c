"use client";
/** Asks once more before it cancels. Works without script: a disclosure around a form. */
import { useActionState } from "react";
import { cancelHere } from "../app/actions.ts";

export function CancelJob({ id, title, stopping }: { id: string; title: string; stopping: boolean }) {
  const [fault, action, pending] = useActionState(cancelHere, null);
  if (stopping) return <span className="note">cancelling …</span>;
  return (
    <details className="text-right text-[0.8125rem]">
      <summary className="link list-none" aria-label={`Cancel ${title}`}>
        Cancel
      </summary>
      <form action={action} className="mt-1 flex items-center justify-end gap-3">
        <input type="hidden" name="job" value={id} />
        <span className="text-soft">What it has trained is lost.</span>
        <button type="submit" className="button min-h-7! border-bad! px-2.5! py-0! text-bad" disabled={pending}>
          Cancel the job
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
