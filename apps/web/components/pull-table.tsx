/** Open pull requests: whose head may run, and a maintainer's word that lets it. */
import type { Pull } from "../db/schema.ts";
import { ApprovePull } from "./approve-pull.tsx";
import { formatTime } from "./format.ts";
import { TryButton } from "./try-button.tsx";

export function PullTable({ pulls, maintainer }: { pulls: readonly Pull[]; maintainer: boolean }) {
  return (
    <table className="data">
      <thead>
        <tr>
          <th scope="col">Pull request</th>
          <th scope="col">Head</th>
          <th scope="col">State</th>
          <th scope="col" className="number max-sm:hidden">
            Changed, UTC
          </th>
        </tr>
      </thead>
      <tbody>
        {pulls.map((pull) => (
          <tr key={pull.number}>
            <th scope="row" className="font-normal! text-ink! align-baseline!">
              {/^https?:\/\//.test(pull.url) ? (
                <a className="link" href={pull.url} rel="noreferrer nofollow">
                  #{pull.number}
                </a>
              ) : (
                `#${pull.number}`
              )}{" "}
              {pull.title}
              <span className="note block">
                by {pull.author}, into {pull.base}
              </span>
            </th>
            <td>
              <code className="font-mono text-xs" title={pull.head}>
                {pull.head.slice(0, 7)}
              </code>
            </td>
            <td>
              {stateOf(pull)}
              {maintainer && (
                <div className="mt-1">
                  {pull.approvedHead === pull.head ? (
                    <TryButton label="Try it" pull={pull.number} />
                  ) : (
                    <ApprovePull number={pull.number} head={pull.head} />
                  )}
                </div>
              )}
            </td>
            <td className="number max-sm:hidden">{formatTime(pull.updatedAt)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function stateOf({ head, approvedHead, approvedBy }: Pull): string {
  if (approvedHead === head) return `approved by ${approvedBy}`;
  if (approvedHead) return `changed since ${approvedBy} approved ${approvedHead.slice(0, 7)}`;
  return "waits for approval";
}
