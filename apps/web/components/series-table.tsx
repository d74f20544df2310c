/** The figure as a table, newest first: the same points, and the runs behind each. */
import { metrics } from "@ticketmark/core";
import Link from "next/link";
import type { Series, SeriesPoint } from "../db/series.ts";
import { formatCount, formatTime } from "./format.ts";
import { bitsName, changeText, valueText } from "./series-units.ts";

/** A page that stays light; the files have all of them. */
const MOST_ROWS = 200;

export function SeriesTable({ series }: { series: Series }) {
  const { points } = series;
  const metric = metrics.get(series.metric);
  const hasBits = points.some(({ bits }) => bits !== null);
  const shown = points.map((_, i) => points.length - 1 - i).slice(0, MOST_ROWS);
  const changes = new Map(series.changePoints.map((change) => [change.index, change]));
  const alerts = new Map(series.alerts.map((alert) => [alert.index, alert]));
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section tabIndex={0} aria-label="Points, as a table" className="max-h-[34rem] overflow-auto">
        <table className="data">
          <caption className="sr-only">{`${metric.name}, ${series.name}, by commit, newest first`}</caption>
          <thead className="sticky top-0 bg-paper">
            <tr>
              <th scope="col">Commit</th>
              <th scope="col">Committed, UTC</th>
              <th scope="col" className="number">
                {metric.name}
              </th>
              <th scope="col" className="number">
                To the point before
              </th>
              <th scope="col" className="number">
                Quartiles of the runs
              </th>
              {hasBits && <th scope="col">Bits</th>}
              <th scope="col">Runs, by seed</th>
              <th scope="col">Found</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((i) => {
              const [point, before] = [points[i]!, points[i - 1]];
              const { step, missing } = point;
              const alert = alerts.get(i);
              return (
                <tr key={point.commit}>
                  <td className="min-w-56">
                    <CommitLink {...point} /> <span className="text-soft">{point.subject}</span>
                    {point.skipped > 0 && (
                      <span className="note block">
                        {formatCount(point.skipped)} unmeasured between it and the point below
                      </span>
                    )}
                  </td>
                  <td className="whitespace-nowrap">{formatTime(point.committedAt)}</td>
                  <td className="number">
                    {valueText(metric, point.value)}
                    {missing.length > 0 && <span className="note block">without seed {missing.join(", ")}</span>}
                  </td>
                  <td className="number text-soft">{step ? changeText(metric, step.before, step.after) : "–"}</td>
                  <td className="number text-soft">
                    {point.low === null || point.high === null
                      ? "–"
                      : `${valueText(metric, point.low)} … ${valueText(metric, point.high)}`}
                  </td>
                  {hasBits && <td>{bitsCell(point, before)}</td>}
                  <td>
                    <Runs runs={point.runs} value={(value) => valueText(metric, value)} />
                  </td>
                  <td>
                    {changes.has(i) && <span className="block whitespace-nowrap">new level</span>}
                    {alert && (
                      <Link
                        className="link whitespace-nowrap"
                        href={`/regressions/alerts/${alert.id}`}
                        prefetch={false}
                      >
                        alert, {alert.state}
                      </Link>
                    )}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </section>
      {points.length > MOST_ROWS && (
        <p className="note mt-2">
          The newest {formatCount(MOST_ROWS)} of {formatCount(points.length)} points; the files below have all of them.
        </p>
      )}
    </>
  );
}

export const CommitLink = ({ commit }: { commit: string }) => (
  <Link className="link font-mono text-xs" href={`/regressions/commits/${commit}`} prefetch={false}>
    {commit.slice(0, 10)}
  </Link>
);

const bitsCell = ({ bits }: SeriesPoint, before: SeriesPoint | undefined) =>
  bits === null ? (
    "–"
  ) : before && before.bits !== bits ? (
    <strong className="font-semibold">{bitsName(bits)}, other</strong>
  ) : (
    bitsName(bits)
  );

function Runs({ runs, value }: Pick<SeriesPoint, "runs"> & { value: (value: number) => string }) {
  return (
    <span className="flex max-w-44 flex-wrap gap-x-1.5">
      {runs.map(({ resultId, seed, value: measured, purpose }) => (
        <a
          key={resultId}
          className="link"
          href={`/results/${resultId}`}
          title={`${value(measured)}${purpose ? `, run to ${PURPOSES[purpose]}` : ""}`}
          aria-label={`seed ${seed}: ${value(measured)}${purpose ? `, run to ${PURPOSES[purpose]}` : ""}`}
        >
          {seed}
        </a>
      ))}
    </span>
  );
}

const PURPOSES = {
  track: "follow the branch",
  backfill: "fill in the past",
  confirm: "confirm a suspicion",
  bisect: "find a commit",
  try: "try a commit",
} as const;
