import type { Metadata } from "next";
import Link from "next/link";

export const metadata: Metadata = { title: "Not found" };

export default function NotFound() {
  return (
    <>
      <h1 className="title">There is nothing at this address</h1>
      <p className="mt-2 max-w-prose text-soft">
        Results and jobs are never deleted here, so an address that has worked once goes on working: look for a letter
        that was lost on the way.
      </p>
      <p className="mt-4 flex flex-wrap gap-x-6">
        <Link className="link" href="/">
          Leaderboard
        </Link>
        <Link className="link" href="/jobs">
          Jobs
        </Link>
        <Link className="link" href="/methods">
          Methods
        </Link>
      </p>
    </>
  );
}
