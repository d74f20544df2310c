/** The learning curves as numbers. */
import { decodeNumber, type Result } from "@ticketmark/core";
import { formatCount, formatPercent } from "./format.ts";

export function CurvesTable({ result }: { result: Pick<Result, "phases" | "curves"> }) {
  const { curves, phases } = result;
  const loss = (curve: Result["curves"]["testLoss"], i: number) =>
    i < curve.length ? decodeNumber(curve[i]!).toPrecision(4) : "–";
  const share = (curve: Result["curves"]["testAccuracy"], i: number) =>
    i < curve.length ? formatPercent(decodeNumber(curve[i]!)) : "–";
  return (
    <details className="mt-2">
      <summary className="note">The curves as a table</summary>
      <table className="data mt-1">
        <thead>
          <tr>
            <th scope="col">Phase</th>
            <th scope="col" className="number">
              Iteration
            </th>
            <th scope="col" className="number">
              Test, %
            </th>
            {curves.validationAccuracy.length > 0 && (
              <th scope="col" className="number">
                Validation, %
              </th>
            )}
            <th scope="col" className="number">
              Test loss
            </th>
            <th scope="col" className="number">
              Training loss
            </th>
          </tr>
        </thead>
        <tbody>
          {curves.iteration.map((iteration, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: entries are only ever added
            <tr key={i}>
              <th scope="row" className="font-normal!">
                {phases[curves.phase[i]!]?.name}
              </th>
              <td className="number">{formatCount(iteration)}</td>
              <td className="number">{share(curves.testAccuracy, i)}</td>
              {curves.validationAccuracy.length > 0 && (
                <td className="number">{share(curves.validationAccuracy, i)}</td>
              )}
              <td className="number">{loss(curves.testLoss, i)}</td>
              <td className="number">{loss(curves.trainLoss, i)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
