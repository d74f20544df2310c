/** How far a job is, its phases side by side as long as they take: the part done is filled, the final training is darker. */
import type { PublicJob } from "./public-job.ts";
import { plannedIterations } from "./public-job.ts";

const WIDTH = 1000;

export function ProgressBar({ job, label }: { job: Pick<PublicJob, "plan" | "progress">; label: string }) {
  const total = Math.max(plannedIterations(job), 1);
  const done = Math.min(job.progress?.iteration ?? 0, total);
  let before = 0;
  const spans = job.plan.phases.map(({ name, part, iterations }) => {
    const from = before;
    before += iterations;
    return { name, part, from, to: before };
  });
  const x = (iteration: number) => (iteration / total) * WIDTH;
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.floor((100 * done) / total)}
    >
      <svg viewBox={`0 0 ${WIDTH} 10`} preserveAspectRatio="none" className="block h-2.5 w-full" aria-hidden="true">
        {spans.map((span) => (
          <g key={span.from}>
            <title>{span.name}</title>
            <rect x={x(span.from)} width={x(span.to) - x(span.from)} height={10} fill="var(--color-shade)" />
            <rect
              x={x(span.from)}
              width={Math.max(0, x(Math.min(done, span.to)) - x(span.from))}
              height={10}
              fill="var(--color-accent)"
              fillOpacity={span.part === "final" ? 1 : 0.62}
            />
            {span.from > 0 && <rect x={x(span.from) - 1} width={2} height={10} fill="var(--color-paper)" />}
          </g>
        ))}
      </svg>
    </div>
  );
}
