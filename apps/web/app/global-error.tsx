"use client";
/** When not even the frame of a page can be made, e.g. because the database is away. Brings its own html. */
import "./globals.css";
import ErrorPage from "./error.tsx";

export default function GlobalError(props: Parameters<typeof ErrorPage>[0]) {
  return (
    <html lang="en">
      <body className="font-sans">
        <title>Ticketmark: out of order</title>
        <main className="mx-auto max-w-3xl px-4 py-16">
          <ErrorPage {...props} />
        </main>
      </body>
    </html>
  );
}
