/**
 * Who is to hear of an alert or of a try that ended: one message for each place that this site's environment names, put
 * into the outbox. Call it in the transaction of what is told, and `wakeNotifier` after it.
 */
import type { AlertView } from "../db/alerts.ts";
import type { Db } from "../db/client.ts";
import { addDelivery, lastRevision } from "../db/deliveries.ts";
import { findInvestigation } from "../db/investigations.ts";
import { env } from "../env.ts";
import { githubOf } from "./github.ts";
import { checkOfAlert, checkOfTry, commentOfTry } from "./github-text.ts";
import { titleOf } from "./messages.ts";
import { alertPath, publicAlert } from "./public-alert.ts";

/** Tells of an alert as it is now. Its row is locked by the caller. */
export async function announceAlert(db: Db, alert: AlertView): Promise<void> {
  const url = absolute(alertPath(alert.id));
  const about = `alert/${alert.id}`;
  const revision = (await lastRevision(db, about)) + 1;
  if (env().alerts) {
    const body = { type: "alert", alert: publicAlert(alert), text: `${titleOf(alert)}.`, url };
    await addDelivery(db, { target: "webhook", about, revision, body });
  }
  if (githubOf(env()))
    await addDelivery(db, { target: "github-check", about, revision, body: checkOfAlert(alert, url) });
}

/**
 * Tells a pull request what its try came to: a check at its head, and the one comment. To be called when that is stored;
 * does nothing for a try that is no pull request's.
 */
export async function onTryFinished(db: Db, id: string): Promise<void> {
  const investigation = await findInvestigation(db, id);
  const pull = investigation?.pull ?? null;
  if (!investigation || pull === null || !githubOf(env())) return;
  const url = absolute(`/regressions/tries/${id}`);
  const check = checkOfTry(investigation, url);
  await addDelivery(db, { target: "github-check", about: `try/${id}`, revision: 1, body: check });
  const comment = commentOfTry(investigation, pull, url);
  await addDelivery(db, { target: "github-comment", about: `pull/${pull}`, revision: id, body: comment });
}

/** Null where this site was not told its own address. */
const absolute = (path: string): string | null => {
  const { origin } = env();
  return origin === null ? null : `${origin}${path}`;
};
