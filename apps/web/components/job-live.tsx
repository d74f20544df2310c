"use client";
/** One job as it is now. */
import Link from "next/link";
import { useState } from "react";
import { CancelJob } from "./cancel-job.tsx";
import { Ending, tookText } from "./ended-jobs.tsx";
import { formatCount } from "./format.ts";
import { jobTitle, type Names } from "./job-title.tsx";
import type { PublicJob } from "./public-job.ts";
import { RunningJob } from "./running-job.tsx";
import { fetchJson, usePoll } from "./use-poll.ts";

export function JobLive({ first, names, maintainer }: { first: PublicJob; names: Names; maintainer: boolean }) {
  const [job, setJob] = useState(first);
  const over = job.state === "done" || job.state === "cancelled";
  const failing = usePoll(
    async (signal) => setJob(await fetchJson<PublicJob>(`/api/v1/jobs/${first.id}`, signal)),
    !over,
  );
  return (
    <>
      {failing && (
        <p role="status" className="mt-3 text-sm text-bad">
          The site does not answer: what you see may be old.
        </p>
      )}
      {job.state === "running" && <RunningJob job={job} names={names} maintainer={maintainer} titled={false} />}
      {job.state === "queued" && (
        <div className="mt-4 flex flex-wrap justify-between gap-4 border-l-2 border-accent py-1 pl-4">
          <p className="wrap-anywhere">
            <strong className="font-semibold">Queued</strong>: {job.queue?.why}.
            {job.snapshotIteration !== null &&
              ` A runner keeps a snapshot of it: it goes on from iteration ${formatCount(job.snapshotIteration)}.`}
            {job.attempts > 0 && ` It was tried ${job.attempts} times: ${job.message ?? "no message"}.`}
          </p>
          {maintainer && <CancelJob id={job.id} title={jobTitle(job, names)} stopping={false} />}
        </div>
      )}
      {job.state === "done" && job.resultId && (
        <p role="status" className="mt-4">
          <Link className="button button-main" href={`/results/${job.resultId}`}>
            See the result
          </Link>
          <span className="note ml-4">
            by {job.runner?.name ?? "a runner"}, in {tookText(job)}
          </span>
        </p>
      )}
      {(job.state === "failed" || job.state === "cancelled") && (
        <p role="status" className="mt-4 border-l-2 border-bad py-1 pl-4">
          <Ending job={job} />
        </p>
      )}
    </>
  );
}
