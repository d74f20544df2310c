"use client";
/** Has a commit, or a pull request's approved head, run beside its base. Works without script. */
import { useActionState } from "react";
import { tryHere } from "../app/regressions/actions.ts";

type Props = { readonly label: string } & ({ readonly commit: string } | { readonly pull: number });

export function TryButton({ label, ...what }: Props) {
  const [fault, action, pending] = useActionState(tryHere, null);
  return (
    <form action={action}>
      {"pull" in what ? (
        <input type="hidden" name="pull" value={what.pull} />
      ) : (
        <input type="hidden" name="commit" value={what.commit} />
      )}
      <button type="submit" className="button min-h-8! px-3! py-0.5! text-[0.8125rem]" disabled={pending}>
        {pending ? "Queueing …" : label}
      </button>
      {fault && (
        <p role="alert" className="mt-1 text-[0.8125rem] text-bad">
          {fault}
        </p>
      )}
    </form>
  );
}
