/**
 * Sends what waits in the outbox, one message after the other, beside the requests. The queue is the database's, so nothing
 * is lost when the site stops.
 */
import { createHmac } from "node:crypto";
import { Problem } from "@ticketmark/core";
import type { Db } from "../db/client.ts";
import { db } from "../db/client.ts";
import { type Delivery, secondsToNext, setFailed, setSent, takeDelivery } from "../db/deliveries.ts";
import { type Env, env } from "../env.ts";
import { githubOf, sendCheck, sendComment } from "./github.ts";
import type { CheckText, CommentText } from "./github-text.ts";
import { ask, isSuccess, type Patience, unexpected } from "./outgoing.ts";

/** A request to the outside may take so long. */
const TIMEOUT_MS = 15_000;
/** Most that is read of a webhook's answer. */
const MAX_ANSWER_BYTES = 4 << 10;
/** The clock is looked at again so often at least; and so soon after the database could not be asked. */
const LONGEST_SLEEP_MS = 3_600_000;
const AFTER_FAULT_MS = 60_000;

interface Notifier {
  /** Aborted when the site stops: ends the request that is under way. */
  readonly stop: AbortController;
  /** The pass over the waiting messages that is under way. */
  pass: Promise<void> | null;
  /** A message was added during that pass. */
  again: boolean;
  /** Until the next message is due. */
  timer: NodeJS.Timeout | null;
}

// Next gives instrumentation and routes each their own copy of this module: the state is shared through globalThis.
const slot = globalThis as typeof globalThis & { ticketmarkNotifier?: Notifier };
const notifier: Notifier = (slot.ticketmarkNotifier ??= {
  stop: new AbortController(),
  pass: null,
  again: false,
  timer: null,
});

/** There may be a message to send. */
export function wakeNotifier(): void {
  notifier.again = true;
  if (notifier.stop.signal.aborted || notifier.pass) return;
  if (notifier.timer) clearTimeout(notifier.timer);
  notifier.pass = run()
    .catch((error) => {
      console.error(error); // the database went away
      return AFTER_FAULT_MS;
    })
    .then((sleep) => {
      notifier.pass = null;
      if (notifier.again) return wakeNotifier();
      if (sleep !== null && !notifier.stop.signal.aborted) notifier.timer = setTimeout(wakeNotifier, sleep).unref();
    });
}

/** Breaks off the message that is under way: it stays in the outbox. */
export async function stopNotifier(): Promise<void> {
  notifier.stop.abort();
  if (notifier.timer) clearTimeout(notifier.timer);
  await notifier.pass;
}

/** Milliseconds until it is worth while again; null = nothing waits. */
async function run(): Promise<number | null> {
  const { signal } = notifier.stop;
  while (notifier.again && !signal.aborted) {
    notifier.again = false;
    await sendWaiting(await db(), env(), { timeoutMs: TIMEOUT_MS, signal });
  }
  if (signal.aborted) return null;
  const seconds = await secondsToNext(await db());
  return seconds === null ? null : Math.min(LONGEST_SLEEP_MS, Math.ceil(seconds * 1_000));
}

/** Where messages go. */
type Targets = Pick<Env, "alerts" | "github" | "repository">;

/** Sends every message that is due; those that do not get through are put off. */
export async function sendWaiting(db: Db, targets: Targets, patience: Patience): Promise<void> {
  while (!patience.signal.aborted) {
    const delivery = await takeDelivery(db);
    if (!delivery) return;
    try {
      await send(delivery, targets, patience);
    } catch (error) {
      if (!(error instanceof Problem)) console.error(error); // a bug: it keeps none of the others waiting
      const wait = await setFailed(db, delivery, (error as Error).message);
      if (wait === null) console.error(`${delivery.target} ${delivery.subject}: given up: ${(error as Error).message}`);
      continue;
    }
    await setSent(db, delivery.id);
  }
}

async function send({ id, target, body }: Delivery, targets: Targets, patience: Patience): Promise<void> {
  if (target === "webhook") {
    if (!targets.alerts) throw noLonger("TICKETMARK_ALERT_URL");
    return post(targets.alerts, id, JSON.stringify(body), patience);
  }
  const github = githubOf(targets);
  if (!github) throw noLonger("TICKETMARK_GITHUB_TOKEN and a repository at GitHub");
  if (target === "github-check") return sendCheck(github, body as CheckText, patience);
  return sendComment(github, body as CommentText, patience);
}

const noLonger = (what: string) => new Problem("bad-settings", `expected ${what}; it is no longer set`);

/** The signature is made as GitHub makes its own, so that what checks those checks ours. */
async function post(
  { url, secret }: NonNullable<Env["alerts"]>,
  id: string,
  body: string,
  patience: Patience,
): Promise<void> {
  const signed: Record<string, string> =
    secret === null
      ? {}
      : { "x-ticketmark-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}` };
  const headers = { "content-type": "application/json", "x-ticketmark-delivery": id, ...signed };
  const answer = await ask({ method: "POST", url, headers, body }, patience, MAX_ANSWER_BYTES);
  if (!isSuccess(answer)) throw unexpected(answer);
}
