import { type Suite, suites } from "@ticketmark/core";
import type { Metadata } from "next";
import Link from "next/link";
import { notFound } from "next/navigation";
import { connection } from "next/server";
import { Suspense } from "react";
import { CancelSuite } from "../../../components/cancel-suite.tsx";
import { CodeBlock } from "../../../components/code-block.tsx";
import { QueueSuite } from "../../../components/queue-suite.tsx";
import { siteAddress } from "../../../components/site-address.ts";
import { SuiteCost } from "../../../components/suite-cost.tsx";
import { SuiteCounts } from "../../../components/suite-counts.tsx";
import { SuiteLive } from "../../../components/suite-live.tsx";
import { SuiteTable } from "../../../components/suite-table.tsx";
import { suiteVersion } from "../../../components/suite-version.ts";
import { db } from "../../../db/client.ts";
import { countWaiting } from "../../../db/suites.ts";
import { maintainerFromCookies } from "../../../session.ts";
import { statusOfSuite } from "../../../suite.ts";

interface Props {
  readonly params: Promise<{ readonly id: string }>;
}

const find = (id: string): Suite => suites.list.find((suite) => suite.id === id) ?? notFound();

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { name, summary } = find((await params).id);
  return { title: `Suite: ${name}`, description: summary };
}

export default async function SuitePage({ params }: Props) {
  await connection();
  const suite = find((await params).id);
  const [{ specs }, maintainer, site, waiting] = await Promise.all([
    statusOfSuite(suite),
    maintainerFromCookies(),
    siteAddress(),
    countWaiting(await db(), suite.id),
  ]);
  const left = specs.filter(({ state }) => ["missing", "failed", "cancelled"].includes(state));
  return (
    <>
      <p className="note">
        <Link className="link" href="/suites">
          Suites
        </Link>
      </p>
      <h1 className="title mt-1">{suite.name}</h1>
      <p className="mt-1.5 max-w-prose text-soft">{suite.summary}</p>
      <div className="mt-5 max-w-2xl">
        <SuiteCounts specs={specs} />
        {maintainer && !suite.takesClasses && <QueueSuite suite={suite.id} left={left.length} />}
        {maintainer && !suite.takesClasses && left.length > 0 && (
          <Suspense fallback={<p className="note mt-1">Counting what it costs …</p>}>
            <SuiteCost suite={suite} specs={left} />
          </Suspense>
        )}
        {!maintainer && !suite.takesClasses && left.length > 0 && (
          <p className="note mt-3">
            <Link className="link" href={`/sign-in?next=/suites/${suite.id}`}>
              Sign in
            </Link>{" "}
            to queue what is left.
          </p>
        )}
        {maintainer && waiting > 0 && <CancelSuite suite={suite.id} waiting={waiting} />}
        {suite.takesClasses && (
          <div className="mt-4">
            <p className="mb-2 text-sm">It runs on classes that you name, so it is queued by a command:</p>
            <CodeBlock
              what="the command"
              code={`ticketmark suite queue ${suite.id} --server ${site} --classes classes.json`}
            />
          </div>
        )}
      </div>
      {specs.length > 0 && (
        <section aria-labelledby="rows" className="mt-8">
          <h2 id="rows" className="heading mb-1">
            Rows
          </h2>
          <p className="note mb-2">Test accuracy in percent, last epoch; mean and standard deviation over the seeds.</p>
          <SuiteTable specs={specs} />
        </section>
      )}
      <p className="note mt-6">
        JSON:{" "}
        <a className="link" href={`/api/v1/suites/${suite.id}`}>
          {suite.id}
        </a>
      </p>
      <SuiteLive suite={suite.id} version={suiteVersion({ specs })} />
    </>
  );
}
