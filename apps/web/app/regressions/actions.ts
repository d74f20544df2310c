"use server";
/** What maintainers do through the pages of regressions. Next checks that an action's request comes from this site. */
import { changeAlertSchema, commitSchema, Problem, type trySchema } from "@ticketmark/core";
import { revalidatePath } from "next/cache";
import { redirect } from "next/navigation";
import type { z } from "zod";
import { changeAlert } from "../../db/alerts.ts";
import { db } from "../../db/client.ts";
import { approvePull } from "../../db/pulls.ts";
import { idFrom, parse, requireStorable } from "../../http.ts";
import { maintainerFromCookies } from "../../session.ts";
import { startTry } from "../../track/start-try.ts";
import { wakeTracker } from "../../track/tracker.ts";

/** What was wrong, and the reason that was typed, which a form would lose. */
export interface AlertFault {
  readonly fault: string;
  readonly reason: string;
}

/** Acknowledges, resolves, calls intended or opens again. Null when it is done. */
export async function changeAlertHere(_: AlertFault | null, form: FormData): Promise<AlertFault | null> {
  const reason = String(form.get("reason") ?? "").trim();
  const by = await maintainerFromCookies();
  if (!by) return { fault: "Sign in to change an alert: in another tab, what you have written stays here.", reason };
  if (reason === "") return { fault: "Say why: the reason is kept and shown.", reason };
  try {
    const change = parse({ state: form.get("state"), reason }, changeAlertSchema);
    requireStorable(change, "reason", "bad-request");
    await changeAlert(await db(), idFrom({ id: form.get("alert") }, "alert"), { ...change, by });
  } catch (fault) {
    return { fault: toldFault(fault), reason };
  }
  revalidatePath("/regressions", "layout");
  return null;
}

/** Runs a commit, or a pull request's approved head, beside its base, and leaves for what becomes of it. */
export async function tryHere(_: string | null, form: FormData): Promise<string | null> {
  const by = await maintainerFromCookies();
  if (!by) return "Sign in to run a commit.";
  let started: { readonly id: string };
  try {
    started = await startTry(await db(), wishIn(form), by);
  } catch (fault) {
    return toldFault(fault);
  }
  wakeTracker();
  redirect(`/regressions/tries/${started.id}`);
}

/** Lets the head that the maintainer was shown run. The fault to show, null when it is done. */
export async function approvePullHere(_: string | null, form: FormData): Promise<string | null> {
  const by = await maintainerFromCookies();
  if (!by) return "Sign in to approve a pull request.";
  try {
    const head = parse(form.get("head"), commitSchema);
    await approvePull(await db(), numberIn(form), head, by);
  } catch (fault) {
    return toldFault(fault);
  }
  wakeTracker();
  revalidatePath("/regressions");
  return null;
}

const wishIn = (form: FormData): z.infer<typeof trySchema> =>
  form.has("pull") ? { pull: numberIn(form) } : { commit: parse(form.get("commit"), commitSchema) };

function numberIn(form: FormData): number {
  const text = String(form.get("pull"));
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Problem("not-found", `pull ${JSON.stringify(text)}: there is none`);
  return Number(text);
}

function toldFault(fault: unknown): string {
  if (fault instanceof Problem) return fault.message;
  throw fault;
}
