import "./globals.css";
import type { Metadata, Viewport } from "next";
import { cookies } from "next/headers";
import Link from "next/link";
import type { ReactNode } from "react";
import { NavLinks } from "../components/nav-links.tsx";
import { ThemeButtons } from "../components/theme-buttons.tsx";
import { maintainerFromCookies } from "../session.ts";
import { signOutHere } from "./actions.ts";

export const metadata: Metadata = {
  title: { default: "Ticketmark: a leaderboard for sparse training", template: "%s · Ticketmark" },
  description: "A public leaderboard for sparse training: every number trained by a runner, signed, and recomputable.",
};

export const viewport: Viewport = { width: "device-width", initialScale: 1, colorScheme: "light dark" };

export default async function RootLayout({ children }: { children: ReactNode }) {
  const chosen = (await cookies()).get("theme")?.value;
  const theme = chosen === "light" || chosen === "dark" ? chosen : "system";
  const maintainer = await maintainerFromCookies();
  return (
    <html lang="en" data-theme={theme === "system" ? undefined : theme}>
      <body className="flex min-h-dvh flex-col font-sans">
        <a
          href="#main"
          className="absolute left-2 top-2 z-10 -translate-y-20 rounded-[3px] bg-accent px-3 py-1.5 text-paper focus:translate-y-0"
        >
          Skip to the content
        </a>
        <header className="border-b border-rule">
          <div className="mx-auto flex max-w-7xl flex-wrap items-center gap-x-7 px-4 pt-2 sm:px-6">
            <Link href="/" className="flex items-center gap-2 py-1.5 font-serif text-xl tracking-tight">
              <Stub />
              Ticketmark
            </Link>
            <nav
              aria-label="Site"
              className="order-last flex w-full flex-wrap gap-x-4 text-[0.8125rem] sm:gap-x-5 sm:text-sm lg:order-none lg:w-auto lg:self-end"
            >
              <NavLinks />
            </nav>
            <div className="ml-auto flex items-center gap-4 py-1 text-sm">
              <ThemeButtons theme={theme} />
              {maintainer ? (
                <form action={signOutHere}>
                  <button type="submit" className="text-soft hover:text-ink" title={`Signed in: ${maintainer}`}>
                    Sign out
                  </button>
                </form>
              ) : (
                <Link href="/sign-in" className="text-soft hover:text-ink">
                  Sign in
                </Link>
              )}
            </div>
          </div>
        </header>
        <main id="main" tabIndex={-1} className="mx-auto w-full max-w-7xl grow px-4 pb-16 pt-7 outline-none sm:px-6">
          {children}
        </main>
        <footer className="border-t border-rule">
          <div className="note mx-auto flex max-w-7xl flex-wrap gap-x-6 gap-y-1 px-4 py-5 sm:px-6">
            <p className="grow">Everything here is published under CC0: failed and diverged runs too. Times are UTC.</p>
            <p>
              <Link className="link" href="/engine">
                The same bits in your browser
              </Link>
            </p>
            <p>
              JSON:{" "}
              <a className="link" href="/api/v1/results">
                results
              </a>
              ,{" "}
              <a className="link" href="/api/v1/jobs">
                jobs
              </a>
            </p>
          </div>
        </footer>
      </body>
    </html>
  );
}

/** The mark: a ticket, punched by a mask. */
function Stub() {
  return (
    <svg viewBox="0 0 26 18" className="h-[1.05rem] w-6 text-accent" aria-hidden="true">
      <path d="M0 0h26v5.5a3.5 3.5 0 0 0 0 7V18H0v-5.5a3.5 3.5 0 0 0 0-7z" fill="currentColor" />
      <path
        d="M7 4h2.6v2.6H7zM11.7 4h2.6v2.6h-2.6zM16.4 7.7H19v2.6h-2.6zM7 11.4h2.6V14H7zM11.7 11.4h2.6V14h-2.6z"
        fill="var(--color-paper)"
      />
    </svg>
  );
}
