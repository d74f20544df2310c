/** A suite's rows by seed: the accuracy of what is done, the state of everything else, and the mean of a row. */
import { type SuiteStatus, summarise } from "@ticketmark/core";
import { group as groupBy } from "d3-array";
import Link from "next/link";
import { formatPercent } from "./format.ts";
import { MethodMark } from "./method-mark.tsx";
import { stateName } from "./suite-counts.tsx";
import { percentDone } from "./suite-version.ts";
import { summaryText } from "./summary-text.ts";

type SuiteSpec = SuiteStatus["specs"][number];

export function SuiteTable({ specs }: Pick<SuiteStatus, "specs">) {
  const seeds = [...new Set(specs.map(({ seed }) => seed))].sort((a, b) => a - b);
  return (
    <div className="overflow-x-auto">
      <table className="data">
        <caption className="sr-only">Accuracy in percent, or state, by seed</caption>
        <thead>
          <tr>
            <th scope="col">Row</th>
            {seeds.map((seed) => (
              <th key={seed} scope="col" className="number">
                Seed {seed}
              </th>
            ))}
            <th scope="col" className="number">
              Mean
            </th>
          </tr>
        </thead>
        <tbody>
          {[...groupBy(specs, ({ groupDigest }) => groupDigest).values()].map((row) => (
            <tr key={row[0]!.groupDigest}>
              <th scope="row" className="min-w-40 text-left font-normal!">
                <MethodMark method={row[0]!.method.id} /> {row[0]!.name}
              </th>
              {seeds.map((seed) => (
                <td key={seed} className="number whitespace-nowrap">
                  <Cell spec={row.find((spec) => spec.seed === seed)} />
                </td>
              ))}
              <td className="number whitespace-nowrap">{meanText(row)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function meanText(row: readonly SuiteSpec[]): string {
  const values = row.map(({ accuracy }) => accuracy).filter((accuracy) => accuracy !== null);
  return values.length === 0 ? "" : summaryText(summarise(values));
}

function Cell({ spec }: { spec: SuiteSpec | undefined }) {
  if (!spec) return null;
  const { state, jobId, resultId, outcome, accuracy, message } = spec;
  if (state === "missing") return <span className="text-soft">{stateName(state)}</span>;
  const percent = percentDone(spec);
  const share = percent && ` ${percent} %`;
  const words = accuracy !== null ? formatPercent(accuracy) : state === "done" ? outcome : stateName(state) + share;
  const bad = state === "failed" || (state === "done" && accuracy === null);
  return (
    <Link
      className={`hover:underline ${bad ? "text-bad" : accuracy === null ? "text-soft" : ""}`}
      href={resultId ? `/results/${resultId}` : `/jobs/${jobId}`}
      title={message ?? undefined}
    >
      {words}
    </Link>
  );
}
