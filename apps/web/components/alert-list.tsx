/** Alerts, newest first: in what state, which commit, and what of it was confirmed. */
import Link from "next/link";
import type { AlertView } from "../db/alerts.ts";
import { byWeight, describeFinding, titleOf } from "../track/messages.ts";
import { formatTime, plural } from "./format.ts";
import { RegressionState } from "./regression-state.tsx";

/** Findings that are told in the list. */
const TOLD = 3;

export function AlertList({ alerts }: { alerts: readonly AlertView[] }) {
  return (
    <ul className="divide-y divide-rule border-y border-rule">
      {alerts.map((alert) => (
        <li key={alert.id} className="py-3">
          <p className="note flex flex-wrap items-baseline gap-x-4">
            <span className="text-[0.8125rem] text-ink">
              <RegressionState state={alert.state} />
            </span>
            <time dateTime={alert.openedAt.toISOString()}>{formatTime(alert.openedAt)} UTC</time>
            {alert.subject !== null && (
              <span>
                {alert.subject}, by {alert.author}
              </span>
            )}
          </p>
          <h3 className="mt-0.5">
            <Link className="link font-medium" href={`/regressions/alerts/${alert.id}`}>
              {titleOf(alert)}
            </Link>
          </h3>
          {alert.findings.length > 1 && (
            <ul className="note mt-1 list-disc pl-4 marker:text-edge">
              {byWeight(alert.findings)
                .slice(0, TOLD)
                .map((finding) => (
                  <li key={`${finding.groupDigest} ${finding.testbed} ${finding.metric}`}>
                    {describeFinding(finding)}
                  </li>
                ))}
              {alert.findings.length > TOLD && <li>and {plural(alert.findings.length - TOLD, "other")}</li>}
            </ul>
          )}
        </li>
      ))}
    </ul>
  );
}
