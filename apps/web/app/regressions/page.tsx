import { POLICY_FILE } from "@ticketmark/core";
import type { Metadata } from "next";
import Link from "next/link";
import { connection } from "next/server";
import { AlertList } from "../../components/alert-list.tsx";
import { CodeBlock } from "../../components/code-block.tsx";
import { CommitLink } from "../../components/commit-link.tsx";
import { Empty } from "../../components/empty.tsx";
import { formatTime, plural } from "../../components/format.ts";
import { InvestigationList } from "../../components/investigation-list.tsx";
import { LineTable } from "../../components/line-table.tsx";
import { PageSection } from "../../components/page-section.tsx";
import { PolicyFacts } from "../../components/policy-facts.tsx";
import { PullTable } from "../../components/pull-table.tsx";
import { RefreshOnVersion } from "../../components/refresh-on-version.tsx";
import { TestbedTable } from "../../components/testbed-table.tsx";
import { listAlerts } from "../../db/alerts.ts";
import { db } from "../../db/client.ts";
import { listInvestigations } from "../../db/investigations.ts";
import {
  alertsAt,
  measuredOn,
  namesOfGroups,
  openPulls,
  policyOf,
  readLine,
  trackedBranch,
} from "../../db/regressions.ts";
import { env } from "../../env.ts";
import { overviewJson } from "../../regression-json.ts";
import { maintainerFromCookies } from "../../session.ts";

export const metadata: Metadata = {
  title: "Regressions",
  description: "Every change in accuracy, bits, speed or memory, on the commit that caused it.",
  alternates: { types: { "application/atom+xml": "/regressions/feed.xml" } },
};

/** Commits of the line, and alerts that are closed. */
const COMMITS = 30;
const CLOSED = 10;

export default async function RegressionsPage() {
  await connection();
  const { repository, branches } = env();
  return (
    <>
      <h1 className="title max-w-[26em]">Which commit made it worse?</h1>
      <p className="mt-1.5 max-w-[46em] text-soft">
        Each commit is run on the same testbeds. A change is confirmed by running the commit and the one before it
        again, in turns, before it stands here; other bits are a change without statistics.
      </p>
      {repository === null ? <NotFollowed /> : <Followed name={branches[0]!} />}
    </>
  );
}

function NotFollowed() {
  return (
    <Empty title="No repository is followed">
      <p>
        Name one, a path or an address, and start the site again; a trusted runner that tracks the same repository then
        tells which commits there are, and runs them. README.md, section “Follow a repository”, has the steps.
      </p>
      <CodeBlock what="the command" code="TICKETMARK_REPOSITORY=. TICKETMARK_BRANCHES=main npm start" />
    </Empty>
  );
}

async function Followed({ name }: { name: string }) {
  const database = await db();
  const [branch, overview] = await Promise.all([trackedBranch(database), overviewJson(database)]);
  return (
    <>
      <p className="note mt-2 flex flex-wrap gap-x-5">
        <span>{overview.alerts.open === 0 ? "nothing open" : `${overview.alerts.open} open`}</span>
        <span>{overview.investigations.length} being looked into</span>
        <Link className="link" href="/jobs">
          {overview.queue.running} running, {overview.queue.waiting} waiting
        </Link>
        <Link className="link" href="/regressions/series">
          Series
        </Link>
        <Link className="link" href="/regressions/compare">
          Compare two commits
        </Link>
        <a className="link" href="/regressions/feed.xml">
          Feed
        </a>
        <a href="/badges/regressions.svg">
          {/* biome-ignore lint/performance/noImgElement: a small SVG of our own */}
          <img src="/badges/regressions.svg" alt="Badge: how many regressions are open" className="inline h-5" />
        </a>
      </p>
      {branch ? (
        <Board name={name} />
      ) : (
        <Empty title="No commit is known yet">
          <p>
            Branch {name} is followed, and nobody has told of its commits so far. A trusted runner started with{" "}
            <code className="font-mono text-xs">--repository</code> does with its next claim, and a webhook with each
            push.
          </p>
          <p>
            <Link className="link" href="/runners">
              See the runners
            </Link>
            ; README.md, section “Follow a repository”, has the steps.
          </p>
        </Empty>
      )}
      <RefreshOnVersion url="/api/v1/regressions" version={overview.version} />
    </>
  );
}

