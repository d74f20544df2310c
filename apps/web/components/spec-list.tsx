/** A spec as a list that people read, grouped as the submit form is; and as the JSON that the command takes. */
import { methods, type Spec } from "@ticketmark/core";
import type { ReactNode } from "react";
import { formatSparsity } from "./format.ts";
import { recipeText, settingText } from "./leaderboard-groups.ts";
import { MethodName } from "./method-name.tsx";
import { datasetName, modelName } from "./registry-names.ts";
import { fieldsOfMethod } from "./settings-fields.ts";

export function SpecList({ spec }: { spec: Spec }) {
  const { id, ...settings } = spec.method;
  const rows: [string, ReactNode][] = [
    ["Data set", datasetName(spec.dataset) + (spec.classes ? `, ${spec.classes.length} classes` : "")],
    ["Model", modelName(spec.model)],
    ["Method", <MethodName key="method" method={id} />],
    ...inOrder(id, settings).map(([name, value]): [string, ReactNode] => [`· ${name}`, settingText(value)]),
    ["Sparsity", spec.sparsity === 0 ? "0, dense" : `${formatSparsity(spec.sparsity)} %, ${spec.scope}`],
    ["Seed", spec.seed],
    ["Protocol", spec.protocol],
    ["Final training", recipeText(spec.recipe)],
  ];
  return <Facts rows={rows} />;
}

/** Settings in the order the method lists them: the database keeps none. */
function inOrder(id: string, settings: Readonly<Record<string, unknown>>): [string, unknown][] {
  const method = methods.list.find((candidate) => candidate.id === id);
  const order = method ? fieldsOfMethod(method).map(({ name }) => name) : [];
  return Object.entries(settings).sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
}

/** Names and values, two columns. */
export function Facts({ rows }: { rows: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="grid grid-cols-[8.5rem_minmax(0,1fr)] text-[0.8125rem] tabular-nums">
      {rows.map(([name, value]) => (
        <div key={name} className="col-span-2 grid grid-cols-subgrid gap-x-3 border-b border-rule py-1">
          <dt className="text-soft">{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
