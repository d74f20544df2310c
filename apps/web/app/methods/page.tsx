import { type Method, methods } from "@ticketmark/core";
import type { Metadata } from "next";
import Link from "next/link";
import { connection } from "next/server";
import type { Field } from "../../components/field-text.ts";
import { formatBound } from "../../components/format.ts";
import { settingText } from "../../components/leaderboard-groups.ts";
import { MethodMark } from "../../components/method-mark.tsx";
import { MethodName } from "../../components/method-name.tsx";
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
      <nav aria-label="Methods" className="mt-4 flex flex-wrap gap-1.5">
        {methods.list.map((method) => (
          <a key={method.id} href={`#${method.id}`} className="chip">
            <MethodName method={method.id} />
          </a>
        ))}
      </nav>
      <div className="mt-6 divide-y divide-rule border-t border-rule">
        {methods.list.map((method) => (
          <MethodEntry key={method.id} method={method} />
        ))}
      </div>
    </>
  );
}

function MethodEntry({ method }: { method: Method }) {
  const fields = fieldsOfMethod(method);
  return (
    <section
      id={method.id}
      aria-labelledby={`${method.id}-name`}
      className="grid gap-x-10 gap-y-3 py-6 target:bg-wash lg:grid-cols-[19rem_1fr]"
    >
      <div>
        <h2 id={`${method.id}-name`} className="heading flex items-center gap-2">
          <MethodMark method={method.id} />
          {method.name}
        </h2>
        <p className="mt-1 text-sm">{method.summary}</p>
        <p className="note mt-2">
          <a className="link" href={method.paper.url} rel="noreferrer">
            {method.paper.title}
          </a>
        </p>
        <p className="note mt-2 flex gap-4">
          <code className="font-mono">{method.id}</code>
          <Link className="link" href={`/?method=${method.id}`}>
            results
          </Link>
          <Link className="link" href={`/submit?method=${method.id}`}>
            run it
          </Link>
        </p>
      </div>
      {fields.length > 0 ? <SettingsTable fields={fields} /> : <p className="note self-center">It has no settings.</p>}
    </section>
  );
}

function SettingsTable({ fields }: { fields: readonly Field[] }) {
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
            <td>{field.description}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function allowed({ kind, choices, min, max }: Field): string {
  if (kind === "choice") return choices.join(", ");
  if (kind === "switch") return "true, false";
  if (kind === "steps" || kind === "number or steps") return "a number, or steps by epoch";
  return min === null || max === null ? "" : `${formatBound(min)} to ${formatBound(max)}`;
}
