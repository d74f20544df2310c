import { Problem } from "@ticketmark/core";
import type { Metadata } from "next";
import Link from "next/link";
import { notFound } from "next/navigation";
import { connection } from "next/server";
import type { ReactNode } from "react";
import { CommitLink } from "../../../../components/commit-link.tsx";
import { Digest } from "../../../../components/digest.tsx";
import { Empty } from "../../../../components/empty.tsx";
import { formatSparsity, formatTime, plural } from "../../../../components/format.ts";
import { InvestigationList } from "../../../../components/investigation-list.tsx";
import { MethodName } from "../../../../components/method-name.tsx";
import { PageSection } from "../../../../components/page-section.tsx";
import { RefreshOnVersion } from "../../../../components/refresh-on-version.tsx";
import { datasetName, modelName } from "../../../../components/registry-names.ts";
import { testbedText, verdictOf } from "../../../../components/regression-compare.ts";
import { RegressionGroups } from "../../../../components/regression-groups.tsx";
import { RegressionState } from "../../../../components/regression-state.tsx";
import { PURPOSES } from "../../../../components/regression-values.ts";
import { Facts } from "../../../../components/spec-list.tsx";
import { TryButton } from "../../../../components/try-button.tsx";
import { db } from "../../../../db/client.ts";
import { findCommit, type jobsAt, namesOfGroups, type Relatives } from "../../../../db/regressions.ts";
import type { Commit } from "../../../../db/schema.ts";
import { commitJson, readCommit } from "../../../../regression-json.ts";
import { maintainerFromCookies } from "../../../../session.ts";
import { changesOf } from "../../../../track/messages.ts";

interface Props {
  readonly params: Promise<{ readonly hash: string }>;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { hash, subject } = await load((await params).hash);
  return { title: `${hash.slice(0, 7)}: ${subject}` };
}

async function load(name: string): Promise<Commit> {
  return findCommit(await db(), name).catch((fault) => {
    if (fault instanceof Problem) notFound();
    throw fault;
  });
}

export default async function CommitPage({ params }: Props) {
  await connection();
  const commit = await load((await params).hash);
  const database = await db();
  const [known, maintainer] = await Promise.all([readCommit(database, commit), maintainerFromCookies()]);
  const { relatives, testbeds, jobs, alert, investigations } = known;
  const names = await namesOfGroups(
    database,
    investigations.flatMap(({ groupDigest }) => groupDigest ?? []),
  );
  return (
    <>
      <p className="note">
        <Link className="link" href="/regressions">
          Regressions
        </Link>
      </p>
      <h1 className="title mt-1">{commit.subject || "(no subject)"}</h1>
      <div className="mt-3 grid gap-x-12 gap-y-4 md:grid-cols-2">
        <CommitFacts commit={commit} relatives={relatives} />
        <div className="space-y-3">
          {alert && (
            <p className="border-l-2 border-accent pl-4">
              <RegressionState state={alert.state} />{" "}
              <Link className="link" href={`/regressions/alerts/${alert.id}`}>
                {changesOf(alert.findings)}
              </Link>
            </p>
          )}
          {testbeds.some(({ groups }) => groups.some(({ base }) => base !== null)) && (
            <p className="max-w-prose text-soft">
              Beside what was run before it, as it stands and not confirmed: {verdictOf(testbeds)}
            </p>
          )}
          {maintainer && <TryButton label="Run the suite here" commit={commit.hash} />}
        </div>
      </div>
      {testbeds.length === 0 && (
        <Empty title="Not measured">
          <p>
            {jobs.length > 0
              ? "Its runs wait or are under way: the first figures stand here when the first of them ends."
              : "No run of this commit has come in, and none is queued."}
            {!maintainer && jobs.length === 0 && " A maintainer can have it run: sign in."}
          </p>
        </Empty>
      )}
      {testbeds.map(({ digest, testbed, groups }) => (
        <PageSection key={digest} title={testbedText(testbed)}>
          <p className="note mb-1">
            Testbed <Digest digest={digest} />. Each group is held against the nearest commit before that ran it here.
          </p>
          <RegressionGroups groups={groups} before="Before" after="Here" named order="list" changedOnly={false} />
        </PageSection>
      ))}
      {jobs.length > 0 && (
        <PageSection title="Waiting and running">
          <Jobs jobs={jobs} />
        </PageSection>
      )}
      {investigations.length > 0 && (
        <PageSection title="Looked into">
          <InvestigationList investigations={investigations} names={names} />
        </PageSection>
      )}
      <p className="note mt-6">
        JSON:{" "}
        <a className="link" href={`/api/v1/commits/${commit.hash}`}>
          {commit.hash.slice(0, 7)}
        </a>
      </p>
      <RefreshOnVersion url={`/api/v1/commits/${commit.hash}`} version={commitJson(known).version} />
    </>
  );
}

function CommitFacts({ commit, relatives: { parents, children } }: { commit: Commit; relatives: Relatives }) {
  const list = (commits: readonly { hash: string; subject: string | null }[]): ReactNode =>
    commits.map(({ hash, subject }) => (
      <span key={hash} className="block">
        <CommitLink hash={hash} subject={subject} />
      </span>
    ));
  return (
    <Facts
      rows={[
        [
          "Commit",
          <code key="hash" className="break-all font-mono text-xs">
            {commit.hash}
          </code>,
        ],
        ["Author", commit.author],
        ["Committed", `${formatTime(commit.committedAt)} UTC`],
        [
          parents && parents.length > 1 ? "Parents" : "Parent",
          parents === null ? "not known yet: the next scan tells" : parents.length === 0 ? "none" : list(parents),
        ],
        [children.length > 1 ? "Children" : "Child", children.length === 0 ? "none known" : list(children)],
      ]}
    />
  );
}

function Jobs({ jobs }: { jobs: Awaited<ReturnType<typeof jobsAt>> }) {
  return (
    <>
      <p className="note mb-1">{plural(jobs.length, "job")}</p>
      <table className="data max-w-3xl">
        <thead>
          <tr>
            <th scope="col">Job</th>
            <th scope="col">State</th>
            <th scope="col" className="max-sm:hidden">
              Why it is there
            </th>
          </tr>
        </thead>
        <tbody>
          {jobs.map(({ id, spec, state, purpose, progress, runner }) => (
            <tr key={id}>
              <th scope="row" className="font-normal! text-ink!">
                <Link className="hover:underline" href={`/jobs/${id}`}>
                  <MethodName method={spec.method.id} />
                  {spec.sparsity > 0 && ` ${formatSparsity(spec.sparsity)} %`}, seed {spec.seed}
                </Link>{" "}
                <span className="note">
                  {modelName(spec.model)} on {datasetName(spec.dataset)}
                </span>
              </th>
              <td className="whitespace-nowrap">
                {state === "running"
                  ? `running${runner ? ` on ${runner}` : ""}${progress ? `, ${Math.floor((100 * progress.iteration) / progress.iterations)} %` : ""}`
                  : "waiting"}
              </td>
              <td className="max-sm:hidden">{purpose ? PURPOSES[purpose] : "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
