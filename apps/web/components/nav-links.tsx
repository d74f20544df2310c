"use client";
/** The site's pages. On the client only to know which one is shown. */
import Link from "next/link";
import { usePathname } from "next/navigation";
import { LinkPending } from "./link-pending.tsx";

const PAGES = [
  ["/", "Leaderboard", "/results"],
  ["/jobs", "Jobs", "/jobs/"],
  ["/suites", "Suites", "/suites/"],
  ["/regressions", "Regressions", "/regressions/"],
  ["/submit", "Submit", "/submit/"],
  ["/runners", "Runners", "/runners/"],
  ["/methods", "Methods", "/methods/"],
  ["/models", "Models", "/models/"],
  ["/datasets", "Data sets", "/datasets/"],
] as const;

export function NavLinks() {
  const path = usePathname();
  return PAGES.map(([href, name, below]) => {
    const here = path === href || path.startsWith(below);
    return (
      <Link
        key={href}
        href={href}
        aria-current={here ? "page" : undefined}
        className={`-mb-px border-b-2 px-0.5 py-2 ${here ? "border-accent font-semibold" : "border-transparent text-soft hover:text-ink"}`}
      >
        {name}
        <LinkPending />
      </Link>
    );
  });
}
