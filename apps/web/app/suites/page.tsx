import { suites } from "@ticketmark/core";
import type { Metadata } from "next";
import Link from "next/link";
import { connection } from "next/server";
import { SuiteCounts } from "../../components/suite-counts.tsx";
import { statusOfSuite } from "../../suite.ts";

export const metadata: Metadata = { title: "Suites", description: "Specs that belong together, and how far they are." };

export default async function SuitesPage() {
  await connection();
  const list = await Promise.all(suites.list.map(async (suite) => ({ suite, status: await statusOfSuite(suite) })));
  return (
    <>
      <h1 className="title">Suites</h1>
      <p className="mt-1.5 max-w-prose text-soft">
        A suite is a list of specs that belong together: a paper’s table, or a protocol that other code was measured by.
        What two suites share is run once.
      </p>
      <div className="mt-6 divide-y divide-rule border-t border-rule">
        {list.map(({ suite, status }) => (
          <section
            key={suite.id}
            aria-labelledby={`${suite.id}-name`}
            className="grid gap-x-10 gap-y-2 py-5 lg:grid-cols-[1fr_24rem] lg:items-center"
          >
            <div>
              <h2 id={`${suite.id}-name`} className="heading">
                <Link className="hover:underline" href={`/suites/${suite.id}`}>
                  {suite.name}
                </Link>
              </h2>
              <p className="mt-1 max-w-prose text-sm">{suite.summary}</p>
              <p className="note mt-1">
                <code className="font-mono">{suite.id}</code>
              </p>
            </div>
            <SuiteCounts specs={status.specs} />
          </section>
        ))}
      </div>
    </>
  );
}
