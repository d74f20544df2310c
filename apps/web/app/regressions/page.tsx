import { commitSchema, POLICY_FILE } from "@ticketmark/core";
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

/** Commits of the line, alerts in each state, and of those that are closed. */
const COMMITS = 30;
const OPEN = 50;
const CLOSED = 10;

interface Props {
  readonly searchParams: Promise<Readonly<Record<string, string | string[] | undefined>>>;
}

export default async function RegressionsPage({ searchParams }: Props) {
  await connection();
  const search = await searchParams;
  const { repository, branches } = env();
  return (
    <>
      <h1 className="title max-w-[26em]">Which commit made it worse?</h1>
      <p className="mt-1.5 max-w-[46em] text-soft">
        Each commit is run on the same testbeds. A change is confirmed by running the commit and the one before it
        again, in turns, before it stands here; other bits are a change without statistics.
      </p>
      {repository === null ? (
        <NotFollowed />
      ) : (
        <Followed name={branches[0]!} from={commitSchema.safeParse(search.from).data ?? null} />
      )}
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

async function Followed({ name, from }: { name: string; from: string | null }) {
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
        <Board name={name} from={from} />
      ) : (
        <Empty title="No commit is known yet">
          <p>
            Branch {name} of {env().repository} is followed, and nobody has told of its commits so far. A trusted runner
            started with <code className="font-mono text-xs">--repository</code> does with its next claim, and a webhook
            with each push.
          </p>
          <p>
            If the repository has no branch {name}, name the one it has and start the site again:{" "}
            <code className="font-mono text-xs">TICKETMARK_BRANCHES=…</code>. The runner says which there are.
          </p>
          <p>
            <Link className="link" href="/runners">
              See the runners, what each follows, and whether it is trusted
            </Link>
            ; README.md, section “Follow a repository”, has the steps.
          </p>
        </Empty>
      )}
      <RefreshOnVersion url="/api/v1/regressions" version={overview.version} />
    </>
  );
}

/** `from`: the newest commit of the table; null = the head. */
async function Board({ name, from }: { name: string; from: string | null }) {
  const database = await db();
  const branch = (await trackedBranch(database))!;
  const [open, acknowledged, resolved, intended, investigations, line, pulls, testbeds, maintainer] = await Promise.all(
    [
      listAlerts(database, { state: "open", limit: OPEN }),
      listAlerts(database, { state: "acknowledged", limit: OPEN }),
      listAlerts(database, { state: "resolved", limit: CLOSED }),
      listAlerts(database, { state: "intended", limit: CLOSED }),
      listInvestigations(database, { state: "running" }),
      readLine(database, from ? { ...branch, head: from } : branch, COMMITS),
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
          <p className="text-soft">Nothing is open: no change for the worse was confirmed, or each was dealt with.</p>
        ) : (
          <AlertList alerts={standing} />
        )}
        {(open.next ?? acknowledged.next) !== null && (
          <p className="note mt-2">
            The newest {OPEN} of each state; all of them as JSON:{" "}
            <a className="link" href="/api/v1/alerts?state=open">
              open
            </a>
            ,{" "}
            <a className="link" href="/api/v1/alerts?state=acknowledged">
              acknowledged
            </a>
            .
          </p>
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
          <p className="text-soft">
            {from ? "No such commit is known." : "Its commits are not known yet: the next scan tells."}
          </p>
        ) : (
          <LineTable line={line} alerts={alerts} suspected={suspected} />
        )}
        <p className="note mt-2 flex gap-x-5">
          {from !== null && (
            <Link className="link" href="/regressions">
              Newest commits
            </Link>
          )}
          {line.length === COMMITS && line.at(-1)!.parents?.[0] && (
            <Link className="link" href={`/regressions?from=${line.at(-1)!.parents![0]}`}>
              Older commits
            </Link>
          )}
        </p>
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
