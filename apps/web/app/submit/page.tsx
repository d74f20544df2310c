import { datasets, ENGINE_CHOICES, methods, models, Problem, SCOPES, scopeSchema } from "@ticketmark/core";
import type { Metadata } from "next";
import Link from "next/link";
import { connection } from "next/server";
import { textOf } from "../../components/field-text.ts";
import { fieldsOfMethod, fieldsOfRecipe } from "../../components/settings-fields.ts";
import { formTextOf } from "../../components/spec-form.ts";
import { type FormChoices, SubmitForm } from "../../components/submit-form.tsx";
import { db } from "../../db/client.ts";
import { findResult } from "../../db/results.ts";
import { isId } from "../../id.ts";
import { maintainerFromCookies } from "../../session.ts";

export const metadata: Metadata = { title: "Submit a job" };

type Params = Readonly<Record<string, string | string[] | undefined>>;

export default async function SubmitPage({ searchParams }: { searchParams: Promise<Params> }) {
  await connection();
  const params = await searchParams;
  const maintainer = await maintainerFromCookies();
  return (
    <>
      <h1 className="title">Submit a job</h1>
      <p className="mt-1.5 max-w-prose text-soft">
        Say what to run; a runner that is free takes it. What you leave empty has the value shown in grey.
      </p>
      {!maintainer && (
        <p className="mt-4 border-l-2 border-accent py-1 pl-4">
          Queueing jobs needs a maintainer’s token.{" "}
          <Link className="link" href="/sign-in?next=/submit">
            Sign in first
          </Link>
          , or look around: the form shows everything there is to set.
        </p>
      )}
      <SubmitForm choices={choices()} first={await firstText(params)} maintainer={maintainer !== null} />
    </>
  );
}

const choices = (): FormChoices => ({
  // one of class folders needs a list of them, which is a file's business (`ticketmark suite`, or the API)
  datasets: datasets.list
    .filter(({ withClasses }) => !withClasses)
    .map(({ id, name, summary, recipe }) => ({
      id,
      name,
      summary,
      recipe: Object.fromEntries(Object.entries(recipe).map(([key, value]) => [key, textOf(value)])),
    })),
  models: models.list.map(({ id, name, summary }) => ({ id, name, summary })),
  methods: methods.list.map((method) => ({
    id: method.id,
    name: method.name,
    summary: method.summary,
    sparse: method.sparse,
    fields: fieldsOfMethod(method),
  })),
  recipe: fieldsOfRecipe(),
  engines: ENGINE_CHOICES,
  scopes: SCOPES.map((id) => ({ id, name: id })),
  scope: scopeSchema.description ?? "",
});

/** `?from=RESULT` fills in that result's spec; `?method=…` and the like preset single fields. */
async function firstText(params: Params): Promise<Record<string, string>> {
  const one = (name: string) => [params[name]].flat()[0];
  const usual = {
    dataset: datasets.ids[0],
    model: models.ids[0],
    method: "rst",
    sparsity: "90",
    scope: SCOPES[0],
    seeds: "0",
    protocol: "validation",
    engine: "auto",
  };
  const from = await specOf(one("from") ?? "");
  const preset = Object.entries({ dataset: datasets, model: models, method: methods }).filter(([name, { list }]) =>
    list.some(({ id }) => id === one(name)),
  );
  return { ...usual, ...from, ...Object.fromEntries(preset.map(([name]) => [name, one(name)!])) };
}

async function specOf(id: string): Promise<Record<string, string>> {
  if (!isId(id)) return {};
  try {
    return formTextOf((await findResult(await db(), id)).spec);
  } catch (fault) {
    if (fault instanceof Problem) return {};
    throw fault;
  }
}
