"use server";
/** What the submit form asks the server: what a spec would cost, and to queue it. */
import { ENGINE_CHOICES, methods, type Plan, Problem, parseSpec } from "@ticketmark/core";
import { redirect } from "next/navigation";
import { fieldsOfMethod, fieldsOfRecipe } from "../../components/settings-fields.ts";
import { type FormText, faultsByField, seedsOf, specInputOf } from "../../components/spec-form.ts";
import { db } from "../../db/client.ts";
import { addJob, type NewJob } from "../../db/jobs.ts";
import { newJob } from "../../new-job.ts";
import { planOf } from "../../plans.ts";
import { maintainerFromCookies } from "../../session.ts";

/** By name of field; "" = of the form as a whole. */
export type Faults = Readonly<Record<string, string>>;

export interface Cost {
  readonly plan: Plan;
  readonly seeds: number;
}

/** Only for who could queue it: counting a plan draws its masks, which is work. */
export async function costOf(form: FormData): Promise<Cost | Faults | null> {
  if (!(await maintainerFromCookies())) return null;
  const text = textIn(form);
  const wish = wishOf(text);
  if ("faults" in wish) return wish.faults;
  try {
    return { plan: await planOf(parseSpec({ ...wish.input, seed: wish.seeds[0] })), seeds: wish.seeds.length };
  } catch (fault) {
    return faultsOf(fault, text);
  }
}

/** Queues a job a seed and leaves for them; the faults if there are any, and then nothing is queued. */
export async function submitSpec(_: Faults | null, form: FormData): Promise<Faults | null> {
  const createdBy = await maintainerFromCookies();
  if (!createdBy) return { "": "Sign in to submit. What you have filled in stays here: sign in in another tab." };
  const text = textIn(form);
  const wish = wishOf(text);
  if ("faults" in wish) return wish.faults;
  const engine = ENGINE_CHOICES.find((choice) => choice === form.get("engine")) ?? "auto";
  const ids: string[] = [];
  try {
    const jobs: NewJob[] = [];
    for (const seed of wish.seeds)
      jobs.push(await newJob({ spec: { ...wish.input, seed }, engine, priority: 0, createdBy }));
    for (const job of jobs) ids.push((await addJob(await db(), job)).id);
  } catch (fault) {
    return faultsOf(fault, text);
  }
  redirect(ids.length === 1 ? `/jobs/${ids[0]}` : "/jobs");
}

type Wish =
  | { readonly input: Record<string, unknown>; readonly seeds: readonly number[] }
  | { readonly faults: Faults };

const textIn = (form: FormData): FormText =>
  Object.fromEntries([...form].filter((entry): entry is [string, string] => typeof entry[1] === "string"));

function wishOf(text: FormText): Wish {
  const method = methods.list.find(({ id }) => id === text.method);
  const seeds = seedsOf(text.seeds ?? "");
  if (!method) return { faults: { method: "expected one of the methods listed" } };
  if (typeof seeds === "string") return { faults: { seeds } };
  return { input: specInputOf(text, fieldsOfMethod(method), fieldsOfRecipe()), seeds };
}

function faultsOf(fault: unknown, text: FormText): Faults {
  if (!(fault instanceof Problem)) throw fault;
  return faultsByField(fault.message, text);
}
