"use client";
/** The queue as it is now: drawn by the server first, then kept up to date. */
import { useState } from "react";
import { CancelJob } from "./cancel-job.tsx";
import { Empty } from "./empty.tsx";
import { EndedJobs } from "./ended-jobs.tsx";
import { formatCompact, formatCount, plural } from "./format.ts";
import { arrange, type Lists, SHOWN } from "./job-lists.ts";
import { JobTitle, jobTitle, type Names } from "./job-title.tsx";
import { type PublicJob, plannedIterations } from "./public-job.ts";
import { RunningJob } from "./running-job.tsx";
import { fetchJson, usePoll } from "./use-poll.ts";

const list = async (state: string, limit: number, signal: AbortSignal) =>
  (await fetchJson<{ jobs: PublicJob[] }>(`/api/v1/jobs?state=${state}&limit=${limit}`, signal)).jobs;

async function fetchLists(signal: AbortSignal): Promise<Lists> {
  const [running, queued, ...ended] = await Promise.all([
    list("running", SHOWN.running, signal),
    list("queued", SHOWN.queued, signal),
    list("done", SHOWN.ended, signal),
    list("failed", SHOWN.ended, signal),
    list("cancelled", SHOWN.ended, signal),
  ]);
  return arrange(running!, queued!, ended.flat());
}

export function JobsLive({ first, names, maintainer }: { first: Lists; names: Names; maintainer: boolean }) {
  const [lists, setLists] = useState(first);
  const failing = usePoll(async (signal) => setLists(await fetchLists(signal)));
  const { running, queued, ended } = lists;
  return (
    <>
      {failing && (
        <p role="status" className="mt-3 border-l-2 border-bad pl-3 text-sm text-bad">
          The site does not answer: what you see may be old. It is asked again every few seconds.
        </p>
      )}
      {running.length + queued.length + ended.length === 0 && (
        <Empty title="Nothing has been queued">
          <p>
            <a className="link" href="/submit">
              Submit a job
            </a>
            , and it stands here until a runner takes it.
          </p>
        </Empty>
      )}
      <section aria-labelledby="running" className="mt-6">
        <h2 id="running" className="heading">
          Running <Count n={running.length} />
        </h2>
        {running.length === 0 && <p className="note mt-1">No job is being run.</p>}
        {running.map((job) => (
          <RunningJob key={job.id} job={job} names={names} maintainer={maintainer} titled />
        ))}
      </section>
      <section aria-labelledby="queued" className="mt-8">
        <h2 id="queued" className="heading">
          Queued <Count n={queued.length} />
        </h2>
        {queued.length === 0 ? (
          <p className="note mt-1">No job waits.</p>
        ) : (
          <Queue queued={queued} names={names} maintainer={maintainer} />
        )}
      </section>
      <section aria-labelledby="ended" className="mt-8">
        <h2 id="ended" className="heading">
          Ended lately
        </h2>
        {ended.length === 0 ? <p className="note mt-1">None yet.</p> : <EndedJobs jobs={ended} names={names} />}
      </section>
    </>
  );
}

const Count = ({ n }: { n: number }) => <span className="note tabular-nums">{formatCount(n)}</span>;

function Queue({ queued, names, maintainer }: { queued: readonly PublicJob[]; names: Names; maintainer: boolean }) {
  return (
    <table className="data mt-1">
      <thead>
        <tr>
          <th scope="col" className="number w-10">
            #
          </th>
          <th scope="col">Job</th>
          <th scope="col" className="max-sm:hidden">
            Why it waits
          </th>
          <th scope="col" className="number max-sm:hidden">
            Iterations
          </th>
          <th scope="col" className="number max-sm:hidden">
            Images
          </th>
          {maintainer && <th scope="col" className="number" aria-label="Cancel" />}
        </tr>
      </thead>
      <tbody>
        {queued.map((job) => (
          <tr key={job.id}>
            <td className="number text-soft">{(job.queue?.ahead ?? 0) + 1}</td>
            <th scope="row" className="font-normal! text-ink! align-baseline!">
              <JobTitle job={job} names={names} />
              <span className="note wrap-anywhere block sm:hidden">{waiting(job)}</span>
            </th>
            <td className="wrap-anywhere text-soft max-sm:hidden">{waiting(job)}</td>
            <td className="number max-sm:hidden">{formatCount(plannedIterations(job))}</td>
            <td className="number max-sm:hidden">{formatCompact(job.plan.methodExamples + job.plan.finalExamples)}</td>
            {maintainer && (
              <td className="number">
                <CancelJob id={job.id} title={jobTitle(job, names)} stopping={false} />
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function waiting({ queue, attempts, message, snapshotIteration }: PublicJob): string {
  const more = [
    attempts > 0 && `after ${plural(attempts, "fault")}: ${message ?? "no message"}`,
    snapshotIteration !== null && `goes on from iteration ${formatCount(snapshotIteration)}`,
  ].filter(Boolean);
  return `${queue?.why ?? ""}${more.length > 0 ? ` (${more.join("; ")})` : ""}`;
}
