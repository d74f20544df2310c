"use client";
/** Copies a text. Without script the text beside it can be selected as ever. */
import { useState } from "react";

export function CopyButton({ text, what }: { text: string; what: string }) {
  const [done, setDone] = useState<boolean | null>(null);
  return (
    <button
      type="button"
      aria-label={`Copy ${what}`}
      className="shrink-0 rounded-[3px] border border-rule px-2 py-0.5 text-xs text-soft hover:border-ink hover:text-ink"
      onClick={() =>
        navigator.clipboard.writeText(text).then(
          () => setDone(true),
          () => setDone(false), // not allowed, or not a secure page
        )
      }
    >
      <span role="status">{done === null ? "Copy" : done ? "Copied" : "Select it by hand"}</span>
    </button>
  );
}
