/** What is measured on, and by whom. Numbers of two of them are never held against each other. */
import type { TestbedRow } from "../db/regressions.ts";
import { Digest } from "./digest.tsx";
import { formatCount, formatTime, plural } from "./format.ts";
import { testbedText } from "./regression-compare.ts";
import { currentFirst } from "./testbeds-shown.ts";

/** Those that an update of a runner left behind are folded away. */
export function TestbedTable({ testbeds }: { testbeds: readonly TestbedRow[] }) {
  const { now, past } = currentFirst(testbeds);
  return (
    <>
      <Rows testbeds={now} />
      {past.length > 0 && (
        <details className="mt-2">
          <summary className="note w-fit">{plural(past.length, "testbed")} from before an update of the runner</summary>
          <Rows testbeds={past} />
        </details>
      )}
    </>
  );
}

function Rows({ testbeds }: { testbeds: readonly TestbedRow[] }) {
  return (
    <table className="data">
      <thead>
        <tr>
          <th scope="col">Testbed</th>
          <th scope="col">Runner</th>
          <th scope="col" className="number">
            Runs
          </th>
          <th scope="col" className="number max-sm:hidden">
            Latest, UTC
          </th>
        </tr>
      </thead>
      <tbody>
        {testbeds.map(({ digest, testbed, runner, runs, latest }) => (
          <tr key={`${digest} ${runner.name}`}>
            <th scope="row" className="font-normal! text-ink! align-baseline!">
              {testbedText(testbed)}
              <span className="note block">
                {testbed.os}, Node {testbed.node.replace(/^v/, "")}, {testbed.compiler} · <Digest digest={digest} />
              </span>
            </th>
            <td>
              {runner.name}
              <span className="note block">{runner.online ? "online" : "away"}</span>
            </td>
            <td className="number">{formatCount(runs)}</td>
            <td className="number max-sm:hidden">{formatTime(latest)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
