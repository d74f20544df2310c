"use server";
/** What people do through pages. Next checks that an action's request comes from this site. */
import { Problem } from "@ticketmark/core";
import { revalidatePath } from "next/cache";
import { cookies } from "next/headers";
import { redirect } from "next/navigation";
import { db } from "../db/client.ts";
import { cancelJob } from "../db/jobs.ts";
import { addEnrolmentToken } from "../db/tokens.ts";
import { hashSecret, newSecret } from "../secret.ts";
import { maintainerFromCookies, signIn, signOut } from "../session.ts";

export type Theme = "system" | "light" | "dark";

const YEAR = 365 * 24 * 3600;

/** Remembers the colours for a year; "system" forgets. */
export async function setTheme(form: FormData): Promise<void> {
  const theme = form.get("theme");
  const jar = await cookies();
  if (theme === "light" || theme === "dark")
    jar.set("theme", theme, { maxAge: YEAR, sameSite: "lax", httpOnly: true, path: "/" });
  else jar.delete("theme");
}

/** The fault to show beside the field; leaves for `next` (a path of this site) when the token is right. */
export async function signInHere(_: string | null, form: FormData): Promise<string | null> {
  try {
    await signIn(String(form.get("token") ?? ""));
  } catch (fault) {
    if (fault instanceof Problem) return fault.message;
    throw fault;
  }
  const next = String(form.get("next") ?? "");
  redirect(/^\/[a-z]/.test(next) ? next : "/");
}

export async function signOutHere(): Promise<void> {
  await signOut();
  redirect("/");
}

/** The fault to show, null when it is done. */
export async function cancelHere(_: string | null, form: FormData): Promise<string | null> {
  const maintainer = await maintainerFromCookies();
  if (!maintainer) return "Sign in to cancel a job.";
  const id = String(form.get("job") ?? "");
  try {
    await cancelJob(await db(), id, maintainer);
  } catch (fault) {
    if (fault instanceof Problem) return fault.message;
    throw fault;
  }
  revalidatePath("/jobs");
  return null;
}

interface NewEnrolment {
  readonly token: string;
  readonly expiresAt: Date;
}

/** A one-time token for a new runner, shown once; null for somebody who is not signed in. */
export async function newEnrolment(): Promise<NewEnrolment | null> {
  const maintainer = await maintainerFromCookies();
  if (!maintainer) return null;
  const token = newSecret();
  const { expiresAt } = await addEnrolmentToken(await db(), hashSecret(token), `made by ${maintainer}`);
  return { token, expiresAt };
}
