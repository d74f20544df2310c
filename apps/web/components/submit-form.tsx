"use client";
/** The submit form. Its fields come from the registries; nothing typed is lost by a fault or by trying another method. */
import { startTransition, useActionState, useEffect, useRef, useState } from "react";
import { type Cost, costOf, type Faults, submitSpec } from "../app/submit/actions.ts";
import { CostPreview } from "./cost-preview.tsx";
import { type Field, textOf } from "./field-text.ts";
import { FormField } from "./form-field.tsx";
import { MethodMark } from "./method-mark.tsx";
import { sparsityHint } from "./spec-form.ts";

interface Member {
  readonly id: string;
  readonly name: string;
  readonly summary: string;
}

export interface FormChoices {
  /** Recipe: the default of each field, as text. */
  readonly datasets: readonly (Member & { readonly recipe: Readonly<Record<string, string>> })[];
  readonly models: readonly Member[];
  readonly methods: readonly (Member & { readonly sparse: boolean; readonly fields: readonly Field[] })[];
  readonly recipe: readonly Field[];
  readonly engines: readonly string[];
  readonly scopes: readonly Pick<Member, "id" | "name">[];
  /** What a scope is. */
  readonly scope: string;
}

/** Time to finish a number before it is counted. */
const PAUSE_MS = 350;

export function SubmitForm({
  choices,
  first,
  maintainer,
}: {
  choices: FormChoices;
  first: Readonly<Record<string, string>>;
  maintainer: boolean;
}) {
  const [submitted, submit, pending] = useActionState(submitSpec, null);
  const [text, setText] = useState(first);
  const [cost, setCost] = useState<Cost | null>(null);
  const [faults, setFaults] = useState<Faults>({});
  const form = useRef<HTMLFormElement>(null);

  const dataset = choices.datasets.find(({ id }) => id === text.dataset) ?? choices.datasets[0]!;
  const method = choices.methods.find(({ id }) => id === text.method) ?? choices.methods[0]!;
  // A setting of one method keeps its text while another is looked at, and is not taken for the other's of that name.
  const key = (name: string) => (name.startsWith("method.") ? `${method.id} ${name}` : name);
  const valueAt = (name: string) => text[key(name)] ?? (first.method === method.id ? first[name] : undefined) ?? "";
  const change = (name: string, value: string) => setText((now) => ({ ...now, [key(name)]: value }));
  const shown: Faults = { ...submitted, ...faults };

  // biome-ignore lint/correctness/useExhaustiveDependencies: any text may change what it costs; the form holds it
  useEffect(() => {
    if (!maintainer) return;
    let late = false;
    const timer = setTimeout(async () => {
      const found = await costOf(new FormData(form.current!));
      if (late || found === null) return;
      const isCost = "plan" in found && typeof found.plan === "object";
      setCost(isCost ? (found as Cost) : null);
      setFaults(isCost ? {} : (found as Faults));
    }, PAUSE_MS);
    return () => {
      late = true;
      clearTimeout(timer);
    };
  }, [text, maintainer]);

  const field = (name: string, label: string, of: Field, fallback: string) => (
    <FormField
      key={key(name)}
      name={name}
      label={label}
      field={of}
      value={valueAt(name)}
      fallback={fallback}
      fault={shown[name]}
      hint={name === "sparsity" ? sparsityHint(valueAt(name)) : undefined}
      onChange={(value) => change(name, value)}
    />
  );

  return (
    <form
      ref={form}
      action={submit}
      onSubmit={(event) => {
        event.preventDefault(); // React empties a form after its action; this one keeps what was typed
        const filled = new FormData(event.currentTarget);
        startTransition(() => submit(filled));
      }}
      className="mt-6 grid gap-x-12 gap-y-8 lg:grid-cols-[minmax(0,1fr)_19rem]"
    >
      <div className="space-y-9">
        <Group title="What">
          {field("dataset", "Data set", choiceOf(dataset.summary, choices.datasets), "")}
          {field(
            "model",
            "Model",
            choiceOf(choices.models.find((m) => m.id === text.model)?.summary ?? "", choices.models),
            "",
          )}
          {field("method", "Method", choiceOf(method.summary, choices.methods), "")}
          {method.sparse &&
            field(
              "sparsity",
              "Sparsity, %",
              typed("share of the prunable weights that go", "number", "0 to below 100"),
              "",
            )}
          {method.sparse && field("scope", "Scope", choiceOf(choices.scope, choices.scopes), "")}
          {field("seeds", "Seeds", typed("a job a seed: 0, or 0-4, or 0, 2, 7", "text"), "")}
          {field(
            "protocol",
            "Protocol",
            {
              ...choiceOf("", [
                { id: "validation", name: "validation" },
                { id: "paper", name: "paper" },
              ]),
              description: "validation holds some training images out; paper trains on all, as published numbers do",
            },
            "",
          )}
        </Group>
        <Group title={`Settings of ${method.name}`} mark={method.id}>
          {method.fields.length === 0 && <p className="note sm:col-span-full">It has none.</p>}
          {method.fields.map((of) => field(`method.${of.name}`, of.name, of, fallbackOf(of)))}
        </Group>
        <Group title="Final training" note="The same for every method; another recipe is another table.">
          {choices.recipe.map((of) =>
            field(`recipe.${of.name}`, of.name, of, dataset.recipe[of.name] ?? fallbackOf(of)),
          )}
        </Group>
        <Group title="Where">
          {field(
            "engine",
            "Engine",
            choiceOf(
              "auto: what the runner has; reference: slow float64, the oracle of the tests",
              choices.engines.map((id) => ({ id, name: id })),
            ),
            "",
          )}
        </Group>
      </div>
      <aside className="lg:sticky lg:top-6 lg:self-start" aria-label="Expected cost">
        <CostPreview cost={cost} maintainer={maintainer} broken={Object.keys(faults).length > 0} />
        {shown[""] && (
          <p role="alert" className="mt-3 text-sm text-bad">
            {shown[""]}
          </p>
        )}
        <button type="submit" className="button button-main mt-4 w-full" disabled={pending || !maintainer}>
          {pending ? "Queueing …" : cost && cost.seeds > 1 ? `Queue ${cost.seeds} jobs` : "Queue the job"}
        </button>
        {!maintainer && <p className="note mt-2">Sign in to queue it.</p>}
      </aside>
    </form>
  );
}

function Group({
  title,
  note,
  mark,
  children,
}: {
  title: string;
  note?: string;
  mark?: string;
  children: React.ReactNode;
}) {
  return (
    <fieldset>
      <legend className="heading mb-2">
        {mark && <MethodMark method={mark} />} {title}
        {note && <span className="note ml-3 font-sans">{note}</span>}
      </legend>
      <div className="grid gap-x-6 gap-y-4 sm:grid-cols-2 xl:grid-cols-3">{children}</div>
    </fieldset>
  );
}

const typed = (description: string, kind: Field["kind"], range = ""): Field => ({
  name: "",
  description,
  kind,
  choices: [],
  labels: [],
  range,
  default: undefined,
});

const choiceOf = (description: string, members: readonly { readonly id: string; readonly name: string }[]): Field => ({
  ...typed(description, "choice"),
  choices: members.map(({ id }) => id),
  labels: members.map(({ name }) => name),
});

const fallbackOf = (field: Field): string => (field.default === undefined ? "left out" : textOf(field.default));
