/** An alert as the public JSON and the webhook have it, in numbers and in words. */
import type { AlertView } from "../db/alerts.ts";
import { describeFinding, isLocated, titleOf } from "./messages.ts";

/** Path of an alert's page. */
export const alertPath = (id: string): string => `/regressions/alerts/${id}`;

export function publicAlert(alert: AlertView) {
  const { id, commit, parent, state, subject, author, committedAt, openedAt, updatedAt } = alert;
  return {
    ...{ id, commit, parent },
    /** False: it came somewhere between `parent` and `commit`. */
    located: isLocated(alert),
    state,
    title: titleOf(alert),
    ...{ subject, author, committedAt, openedAt, updatedAt },
    findings: alert.findings.map((finding) => ({ ...finding, text: describeFinding(finding) })),
    links: { self: `/api/v1/alerts/${id}`, page: alertPath(id) },
  };
}
