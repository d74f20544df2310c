import { repositoryName } from "@ticketmark/core";
import type { Metadata } from "next";
import Link from "next/link";
import { connection } from "next/server";
import { AddRunner } from "../../components/add-runner.tsx";
import { CommitLink } from "../../components/commit-link.tsx";
import { Digest } from "../../components/digest.tsx";
import { DrainRunner } from "../../components/drain-runner.tsx";
import { Empty } from "../../components/empty.tsx";
import { formatCount, formatSparsity, formatTime } from "../../components/format.ts";
import { MethodName } from "../../components/method-name.tsx";
import { RefreshOnChange } from "../../components/refresh-on-change.tsx";
import { datasetName, modelName } from "../../components/registry-names.ts";
import { PURPOSES } from "../../components/regression-values.ts";
import { rowVersion } from "../../components/row-version.ts";
import { siteAddress } from "../../components/site-address.ts";
import { TrustRunner } from "../../components/trust-runner.tsx";
import { db } from "../../db/client.ts";
import { listRunners, type RunnerRow } from "../../db/pages.ts";
import { env } from "../../env.ts";
import { maintainerFromCookies } from "../../session.ts";

export const metadata: Metadata = {
  title: "Runners",
  description: "Who runs the jobs, on what, and what they do now.",
};

export default async function RunnersPage() {
  await connection();
  const { repository, branches } = env();
  const [runners, maintainer, site] = await Promise.all([
    listRunners(await db()),
    maintainerFromCookies(),
    siteAddress(),
  ]);
  return (
    <>
      <h1 className="title">Runners</h1>
      <p className="mt-1.5 max-w-prose text-soft">
        Runners are programs on people’s own machines. They ask this site for jobs, run them, and sign what came out
        with a key that never leaves them.
      </p>
      {runners.length === 0 ? (
        <Empty title="No runner yet">
          <p>Jobs wait until there is one. The steps below add the machine you sit at.</p>
        </Empty>
      ) : (
        <Table runners={runners} maintainer={maintainer !== null} repository={repository} />
      )}
      <RefreshOnChange
        url="/api/v1/jobs?state=running&limit=50"
        version={rowVersion(runners.flatMap(({ job }) => job ?? []))}
      />
      <AddRunner site={site} maintainer={maintainer !== null} repository={repository} branches={branches} />
    </>
  );
}

interface Shown {
  readonly runners: readonly RunnerRow[];
  readonly maintainer: boolean;
  /** The one this site follows; null = none. */
  readonly repository: string | null;
}

function Table({ runners, maintainer, repository }: Shown) {
  return (
    <table className="data mt-6">
      <thead>
        <tr>
          <th scope="col">Runner</th>
          <th scope="col">State</th>
          <th scope="col">Runs now</th>
          <th scope="col" className="max-md:hidden">
            Engines, device
          </th>
          <th scope="col" className="number">
            Results
          </th>
          <th scope="col" className="max-sm:hidden">
            Key
          </th>
          <th scope="col" className="number max-sm:hidden">
            Last seen, UTC
          </th>
        </tr>
      </thead>
      <tbody>
        {runners.map((runner) => (
          <tr key={runner.id}>
            <th scope="row" className="font-medium! text-ink! align-baseline!">
              {runner.name}
              <Tracks runner={runner} repository={repository} />
              {maintainer && repository !== null && !runner.revokedAt && (
                <TrustRunner id={runner.id} name={runner.name} trusted={runner.trusted} />
              )}
            </th>
            <td className="whitespace-nowrap">
              <State runner={runner} />
              {maintainer && !runner.revokedAt && (
                <DrainRunner id={runner.id} name={runner.name} draining={runner.command === "drain"} />
              )}
            </td>
            <td>
              <RunsNow job={runner.job} />
            </td>
            <td className="max-md:hidden">
              {runner.engines.join(", ") || "not known yet"}
              <span className="note block">
                {runner.environment.cpu}, {runner.environment.cores} cores, {runner.environment.os}
              </span>
            </td>
            <td className="number">{formatCount(runner.results)}</td>
            <td className="max-sm:hidden">
              <Digest digest={runner.keyId} />
            </td>
            <td className="number max-sm:hidden">{formatTime(runner.lastSeenAt)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function RunsNow({ job }: Pick<RunnerRow, "job">) {
  if (!job) return <span className="text-soft">–</span>;
  const { id, spec, commit, purpose } = job;
  return (
    <>
      <Link className="hover:underline" href={`/jobs/${id}`}>
        <MethodName method={spec.method.id} />
        {spec.sparsity > 0 && ` ${formatSparsity(spec.sparsity)} %`}, seed {spec.seed}
      </Link>
      <span className="note block">
        {modelName(spec.model)} on {datasetName(spec.dataset)}
        {commit && (
          <>
            , at <CommitLink hash={commit} />
            {purpose && `, ${PURPOSES[purpose]}`}
          </>
        )}
      </span>
    </>
  );
}

/** Whose commits it runs, as it said in its last claim, and whether it is believed about them. */
function Tracks({ runner: { tracks, trusted }, repository }: { runner: RunnerRow; repository: string | null }) {
  if (repository === null && !tracks) return null;
  const same =
    tracks !== null && repository !== null && repositoryName(tracks.repository) === repositoryName(repository);
  return (
    <span className="note block max-w-72 break-words font-normal">
      {!tracks
        ? "runs its own code only"
        : same
          ? `runs commits of this site’s repository${tracks.pulls ? ", pull requests’ too" : ""}`
          : `runs commits of ${tracks.repository}`}
      {tracks && !same && (
        <strong className="font-semibold">
          {repository === null ? ", and this site follows none" : `; this site follows ${repository}`}
        </strong>
      )}
      {trusted ? "; trusted" : repository !== null && "; not trusted"}
    </span>
  );
}

/** A filled or an open dot, and the word: not colour alone. */
function State({ runner: { online, revokedAt, command } }: { runner: RunnerRow }) {
  return (
    <span className="inline-flex items-center gap-1.5">
      <svg viewBox="0 0 8 8" className="size-2" aria-hidden="true">
        <circle
          cx={4}
          cy={4}
          r={3}
          fill={online ? "var(--color-accent)" : "none"}
          stroke={online ? "var(--color-accent)" : "var(--color-edge)"}
          strokeWidth={1.4}
        />
      </svg>
      {revokedAt ? <span className="text-bad">key revoked</span> : online ? "online" : "away"}
      {!revokedAt && command === "drain" && ", draining"}
    </span>
  );
}
