import { Problem } from "@ticketmark/core";
import type { Metadata } from "next";
import Link from "next/link";
import { notFound } from "next/navigation";
import { connection } from "next/server";
import { CommitLink } from "../../../components/commit-link.tsx";
import { formatCompact, formatTime } from "../../../components/format.ts";
import { JobLive } from "../../../components/job-live.tsx";
import { jobTitle, Purpose } from "../../../components/job-title.tsx";
import { MethodMark } from "../../../components/method-mark.tsx";
import { PhasesTable } from "../../../components/phases-table.tsx";
import { publicJob } from "../../../components/public-job.ts";
import { allNames, datasetName, modelName } from "../../../components/registry-names.ts";
import { Facts, SpecList } from "../../../components/spec-list.tsx";
import { db } from "../../../db/client.ts";
import { findJob, type JobView } from "../../../db/jobs.ts";
import { onlineSeconds } from "../../../env.ts";
import { isId } from "../../../id.ts";
import { maintainerFromCookies } from "../../../session.ts";

interface Props {
  readonly params: Promise<{ readonly id: string }>;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const job = await load((await params).id);
  return { title: `Job: ${jobTitle(job, allNames())}` };
}

async function load(id: string): Promise<JobView> {
  if (!isId(id)) notFound();
  return findJob(await db(), id, onlineSeconds()).catch((fault) => {
    if (fault instanceof Problem && fault.code === "not-found") notFound();
    throw fault;
  });
}

export default async function JobPage({ params }: Props) {
  await connection();
  const job = await load((await params).id);
  const maintainer = await maintainerFromCookies();
  const names = allNames();
  return (
    <>
      <p className="note">
        <Link className="link" href="/jobs">
          Jobs
        </Link>
      </p>
      <h1 className="title mt-1 flex flex-wrap items-baseline gap-x-3">
        <span>
          <MethodMark method={job.spec.method.id} /> {jobTitle(job, names)}
        </span>
        <span className="font-sans text-base text-soft">
          {modelName(job.spec.model)} on {datasetName(job.spec.dataset)}
        </span>
      </h1>
      <JobLive first={publicJob(job)} names={names} maintainer={maintainer !== null} />
      <div className="mt-8 grid gap-x-12 gap-y-8 lg:grid-cols-2">
        <section aria-labelledby="plan">
          <h2 id="plan" className="heading mb-1">
            What it does
          </h2>
          <PhasesTable phases={job.plan.phases} last="Images" text={(phase) => formatCompact(phase.examples)} />
          <h2 className="heading mb-1 mt-8">Job</h2>
          <Facts
            rows={[
              [
                "Id",
                <code key="id" className="font-mono text-xs">
                  {job.id}
                </code>,
              ],
              ["Queued", `${formatTime(job.queuedAt)} UTC${job.createdBy ? `, by ${job.createdBy}` : ""}`],
              ["Suite", job.suite ?? "–"],
              ...(job.commit
                ? ([
                    ["Commit", <CommitLink key="commit" hash={job.commit} />],
                    ["Why it is there", <Purpose key="purpose" job={job} />],
                  ] as const)
                : []),
              ["Engine asked for", job.engine],
              ["Faults so far", String(job.attempts)],
            ]}
          />
        </section>
        <section aria-labelledby="spec">
          <h2 id="spec" className="heading mb-1">
            Spec
          </h2>
          <SpecList spec={job.spec} />
        </section>
      </div>
    </>
  );
}
