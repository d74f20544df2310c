/** The members of a registry, as the pages of methods, models and data sets show them. */
import Link from "next/link";
import type { ReactNode } from "react";

/** A link to each entry below. */
export function EntryChips({
  title,
  ids,
  named,
}: {
  title: string;
  ids: readonly string[];
  named: (id: string) => ReactNode;
}) {
  return (
    <nav aria-label={title} className="mt-4 flex flex-wrap gap-1.5">
      {ids.map((id) => (
        <a key={id} href={`#${id}`} className="chip">
          {named(id)}
        </a>
      ))}
    </nav>
  );
}

/** What it is on the left, its numbers on the right. */
export function RegistryEntry({
  member: { id, name, summary },
  source,
  query,
  runs = true,
  mark,
  note,
  children,
}: {
  member: { readonly id: string; readonly name: string; readonly summary: string };
  source: { readonly title: string; readonly url: string };
  /** What it is called in the addresses of the leaderboard and the submit form. */
  query: "method" | "model" | "dataset";
  /** Can it be chosen in the submit form? */
  runs?: boolean;
  mark?: ReactNode;
  note?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section
      id={id}
      aria-labelledby={`${id}-name`}
      className="grid gap-x-10 gap-y-3 py-6 target:bg-wash max-lg:grid-cols-[minmax(0,1fr)] lg:grid-cols-[19rem_minmax(0,1fr)]"
    >
      <div>
        <h2 id={`${id}-name`} className="heading flex items-center gap-2">
          {mark}
          {name}
        </h2>
        <p className="mt-1 text-sm">{summary}</p>
        {note}
        <p className="note mt-2">
          <a className="link" href={source.url} rel="noreferrer">
            {source.title}
          </a>
        </p>
        <p className="note mt-2 flex flex-wrap gap-x-4">
          <code className="font-mono">{id}</code>
          <Link className="link" href={`/?${query}=${id}`}>
            results
          </Link>
          {runs && (
            <Link className="link" href={`/submit?${query}=${id}`}>
              run it
            </Link>
          )}
        </p>
      </div>
      {children}
    </section>
  );
}
