/** What was found in a series, in words: changes of level by the detector, and confirmed alerts. Newest first. */
import { detectors, metrics } from "@ticketmark/core";
import Link from "next/link";
import type { Series } from "../db/series.ts";
import { CommitLink } from "./series-table.tsx";
import { bitsName, changeText, valueText } from "./series-units.ts";

export function SeriesChanges({ series }: { series: Series }) {
  const { points, changePoints, alerts } = series;
  const metric = metrics.get(series.metric);
  const bits = points.flatMap(({ bits, numerics, commit }, i) => {
    const before = points[i - 1];
    if (!before || bits === null || before.bits === null || before.bits === bits) return [];
    return [{ commit, from: before.bits, to: bits, raised: numerics > before.numerics }];
  });
  if (points.length > 0 && changePoints.length + alerts.length + bits.length === 0)
    return <p className="text-sm text-soft">One level from the first point to the last: nothing was found.</p>;
  return (
    <ul className="space-y-1.5 text-sm">
      {alerts.toReversed().map(({ id, commit, state, own }) => (
        <li key={id}>
          <CommitLink commit={commit} />{" "}
          <Link className="link" href={`/regressions/alerts/${id}`}>
            alert, {state}
          </Link>
          {!own && <span className="text-soft">, for other series of that commit</span>}
        </li>
      ))}
      {changePoints.toReversed().map(({ commit, parent, before, after, p }) => (
        <li key={commit}>
          <CommitLink commit={commit} /> {valueText(metric, before)} → {valueText(metric, after)},{" "}
          {changeText(metric, before, after)}
          <span className="text-soft">
            {" "}
            by {detectors.get(series.detector).name}, p {p < 0.001 ? "< 0.001" : Number(p.toPrecision(2))} (
            <Link
              className="link"
              href={`/regressions/compare?base=${parent.slice(0, 12)}&head=${commit.slice(0, 12)}`}
              prefetch={false}
            >
              compare
            </Link>{" "}
            with the point before)
          </span>
        </li>
      ))}
      {bits.toReversed().map(({ commit, from, to, raised }) => (
        <li key={`${commit} bits`}>
          <CommitLink commit={commit} /> other bits: {bitsName(from)} → {bitsName(to)}
          {raised && <span className="text-soft">, intended: NUMERICS was raised with it</span>}
        </li>
      ))}
    </ul>
  );
}
