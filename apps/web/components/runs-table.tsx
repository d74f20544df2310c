/** Every run of a group, those that do not count too: each leads to its result page. */
import Link from "next/link";
import { formatPercent, formatTime } from "./format.ts";
import type { Run } from "./leaderboard-groups.ts";
import { LevelBadge } from "./level-badge.tsx";

export function RunsTable({ runs, counted }: { runs: readonly Run[]; counted: readonly Run[] }) {
  return (
    <table className="data">
      <caption className="sr-only">Runs</caption>
      <thead>
        <tr>
          <th scope="col">Seed</th>
          <th scope="col" className="number">
            Accuracy, %
          </th>
          <th scope="col" className="number max-sm:hidden">
            After the cut, %
          </th>
          <th scope="col">Trust</th>
          <th scope="col" className="max-sm:hidden">
            Runner
          </th>
          <th scope="col" className="number max-sm:hidden">
            Received, UTC
          </th>
        </tr>
      </thead>
      <tbody>
        {runs.map((run) => (
          <tr key={run.id}>
            <th scope="row">
              <Link className="link" href={`/results/${run.id}`}>
                seed {run.spec.seed}
              </Link>
            </th>
            <td className="number">
              {run.accuracy === null ? <span className="text-bad">{run.outcome}</span> : formatPercent(run.accuracy)}
            </td>
            <td className="number max-sm:hidden">{run.afterCut === null ? "–" : formatPercent(run.afterCut)}</td>
            <td>
              {run.refuted ? <span className="text-bad">not confirmed</span> : <LevelBadge level={run.level} />}
              {run.outcome === "completed" && !run.refuted && !counted.includes(run) && (
                <span className="note"> repeat, not in the mean</span>
              )}
            </td>
            <td className="max-sm:hidden">{run.runner}</td>
            <td className="number max-sm:hidden">{formatTime(run.receivedAt)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