async function Board({ name }: { name: string }) {
  const database = await db();
  const branch = (await trackedBranch(database))!;
  const [open, acknowledged, resolved, intended, investigations, line, pulls, testbeds, maintainer] = await Promise.all(
    [
      listAlerts(database, { state: "open", limit: 50 }),
      listAlerts(database, { state: "acknowledged", limit: 50 }),
      listAlerts(database, { state: "resolved", limit: CLOSED }),
      listAlerts(database, { state: "intended", limit: CLOSED }),
      listInvestigations(database, { state: "running" }),
      readLine(database, branch, COMMITS),
      openPulls(database),
      measuredOn(database),
      maintainerFromCookies(),
    ],
  );
  const standing = [...open.alerts, ...acknowledged.alerts];
  const closed = [...resolved.alerts, ...intended.alerts].sort((a, b) => b.seq - a.seq).slice(0, CLOSED);
  const [names, alerts] = await Promise.all([
    namesOfGroups(
      database,
      investigations.flatMap(({ groupDigest }) => groupDigest ?? []),
    ),
    alertsAt(
      database,
      line.map(({ hash }) => hash),
    ),
  ]);
  const suspected = new Set(investigations.filter(({ kind }) => kind === "confirm").map(({ head }) => head));
  return (
    <>
      <PageSection title="Open">
        {standing.length === 0 ? (
          <p className="text-soft">
            Nothing is open: no change for the worse is confirmed that somebody has not dealt with.
          </p>
        ) : (
          <AlertList alerts={standing} />
        )}
        {closed.length > 0 && (
          <details className="mt-3">
            <summary className="note">{plural(closed.length, "alert")} closed lately</summary>
            <div className="mt-2">
              <AlertList alerts={closed} />
            </div>
          </details>
        )}
      </PageSection>
      {investigations.length > 0 && (
        <PageSection title="Being looked into">
          <p className="note mb-3">Suspicions, not findings: most come to nothing. Times are UTC.</p>
          <InvestigationList investigations={investigations} names={names} />
        </PageSection>
      )}
      <PageSection title={`Commits of ${name}`}>
        <p className="note mb-1">
          Head <CommitLink hash={branch.head} />
          {branch.scannedAt && `, last looked at ${formatTime(branch.scannedAt)} UTC`}. Bits are held against the
          nearest commit before it that was run.
        </p>
        {line.length === 0 ? (
          <p className="text-soft">Its commits are not known yet: the next scan tells.</p>
        ) : (
          <LineTable line={line} alerts={alerts} suspected={suspected} />
        )}
      </PageSection>
      {pulls.length > 0 && (
        <PageSection title="Pull requests">
          <p className="note mb-1">
            A head runs only when a maintainer has read it, and then only on runners that take pull requests.
          </p>
          <PullTable pulls={pulls} maintainer={maintainer !== null} />
        </PageSection>
      )}
      <div className="grid gap-x-12 lg:grid-cols-[minmax(0,1fr)_minmax(0,1.1fr)]">
        <PageSection title="Policy">
          <PolicyFacts branch={branch} policy={policyOf(branch)} />
        </PageSection>
        <PageSection title="Testbeds">
          {testbeds.length === 0 ? (
            <p className="text-soft">
              Nothing was measured yet. A runner that tracks the repository measures what {POLICY_FILE} says.
            </p>
          ) : (
            <TestbedTable testbeds={testbeds} />
          )}
        </PageSection>
      </div>
    </>
  );
}
