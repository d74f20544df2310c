"use client";
/** Lets a runner finish its job and take no other; the same button takes it back. Works without script. */
import { useActionState } from "react";
import { tellRunnerHere } from "../app/actions.ts";

export function DrainRunner({ id, name, draining }: { id: string; name: string; draining: boolean }) {
  const [fault, action, pending] = useActionState(tellRunnerHere, null);
  return (
    <form action={action} className="text-[0.8125rem]">
      <input type="hidden" name="runner" value={id} />
      <input type="hidden" name="command" value={draining ? "continue" : "drain"} />
      <button
        type="submit"
        className="link cursor-pointer"
        disabled={pending}
        aria-label={`${draining ? "Give jobs to" : "Drain"} ${name}`}
        title={draining ? "It may take jobs again" : "It finishes its job and takes no other"}
      >
        {draining ? "Resume" : "Drain"}
      </button>
      {fault && (
        <p role="alert" className="mt-1 text-bad">
          {fault}
        </p>
      )}
    </form>
  );
}
