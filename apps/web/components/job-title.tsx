/** A job in a line: what is trained, by which method, at which sparsity. Client-safe: names come from the server. */
import Link from "next/link";
import { CommitLink } from "./commit-link.tsx";
import { formatSparsity } from "./format.ts";
import { MethodMark } from "./method-mark.tsx";
import type { PublicJob } from "./public-job.ts";
import { PURPOSES } from "./regression-values.ts";

/** Display names by id: the registries stay on the server. */
export type Names = Readonly<Record<string, string>>;

export const jobTitle = ({ spec }: Pick<PublicJob, "spec">, names: Names): string =>
  `${names[spec.method.id] ?? spec.method.id}${spec.sparsity > 0 ? ` ${formatSparsity(spec.sparsity)} %` : ""}, seed ${spec.seed}`;

export function JobTitle({ job, names }: { job: PublicJob; names: Names }) {
  const { spec } = job;
  return (
    <span>
      <Link href={`/jobs/${job.id}`} className="font-medium hover:underline">
        <MethodMark method={spec.method.id} /> {jobTitle(job, names)}
      </Link>{" "}
      <span className="note whitespace-nowrap">
        {names[spec.model] ?? spec.model} on {names[spec.dataset] ?? spec.dataset}
      </span>
      {job.commit && (
        <span className="note block">
          at <CommitLink hash={job.commit} />, <Purpose job={job} />
        </span>
      )}
    </span>
  );
}

/** Why a job of the tracking is there, and what for. */
export function Purpose({
  job: { purpose, investigationId, pull },
}: {
  job: Pick<PublicJob, "purpose" | "investigationId" | "pull">;
}) {
  const words = `${purpose ? PURPOSES[purpose] : "–"}${pull === null ? "" : `, pull request ${pull}`}`;
  if (!investigationId) return words;
  return (
    <Link className="link" href={`/regressions/tries/${investigationId}`}>
      {words}
    </Link>
  );
}
