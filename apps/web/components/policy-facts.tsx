/** The policy in force: what is run at each commit, which metrics are watched, and from which change on. */
import { metrics, POLICY_FILE, type Policy, specsOfPolicy } from "@ticketmark/core";
import type { Branch } from "../db/schema.ts";
import { CommitLink } from "./commit-link.tsx";
import { plural } from "./format.ts";

/** 0.005 → "0.5 %". */
const share = (x: number): string => `${Number((100 * x).toFixed(4))} %`;

export function PolicyFacts({ branch, policy }: { branch: Branch; policy: Policy }) {
  const specs = specsOfPolicy(policy).length;
  return (
    <>
      <p className="max-w-prose text-sm">
        {branch.policy ? (
          <>
            From <code className="font-mono text-xs">{POLICY_FILE}</code> at{" "}
            {branch.policyProblem === null ? (
              <CommitLink hash={branch.scannedHead ?? branch.head} />
            ) : (
              "the last commit where it could be used"
            )}
            .
          </>
        ) : (
          <>The defaults{branch.policyProblem === null && `: the repository has no ${POLICY_FILE} at its root`}.</>
        )}{" "}
        At each commit {"suite" in policy.track ? `the suite ${policy.track.suite}` : "its own list"} is run:{" "}
        {plural(specs, "spec")}, and {plural(policy.backfill, "commit")} back are filled in.
      </p>
      {branch.policyProblem !== null && (
        <p role="alert" className="mt-2 max-w-prose border-l-2 border-bad pl-3 text-sm text-bad">
          The file at the head cannot be used: {branch.policyProblem}
        </p>
      )}
      <table className="data mt-2 max-w-xl">
        <thead>
          <tr>
            <th scope="col">Metric</th>
            <th scope="col" className="number">
              Floor
            </th>
            <th scope="col" className="number">
              Spread
            </th>
            <th scope="col" className="number">
              Rounds
            </th>
          </tr>
        </thead>
        <tbody>
          {metrics.list.flatMap(({ id, name }) => {
            const rule = policy.metrics[id];
            return rule
              ? [
                  <tr key={id}>
                    <th scope="row" className="font-normal! text-ink!">
                      {name}
                    </th>
                    <td className="number">{share(rule.floor)}</td>
                    <td className="number">{rule.spread} ×</td>
                    <td className="number">{rule.rounds}</td>
                  </tr>,
                ]
              : [];
          })}
        </tbody>
      </table>
      <p className="note mt-2 max-w-prose">
        Less than the floor is never suspected, nor is what stays within so many quartile distances of the last 30
        points. A suspicion is confirmed by so many rounds of the commit and the one before it, in turns.
      </p>
    </>
  );
}
