/** A heading and what stands under it, named for who listens. */
import type { ReactNode } from "react";

export function PageSection({ title, children }: { title: string; children: ReactNode }) {
  const id = title.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return (
    <section aria-labelledby={id} className="mt-9 min-w-0">
      <h2 id={id} className="heading mb-2">
        {title}
      </h2>
      {children}
    </section>
  );
}
