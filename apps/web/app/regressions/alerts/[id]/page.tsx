import { Problem } from "@ticketmark/core";
import type { Metadata } from "next";
import Link from "next/link";
import { notFound } from "next/navigation";
import { connection } from "next/server";
import { AlertForm } from "../../../../components/alert-form.tsx";
import { CommitLink, CompareLink } from "../../../../components/commit-link.tsx";
import { FindingEvidence } from "../../../../components/finding-evidence.tsx";
import { formatTime } from "../../../../components/format.ts";
import { InvestigationList } from "../../../../components/investigation-list.tsx";
import { PageSection } from "../../../../components/page-section.tsx";
import { RegressionState } from "../../../../components/regression-state.tsx";
import { Facts } from "../../../../components/spec-list.tsx";
import { type AlertEvent, findAlert } from "../../../../db/alerts.ts";
import { db } from "../../../../db/client.ts";
import { listPoints } from "../../../../db/points.ts";
import { investigationsOf, namesOfGroups, subjectsOf } from "../../../../db/regressions.ts";
import { listTestbeds } from "../../../../db/testbeds.ts";
import { isId } from "../../../../id.ts";
import { maintainerFromCookies } from "../../../../session.ts";
import { byWeight, changesOf, isLocated, titleOf } from "../../../../track/messages.ts";

interface Props {
  readonly params: Promise<{ readonly id: string }>;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: titleOf(await load((await params).id)) };
}

async function load(id: string) {
  if (!isId(id)) notFound();
  return findAlert(await db(), id).catch((fault) => {
    if (fault instanceof Problem && fault.code === "not-found") notFound();
    throw fault;
  });
}

export default async function AlertPage({ params }: Props) {
  await connection();
  const alert = await load((await params).id);
  const database = await db();
  const { commit, parent, findings } = alert;
  const [points, investigations, subjects, testbeds, maintainer] = await Promise.all([
    listPoints(database, { commits: [commit, parent] }),
    investigationsOf(database, alert.id),
    subjectsOf(database, [commit, parent]),
    listTestbeds(database),
    maintainerFromCookies(),
  ]);
  const names = await namesOfGroups(
    database,
    investigations.flatMap(({ groupDigest }) => groupDigest ?? []),
  );
  const title = changesOf(findings);
  return (
    <>
      <p className="note">
        <Link className="link" href="/regressions">
          Regressions
        </Link>
      </p>
      <h1 className="title mt-1 max-w-[30em]">{`${title[0]!.toUpperCase()}${title.slice(1)}`}</h1>
      <div className="mt-3 grid gap-x-12 gap-y-6 md:grid-cols-2">
        <Facts
          rows={[
            ["State", <RegressionState key="state" state={alert.state} />],
            ["Commit", <CommitLink key="commit" hash={commit} subject={subjects.get(commit)} />],
            ...(alert.author === null ? [] : [["Author", alert.author] as const]),
            ["Held against", <CommitLink key="parent" hash={parent} subject={subjects.get(parent)} />],
            ...(isLocated(alert)
              ? []
              : [["Located", "no further than between the two: what lies there could not be run"] as const]),
            ["Opened", `${formatTime(alert.openedAt)} UTC`],
            ["Both in full", <CompareLink key="compare" base={parent} head={commit} />],
          ]}
        />
        <div>
          <Events events={alert.events} />
          {maintainer ? (
            <AlertForm key={alert.state} id={alert.id} state={alert.state} />
          ) : (
            <p className="note">
              Maintainers acknowledge, resolve or call it intended:{" "}
              <Link className="link" href={`/sign-in?next=/regressions/alerts/${alert.id}`}>
                sign in
              </Link>
              .
            </p>
          )}
        </div>
      </div>
      <PageSection title="What was confirmed">
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
                before={own.filter((run) => run.commit === parent)}
                after={own.filter((run) => run.commit === commit)}
              />
            );
          })}
        </ul>
      </PageSection>
      {investigations.length > 0 && (
        <PageSection title="How it was found">
          <InvestigationList investigations={investigations} names={names} open />
        </PageSection>
      )}
      <p className="note mt-6">
        JSON:{" "}
        <a className="link" href={`/api/v1/alerts/${alert.id}`}>
          alert
        </a>
      </p>
    </>
  );
}

/** What people, and the site itself, said of it: kept for ever. */
function Events({ events }: { events: readonly AlertEvent[] }) {
  if (events.length === 0) return null;
  return (
    <ol className="mb-4 space-y-2 text-sm">
      {events.map(({ id, state, reason, by, at }) => (
        <li key={id} className="border-l-2 border-rule pl-3">
          <p className="note flex flex-wrap gap-x-3">
            <RegressionState state={state} />
            <span>{by === "" ? "by this site" : `by ${by}`}</span>
            <time dateTime={at.toISOString()}>{formatTime(at)} UTC</time>
          </p>
          <p className="whitespace-pre-line">{reason}</p>
        </li>
      ))}
    </ol>
  );
}
