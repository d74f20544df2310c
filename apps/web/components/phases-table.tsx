/** The phases of a job or a result in their order: what each trains, and one thing more, which the caller chooses. */
import { formatCount, formatPercent } from "./format.ts";

interface Phase {
  readonly name: string;
  readonly iterations: number;
  readonly batchSize: number;
  /** Share of the prunable weights under a mask while it runs. */
  readonly sparsity: number;
}

interface Props<P extends Phase> {
  readonly phases: readonly P[];
  /** Heading of the last column, and its text. */
  readonly last: string;
  readonly text: (phase: P) => string;
}

export function PhasesTable<P extends Phase>({ phases, last, text }: Props<P>) {
  return (
    <table className="data">
      <caption className="sr-only">Phases</caption>
      <thead>
        <tr>
          <th scope="col">Phase</th>
          <th scope="col" className="number">
            Iterations
          </th>
          <th scope="col" className="number">
            Batch
          </th>
          <th scope="col" className="number max-sm:hidden">
            Masked
          </th>
          <th scope="col" className="number">
            {last}
          </th>
        </tr>
      </thead>
      <tbody>
        {phases.map((phase, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: phases may share a name, and never move
          <tr key={i}>
            <th scope="row" className="font-normal! text-ink! align-baseline!">
              <span className="mr-2 text-soft">{i + 1}</span>
              {phase.name}
            </th>
            <td className="number">{formatCount(phase.iterations)}</td>
            <td className="number">{formatCount(phase.batchSize)}</td>
            <td className="number max-sm:hidden">
              {phase.sparsity === 0 ? "–" : `${formatPercent(phase.sparsity)} %`}
            </td>
            <td className="number">{text(phase)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
