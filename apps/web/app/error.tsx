"use client";
/** A page that could not be made. The message of a server error stays on the server; its digest finds it in the log. */
import Link from "next/link";

export default function ErrorPage({ error, reset }: { error: Error & { digest?: string }; reset: () => void }) {
  return (
    <div role="alert">
      <h1 className="title">This page could not be made</h1>
      <p className="mt-2 max-w-prose text-soft">
        Nothing is lost: results and jobs are stored apart from pages, and runners go on.
        {error.digest && ` The site’s log has the reason under ${error.digest}.`}
      </p>
      <p className="mt-4 flex items-center gap-6">
        <button type="button" className="button" onClick={reset}>
          Try again
        </button>
        <Link className="link" href="/">
          Leaderboard
        </Link>
      </p>
    </div>
  );
}
