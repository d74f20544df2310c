"use client";
/** Lets a runner tell this site which commits there are; the same button ends it. Works without script. */
import { useActionState } from "react";
import { trustRunnerHere } from "../app/actions.ts";

export function TrustRunner({ id, name, trusted }: { id: string; name: string; trusted: boolean }) {
  const [fault, action, pending] = useActionState(trustRunnerHere, null);
  return (
    <form action={action} className="text-[0.8125rem] font-normal">
      <input type="hidden" name="runner" value={id} />
      <input type="hidden" name="trusted" value={String(!trusted)} />
      <button
        type="submit"
        className="link cursor-pointer"
        disabled={pending}
        aria-label={trusted ? `No longer trust ${name}` : `Trust ${name}`}
        title={trusted ? "It tells this site of no more commits" : "It may tell this site which commits there are"}
      >
        {trusted ? "No longer trust it" : "Trust it"}
      </button>
      {fault && (
        <p role="alert" className="mt-1 text-bad">
          {fault}
        </p>
      )}
    </form>
  );
}
