/** Jobs that are over, with what became of them. Client-safe. */
import Link from "next/link";
import { formatDuration, formatTime } from "./format.ts";
import { JobTitle, type Names } from "./job-title.tsx";
import type { PublicJob } from "./public-job.ts";

export function EndedJobs({ jobs, names }: { jobs: readonly PublicJob[]; names: Names }) {
  return (
    <table className="data mt-1">
      <thead>
        <tr>
          <th scope="col">Job</th>
          <th scope="col">End</th>
          <th scope="col" className="max-sm:hidden">
            Runner
          </th>
          <th scope="col" className="number max-sm:hidden">
            Took
          </th>
          <th scope="col" className="number max-sm:hidden">
            Ended, UTC
          </th>
        </tr>
      </thead>
      <tbody>
        {jobs.map((job) => (
          <tr key={job.id}>
            <th scope="row" className="font-normal! text-ink! align-baseline!">
              <JobTitle job={job} names={names} />
            </th>
            <td>
              <Ending job={job} />
            </td>
            <td className="max-sm:hidden">{job.runner?.name ?? "–"}</td>
            <td className="number max-sm:hidden">{tookText(job)}</td>
            <td className="number max-sm:hidden">{job.finishedAt ? formatTime(new Date(job.finishedAt)) : "–"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** From the first claim to the end, waiting for another runner included. */
export function tookText({ startedAt, finishedAt }: Pick<PublicJob, "startedAt" | "finishedAt">): string {
  if (!startedAt || !finishedAt) return "–";
  return formatDuration((new Date(finishedAt).getTime() - new Date(startedAt).getTime()) / 1000);
}

export function Ending({ job }: { job: PublicJob }) {
  if (job.state === "done" && job.resultId)
    return (
      <>
        <Link className="link" href={`/results/${job.resultId}`}>
          result
        </Link>
        {job.message && <span className="wrap-anywhere text-bad"> {job.message}</span>}
      </>
    );
  return (
    <span className={`wrap-anywhere ${job.state === "failed" ? "text-bad" : "text-soft"}`}>
      {job.message?.startsWith(job.state) ? job.message : [job.state, job.message].filter(Boolean).join(": ")}
    </span>
  );
}
