"use client";
/** The token's field. A link may carry the token after #, which no server ever sees: it is put into the field. */
import { useActionState, useEffect, useRef } from "react";
import { signInHere } from "../app/actions.ts";

export function SignInForm({ next }: { next: string }) {
  const [fault, action, pending] = useActionState(signInHere, null);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const token = decodeURIComponent(window.location.hash.slice(1));
    if (!token || !field.current) return;
    field.current.value = token;
    window.history.replaceState(null, "", window.location.pathname + window.location.search); // not into bookmarks
  }, []);
  return (
    <form action={action} className="mt-5 space-y-3">
      <input type="hidden" name="next" value={next} />
      <div>
        <label htmlFor="token" className="mb-1 block font-medium">
          Maintainer’s token
        </label>
        <input
          ref={field}
          id="token"
          name="token"
          type="password"
          autoComplete="current-password"
          required
          aria-invalid={fault ? true : undefined}
          aria-describedby={fault ? "token-fault" : undefined}
          className="field font-mono"
        />
        {fault && (
          <p id="token-fault" role="alert" className="mt-1 text-sm text-bad">
            {fault}
          </p>
        )}
      </div>
      <button type="submit" className="button button-main" disabled={pending}>
        {pending ? "Signing in …" : "Sign in"}
      </button>
    </form>
  );
}
