"use server";
/** What people do through pages. Next checks that an action's request comes from this site. */
import { Problem, suites } from "@ticketmark/core";
import { revalidatePath } from "next/cache";
import { cookies } from "next/headers";
import { redirect } from "next/navigation";
import { db } from "../db/client.ts";
import { cancelJob } from "../db/jobs.ts";
import { tellRunner, trustRunner } from "../db/runners.ts";
import { cancelWaiting } from "../db/suites.ts";
import { addEnrolmentToken } from "../db/tokens.ts";
import { idFrom } from "../http.ts";
import { dropDead } from "../pending.ts";
import { hashSecret, newSecret } from "../secret.ts";
import { maintainerFromCookies, signIn, signOut } from "../session.ts";
import { queueSuite } from "../suite.ts";

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
  try {
    await cancelJob(await db(), idFrom({ id: form.get("job") }, "job"), maintainer);
    await dropDead(await db());
  } catch (fault) {
    if (fault instanceof Problem) return fault.message;
    throw fault;
  }
  revalidatePath("/jobs");
  return null;
}

/** Tells a runner to drain, or to take jobs again. The fault to show, null when it is done. */
export async function tellRunnerHere(_: string | null, form: FormData): Promise<string | null> {
  if (!(await maintainerFromCookies())) return "Sign in to tell runners what to do.";
  try {
    const command = form.get("command") === "drain" ? "drain" : "continue";
    await tellRunner(await db(), idFrom({ id: form.get("runner") }, "runner"), command);
  } catch (fault) {
    if (fault instanceof Problem) return fault.message;
    throw fault;
  }
  revalidatePath("/runners");
  return null;
}

/** Lets a runner tell of commits, or no longer. The fault to show, null when it is done. */
export async function trustRunnerHere(_: string | null, form: FormData): Promise<string | null> {
  if (!(await maintainerFromCookies())) return "Sign in to say which runners are trusted.";
  try {
    await trustRunner(await db(), idFrom({ id: form.get("runner") }, "runner"), form.get("trusted") === "true");
  } catch (fault) {
    if (fault instanceof Problem) return fault.message;
    throw fault;
  }
  revalidatePath("/runners");
  return null;
}

/** Queues what is missing, failed or cancelled of a suite. The fault to show, null when it is done. */
export async function queueSuiteHere(_: string | null, form: FormData): Promise<string | null> {
  const maintainer = await maintainerFromCookies();
  if (!maintainer) return "Sign in to queue a suite.";
  try {
    await queueSuite(suites.get(String(form.get("suite"))), undefined, maintainer);
  } catch (fault) {
    if (fault instanceof Problem) return fault.message;
    throw fault;
  }
  revalidatePath("/suites", "layout");
  return null;
}

/** Cancels what a suite has queued and nobody has taken. The fault to show, null when it is done. */
export async function cancelSuiteHere(_: string | null, form: FormData): Promise<string | null> {
  const maintainer = await maintainerFromCookies();
  if (!maintainer) return "Sign in to cancel what is queued.";
  await cancelWaiting(await db(), String(form.get("suite")), maintainer);
  await dropDead(await db());
  revalidatePath("/suites", "layout");
  return null;
}

interface NewEnrolment {
  readonly token: string;
  readonly expiresAt: Date;
  /** Who enrols with it may tell this site of commits. */
  readonly trusted: boolean;
}

/** A one-time token for a new runner, shown once; null for somebody who is not signed in. */
export async function newEnrolment(_: NewEnrolment | null, form: FormData): Promise<NewEnrolment | null> {
  const maintainer = await maintainerFromCookies();
  if (!maintainer) return null;
  const token = newSecret();
  const trusted = form.get("trusted") === "on";
  const { expiresAt } = await addEnrolmentToken(await db(), hashSecret(token), `made by ${maintainer}`, trusted);
  return { token, expiresAt, trusted };
}
