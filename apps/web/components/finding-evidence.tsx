/** One finding of an alert: in words, where it was measured, and each signed result of the two commits behind it. */
import { type Finding, metrics, seriesId, type Testbed } from "@ticketmark/core";
import Link from "next/link";
import type { PointRun } from "../db/points.ts";
import { describeFinding } from "../track/messages.ts";
import { Digest } from "./digest.tsx";
import { plural } from "./format.ts";
import { testbedText } from "./regression-compare.ts";
import { PURPOSES } from "./regression-values.ts";
import { valueText } from "./series-units.ts";

interface Props {
  readonly finding: Finding;
  /** Null where the site has no result of it any more. */
  readonly testbed: Testbed | null;
  /** Runs of the finding's group on its testbed, at the two commits. */
  readonly before: readonly PointRun[];
  readonly after: readonly PointRun[];
}

const TONES = {
  regression: "border-bad",
  behaviour: "border-bad",
  improvement: "border-accent",
  intended: "border-edge",
};

export function FindingEvidence({ finding, testbed, before, after }: Props) {
  const { kind, groupDigest, metric } = finding;
  const words = describeFinding(finding);
  const shown = metric === "behaviour" ? "accuracy" : metric; // other bits have no series of their own
  return (
    <li className={`border-l-2 pl-4 ${TONES[kind]}`}>
      <p className="max-w-prose">{`${words[0]!.toUpperCase()}${words.slice(1)}.`}</p>
      <p className="note">
        <Link className="link" href={`/regressions/series/${seriesId(groupDigest, finding.testbed, shown)}`}>
          {metric === "behaviour" ? "Series of its accuracy, with its bits" : "Its series"}
        </Link>
        {" · "}
        {testbed ? testbedText(testbed) : "testbed"} <Digest digest={finding.testbed} />
      </p>
      {before.length + after.length > 0 && (
        <details className="mt-1 text-[0.8125rem]">
          <summary className="note w-fit">{plural(before.length + after.length, "signed result")}</summary>
          <div className="mt-1 grid gap-x-8 gap-y-3 sm:grid-cols-2">
            <Runs title="Before" runs={before} metric={metric} />
            <Runs title="At the commit" runs={after} metric={metric} />
          </div>
        </details>
      )}
    </li>
  );
}

function Runs({ title, runs, metric: id }: { title: string; runs: readonly PointRun[]; metric: string }) {
  const metric = metrics.list.find((one) => one.id === id);
  return (
    <table className="data">
      <thead>
        <tr>
          <th scope="col">{title}</th>
          <th scope="col">Run</th>
          <th scope="col" className="number">
            {metric ? metric.name : "Trained net"}
          </th>
        </tr>
      </thead>
      <tbody>
        {runs.map(({ resultId, seed, purpose, values, trainedDigest, outcome }) => (
          <tr key={resultId}>
            <th scope="row">
              <Link className="link" href={`/results/${resultId}`}>
                seed {seed}
              </Link>
            </th>
            <td className="text-soft">{purpose ? PURPOSES[purpose] : "on its own"}</td>
            <td className="number">
              {metric ? (
                (values[metric.id] ?? null) === null ? (
                  "–"
                ) : (
                  valueText(metric, values[metric.id]!)
                )
              ) : trainedDigest ? (
                <Digest digest={trainedDigest} />
              ) : (
                outcome
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
