/** The newest commits of the tracked line: how much of each was measured, whether its bits changed, what was found. */

import { FINDING_ORDER } from "@ticketmark/core";
import Link from "next/link";
import type { BitsAt, LineCommit } from "../db/regressions.ts";
import type { Alert } from "../db/schema.ts";
import { CommitLink } from "./commit-link.tsx";
import { formatTime } from "./format.ts";
import { stateWord } from "./regression-state.tsx";

interface Props {
  readonly line: readonly LineCommit[];
  /** By commit. */
  readonly alerts: ReadonlyMap<string, Pick<Alert, "id" | "state" | "findings">>;
  /** Commits that are being looked into. */
  readonly suspected: ReadonlySet<string>;
}

export function LineTable({ line, alerts, suspected }: Props) {
  return (
    <table className="data">
      <thead>
        <tr>
          <th scope="col">Commit</th>
          <th scope="col" className="number">
            Runs
          </th>
          <th scope="col" className="max-sm:hidden">
            Bits
          </th>
          <th scope="col">Verdict</th>
          <th scope="col" className="max-md:hidden">
            Author
          </th>
          <th scope="col" className="number max-sm:hidden">
            Committed, UTC
          </th>
        </tr>
      </thead>
      <tbody>
        {line.map((commit) => (
          <tr key={commit.hash}>
            <th scope="row" className="font-normal! text-ink! align-baseline!">
              <CommitLink hash={commit.hash} subject={commit.subject} />
            </th>
            <td className="number" title={`${commit.measured} of the ${commit.wanted} specs of the policy`}>
              {commit.measured} of {commit.wanted}
              {commit.running > 0 && <span className="note block">{commit.running} running</span>}
              {commit.waiting > 0 && <span className="note block">{commit.waiting} waiting</span>}
            </td>
            <td className="max-sm:hidden">
              <Bits bits={commit.bits} />
            </td>
            <td>
              <Verdict commit={commit} alert={alerts.get(commit.hash)} suspected={suspected.has(commit.hash)} />
              {commit.bits.changed + commit.bits.mixed > 0 && (
                <span className="note block sm:hidden">
                  bits <Bits bits={commit.bits} />
                </span>
              )}
            </td>
            <td className="max-md:hidden">{commit.author}</td>
            <td className="number max-sm:hidden">{formatTime(commit.committedAt)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Bits({ bits: { groups, changed, intended, mixed } }: { bits: BitsAt }) {
  if (groups === 0) return <span className="text-soft">–</span>;
  if (mixed > 0) return <span className="text-bad">not one and the same</span>;
  if (changed === 0) return <span className="text-soft">same</span>;
  return (
    <span className={intended === changed ? "" : "font-semibold"}>
      changed{changed < groups && ` in ${changed} of ${groups}`}
      {intended === changed && ", intended"}
    </span>
  );
}

const KINDS = { regression: "worse", behaviour: "other bits", improvement: "better", intended: "intended" } as const;

function Verdict({
  commit,
  alert,
  suspected,
}: {
  commit: LineCommit;
  alert: Pick<Alert, "id" | "state" | "findings"> | undefined;
  suspected: boolean;
}) {
  if (alert) {
    const kind = FINDING_ORDER.find((one) => alert.findings.some((finding) => finding.kind === one))!;
    return (
      <Link className={`link ${alert.state === "open" ? "text-bad!" : ""}`} href={`/regressions/alerts/${alert.id}`}>
        {[...new Set([KINDS[kind], stateWord(alert.state)])].join(", ")}
      </Link>
    );
  }
  if (suspected) return <span>being looked into</span>;
  if (commit.measured === 0)
    return <span className="text-soft">{commit.waiting + commit.running > 0 ? "waits" : "not measured"}</span>;
  if (!commit.compared) return <span className="text-soft">nothing before it to compare with</span>;
  if (commit.bits.changed > commit.bits.intended || commit.bits.mixed > 0) return <span>to be looked into</span>;
  return <span className="text-soft">nothing found{commit.measured < commit.wanted && " so far"}</span>;
}
