import type { Metadata } from "next";
import { connection } from "next/server";
import { SignInForm } from "../../components/sign-in-form.tsx";
import { maintainerFromCookies } from "../../session.ts";
import { signOutHere } from "../actions.ts";

export const metadata: Metadata = { title: "Sign in" };

export default async function SignInPage({ searchParams }: { searchParams: Promise<{ next?: string | string[] }> }) {
  await connection();
  const { next } = await searchParams;
  const maintainer = await maintainerFromCookies();
  return (
    <div className="max-w-md">
      <h1 className="title">Sign in</h1>
      {maintainer ? (
        <form action={signOutHere} className="mt-3 space-y-4">
          <p className="text-soft">You are signed in as {maintainer}.</p>
          <button type="submit" className="button">
            Sign out
          </button>
        </form>
      ) : (
        <>
          <p className="mt-2 text-soft">
            Reading needs no account. Maintainers queue and cancel jobs, and add runners. The first maintainer’s token
            is printed when the site starts for the first time, and stands in{" "}
            <code className="font-mono text-[0.9em]">.data/maintainer-token</code>.
          </p>
          <SignInForm next={typeof next === "string" ? next : ""} />
        </>
      )}
    </div>
  );
}
