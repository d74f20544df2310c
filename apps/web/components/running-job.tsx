/** A job that is being run: where it is, how fast, how well so far, and until when. Client-safe. */
import { CancelJob } from "./cancel-job.tsx";
import { formatCount, formatDuration, formatNumber, formatPercent } from "./format.ts";
import { JobTitle, jobTitle, type Names } from "./job-title.tsx";
import { ProgressBar } from "./progress-bar.tsx";
import { type PublicJob, plannedIterations, secondsLeft } from "./public-job.ts";

interface Props {
  readonly job: PublicJob;
  readonly names: Names;
  readonly maintainer: boolean;
  /** False on the job's own page, whose heading says it. */
  readonly titled: boolean;
}

export function RunningJob({ job, names, maintainer, titled }: Props) {
  const { progress } = job;
  const total = plannedIterations(job);
  const left = secondsLeft(progress);
  const rate = progress && progress.iterationsPerSecond > 0 ? progress.iterationsPerSecond : null;
  const phases = job.plan.phases.length;
  const facts: [string, string][] = [
    ["Phase", progress ? `${progress.phaseName} (${Math.min(progress.phase + 1, phases)} of ${phases})` : "starting"],
    ["Iteration", `${formatCount(progress?.iteration ?? 0)} of ${formatCount(total)}`],
    ["Speed", rate ? `${rate < 10 ? formatNumber(rate) : formatCount(rate)} it/s` : "–"],
    ["Loss", progress?.loss === null || !progress ? "–" : progress.loss.toFixed(4)],
    ["Accuracy", progress?.accuracy === null || !progress ? "–" : `${formatPercent(progress.accuracy)} %`],
    ["Left", left === null ? "–" : `about ${formatDuration(Math.ceil(left))}`],
    ["Runner", job.runner?.name ?? "–"],
  ];
  return (
    <article className="border-b border-rule py-4">
      <div className="flex flex-wrap items-baseline justify-between gap-x-6 gap-y-1">
        {titled ? <JobTitle job={job} names={names} /> : <strong className="font-semibold">Running</strong>}
        {maintainer && <CancelJob id={job.id} title={jobTitle(job, names)} stopping={job.command === "cancel"} />}
      </div>
      <div className="mt-2.5">
        <ProgressBar job={job} label={`Progress of ${jobTitle(job, names)}`} />
      </div>
      <dl className="mt-2.5 grid grid-cols-2 gap-x-6 gap-y-1.5 text-[0.8125rem] tabular-nums sm:grid-cols-4 lg:flex lg:justify-between">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt className="text-2xs text-soft">{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </article>
  );
}
