"use client";
/**
 * Inside a link: a line along the top of the window while the page it leads to is being made. Not a loading.tsx, whose
 * pages arrive in pieces that only a script puts in place: these are whole without one.
 */
import { useLinkStatus } from "next/link";

export function LinkPending() {
  const { pending } = useLinkStatus();
  if (!pending) return null;
  return (
    <span role="status" className="pending">
      <span className="sr-only">Loading …</span>
    </span>
  );
}
