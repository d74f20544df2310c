/** Says why there is nothing to see, and what to do about it. */
import type { ReactNode } from "react";

export function Empty({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="my-8 border-l-2 border-accent py-1 pl-5">
      <h2 className="heading">{title}</h2>
      <div className="mt-1.5 max-w-prose space-y-2 text-soft">{children}</div>
    </section>
  );
}
