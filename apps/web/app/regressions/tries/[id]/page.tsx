import type { Metadata } from "next";
import Link from "next/link";
import { notFound } from "next/navigation";
import { connection } from "next/server";
import { CommitLink, CompareLink } from "../../../../components/commit-link.tsx";
import { FindingEvidence } from "../../../../components/finding-evidence.tsx";
import { formatTime } from "../../../../components/format.ts";
import { Steps, subjectOf, whyNothing } from "../../../../components/investigation-list.tsx";
import { PageSection } from "../../../../components/page-section.tsx";
import { RefreshOnVersion } from "../../../../components/refresh-on-version.tsx";
import { RegressionState } from "../../../../components/regression-state.tsx";
import { Facts } from "../../../../components/spec-list.tsx";
import { db } from "../../../../db/client.ts";
import { findInvestigation } from "../../../../db/investigations.ts";
import { listPoints } from "../../../../db/points.ts";
import { jobCountsOf, namesOfGroups, subjectsOf } from "../../../../db/regressions.ts";
import type { Investigation } from "../../../../db/schema.ts";
import { listTestbeds } from "../../../../db/testbeds.ts";
import { isId } from "../../../../id.ts";
import { overviewJson } from "../../../../regression-json.ts";
import { byWeight } from "../../../../track/messages.ts";

interface Props {
  readonly params: Promise<{ readonly id: string }>;
}

async function load(id: string): Promise<Investigation> {
  const found = isId(id) ? await findInvestigation(await db(), id) : null;
  return found ?? notFound();
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { kind, head } = await load((await params).id);
  return { title: `${kind === "try" ? "Try" : "Suspicion"} at ${head.slice(0, 7)}` };
}

/** A try, or a suspicion: what was run, step by step, and what came of it. */
export default async function InvestigationPage({ params }: Props) {
  await connection();
  const one = await load((await params).id);
  const database = await db();
  const { base, head, findings, kind, state } = one;
  const [subjects, names, testbeds, points, jobs, overview] = await Promise.all([
    subjectsOf(database, [base, head]),
    namesOfGroups(database, one.groupDigest ? [one.groupDigest] : []),
    listTestbeds(database),
    listPoints(database, { commits: [base, head] }),
    jobCountsOf(database, one.id),
    overviewJson(database),
  ]);
  return (
    <>
      <p className="note">
        <Link className="link" href="/regressions">
          Regressions
        </Link>
      </p>
      <h1 className="title mt-1">
        {kind === "try" ? `${subjectOf(one, names)}: ${head.slice(0, 7)}` : subjectOf(one, names)}
      </h1>
      <div className="mt-3 max-w-2xl">
        <Facts
          rows={[
            ["State", <RegressionState key="state" state={state} />],
            ["Before", <CommitLink key="base" hash={base} subject={subjects.get(base)} />],
            ["After", <CommitLink key="head" hash={head} subject={subjects.get(head)} />],
            ["Reason", one.reason + (one.createdBy ? `, by ${one.createdBy}` : "")],
            ["Runs", `${jobs.done} done, ${jobs.running} running, ${jobs.waiting} waiting, ${jobs.failed} failed`],
            ["Begun", `${formatTime(one.createdAt)} UTC`],
            ...(one.finishedAt ? [["Ended", `${formatTime(one.finishedAt)} UTC`] as const] : []),
            ["Both in full", <CompareLink key="compare" base={base} head={head} />],
            ...(one.alertId
              ? [
                  [
                    "Alert",
                    <Link key="alert" className="link" href={`/regressions/alerts/${one.alertId}`}>
                      what it led to
                    </Link>,
                  ] as const,
                ]
              : []),
          ]}
        />
      </div>
      <PageSection title={kind === "try" ? "What differs" : "What was found"}>
        {findings.length === 0 ? (
          <p className="text-soft">
            {state === "running"
              ? `Nothing is known yet: ${whyNothing(one)}.`
              : state === "dismissed"
                ? "No difference beyond noise."
                : "Nothing: the last step says why."}
          </p>
        ) : (
          <ul className="space-y-5">
            {byWeight(findings).map((finding) => {
              const own = points.filter(
                ({ groupDigest, testbed }) => groupDigest === finding.groupDigest && testbed === finding.testbed,
              );
              return (
                <FindingEvidence
                  key={`${finding.groupDigest} ${finding.testbed} ${finding.metric}`}
                  finding={finding}
                  testbed={testbeds.get(finding.testbed) ?? null}
                  before={own.filter(({ commit }) => commit === base)}
                  after={own.filter(({ commit }) => commit === head)}
                />
              );
            })}
          </ul>
        )}
      </PageSection>
      <PageSection title="Steps">
        <div className="max-w-3xl">
          <Steps of={one} />
        </div>
      </PageSection>
      {state === "running" && <RefreshOnVersion url="/api/v1/regressions" version={overview.version} />}
    </>
  );
}
