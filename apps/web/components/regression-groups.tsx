/** What groups came to on one testbed, beside the commit they are held against: a table, group by group, metric by metric. */
import { metrics } from "@ticketmark/core";
import Link from "next/link";
import type { PointRun } from "../db/points.ts";
import { CommitLink } from "./commit-link.tsx";
import { plural } from "./format.ts";
import { MethodMark } from "./method-mark.tsx";
import { bySize, type ComparedGroup, type ComparedRow, isChangedRow } from "./regression-compare.ts";
import { bitsText, PURPOSES, verdictText } from "./regression-values.ts";
import { changeText, valueText } from "./series-units.ts";

interface Props {
  readonly groups: readonly ComparedGroup[];
  /** Headings of the two sides. */
  readonly before: string;
  readonly after: string;
  /** Show which commit each group is held against: it need not be the same one. */
  readonly named: boolean;
  /** "list": the metrics' own order; "size": what changed most first. */
  readonly order: "list" | "size";
  /** Leave out what did not change. */
  readonly changedOnly: boolean;
}

export function RegressionGroups({ groups, before, after, named, order, changedOnly }: Props) {
  return (
    <table className="data">
      <thead>
        <tr>
          <th scope="col">Metric</th>
          <th scope="col" className="number max-sm:hidden">
            {before}
          </th>
          <th scope="col" className="number">
            {after}
          </th>
          <th scope="col" className="number">
            Change
          </th>
          <th scope="col" className="sm:w-36">
            Verdict
          </th>
        </tr>
      </thead>
      {groups.map((group) => {
        const listed = changedOnly ? group.metrics.filter(isChangedRow) : group.metrics;
        const rows = order === "size" ? listed.toSorted(bySize) : listed;
        return (
          <tbody key={group.groupDigest}>
            <tr className="border-b-0!">
              <th scope="colgroup" colSpan={5} className="pt-4! font-normal! text-ink!">
                <GroupHead group={group} named={named} />
              </th>
            </tr>
            {rows.map((row) => (
              <Row key={row.metric} row={row} />
            ))}
          </tbody>
        );
      })}
    </table>
  );
}

function GroupHead({ group, named }: { group: ComparedGroup; named: boolean }) {
  const { bits, base, first, runs, baseRuns } = group;
  const other = bits !== null && bits.state !== "same" && bits.state !== null;
  return (
    <>
      <strong className="font-semibold">
        <MethodMark method={runs[0]!.spec.method.id} /> {group.name}
      </strong>
      <span className="note block">
        {bits && <span className={other && bits.state !== "intended" ? "text-bad" : ""}>{bitsText(bits, first)}</span>}
        {named && base && (
          <>
            {bits ? ", held against " : "held against "}
            <CommitLink hash={base} />
          </>
        )}
        {named && !base && "no commit before it was run here"}
      </span>
      <Runs runs={runs} baseRuns={baseRuns} />
    </>
  );
}

/** Each signed result behind the figures. */
function Runs({ runs, baseRuns }: { runs: readonly PointRun[]; baseRuns: readonly PointRun[] }) {
  return (
    <details className="note">
      <summary className="w-fit">
        {plural(runs.length, "run")}
        {baseRuns.length > 0 && `, ${baseRuns.length} before`}
      </summary>
      <RunList label="At this commit" runs={runs} />
      {baseRuns.length > 0 && <RunList label="Before" runs={baseRuns} />}
    </details>
  );
}

function RunList({ label, runs }: { label: string; runs: readonly PointRun[] }) {
  return (
    <p className="mt-0.5">
      {label}:{" "}
      {runs.map(({ resultId, seed, purpose, outcome }, i) => (
        <span key={resultId}>
          {i > 0 && ", "}
          <Link className="link" href={`/results/${resultId}`} title={purpose ? PURPOSES[purpose] : undefined}>
            seed {seed}
          </Link>
          {outcome !== "completed" && ` (${outcome})`}
        </span>
      ))}
    </p>
  );
}

function Row({ row: { metric: id, series, level, compared } }: { row: ComparedRow }) {
  const metric = metrics.get(id);
  const verdict = compared?.verdict ?? "none";
  const tone = verdict === "regression" ? "text-bad" : verdict === "improvement" ? "text-accent" : "text-soft";
  return (
    <tr>
      <th scope="row" className="pl-4! font-normal! align-baseline!">
        <Link className="text-ink hover:underline" href={`/regressions/series/${series}`}>
          {metric.name}
        </Link>
      </th>
      <td className="number max-sm:hidden">{compared ? valueText(metric, compared.before) : "–"}</td>
      <td className="number">{valueText(metric, compared?.after ?? level)}</td>
      <td className={`number ${verdict === "none" ? "" : `font-semibold ${tone}`}`}>
        {compared ? changeText(metric, compared.before, compared.after) : ""}
      </td>
      <td className={`whitespace-nowrap max-sm:whitespace-normal ${tone}`}>{compared ? verdictText(compared) : ""}</td>
    </tr>
  );
}
