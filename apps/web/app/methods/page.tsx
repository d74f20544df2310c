import { methods } from "@ticketmark/core";
import type { Metadata } from "next";
import { connection } from "next/server";
import type { Field } from "../../components/field-text.ts";
import { settingText } from "../../components/leaderboard-groups.ts";
import { MethodMark } from "../../components/method-mark.tsx";
import { MethodName } from "../../components/method-name.tsx";
import { EntryChips, RegistryEntry } from "../../components/registry-entry.tsx";
import { fieldsOfMethod } from "../../components/settings-fields.ts";

export const metadata: Metadata = { title: "Methods", description: "Each method, its paper and its settings." };

export default async function MethodsPage() {
  await connection();
  return (
    <>
      <h1 className="title">Methods</h1>
      <p className="mt-1.5 max-w-prose text-soft">
        A method is one function from a dense network to a ticket: a mask, and the weights the final training starts
        from. Training and testing the ticket is not the method’s business, so methods differ in the ticket only.
      </p>
      <EntryChips title="Methods" ids={methods.ids} named={(id) => <MethodName method={id} />} />
      <div className="mt-6 divide-y divide-rule border-t border-rule">
        {methods.list.map((method) => (
          <RegistryEntry
            key={method.id}
            member={method}
            source={method.paper}
            query="method"
            mark={<MethodMark method={method.id} />}
          >
            <SettingsTable fields={fieldsOfMethod(method)} />
          </RegistryEntry>
        ))}
      </div>
    </>
  );
}

function SettingsTable({ fields }: { fields: readonly Field[] }) {
  if (fields.length === 0) return <p className="note lg:pt-1.5">It has no settings.</p>;
  return (
    <table className="data self-start">
      <caption className="sr-only">Settings</caption>
      <thead>
        <tr>
          <th scope="col">Setting</th>
          <th scope="col">Default</th>
          <th scope="col" className="max-sm:hidden">
            Allowed
          </th>
          <th scope="col">Meaning</th>
        </tr>
      </thead>
      <tbody>
        {fields.map((field) => (
          <tr key={field.name}>
            <th scope="row" className="font-normal! align-baseline!">
              <code className="font-mono text-ink!">{field.name}</code>
            </th>
            <td className="whitespace-nowrap">{field.default === undefined ? "–" : settingText(field.default)}</td>
            <td className="max-sm:hidden">{allowed(field)}</td>
            <td>
              {field.description}
              {allowed(field) && <span className="note block sm:hidden">Allowed: {allowed(field)}</span>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function allowed({ kind, choices, range }: Field): string {
  if (kind === "choice") return choices.join(", ");
  if (kind === "switch") return "true, false";
  if (kind === "steps" || kind === "number or steps") return "a number, or steps by epoch";
  return range;
}
