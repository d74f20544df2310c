/** Alerts as an Atom feed (RFC 4287). Ids are the alerts' own, so that a reader shows each once, wherever the site moves. */
import type { AlertView } from "../db/alerts.ts";
import { describeFinding, titleOf } from "./messages.ts";
import { alertPath } from "./public-alert.ts";

const FEED_PATH = "/regressions/feed.xml";
export const ATOM = "application/atom+xml; charset=utf-8";

/** @param alerts newest first @param origin this site's address, without a path */
export function atomFeed(alerts: readonly AlertView[], origin: string): string {
  const self = `${origin}${FEED_PATH}`;
  const updated = new Date(Math.max(0, ...alerts.map((alert) => alert.updatedAt.getTime()))); // 1970: never
  return [
    '<?xml version="1.0" encoding="utf-8"?>',
    '<feed xmlns="http://www.w3.org/2005/Atom">',
    `<id>${xml(self)}</id>`,
    "<title>Ticketmark regressions</title>",
    `<updated>${updated.toISOString()}</updated>`,
    "<author><name>Ticketmark</name></author>",
    `<link rel="self" type="application/atom+xml" href="${xml(self)}"/>`,
    `<link rel="alternate" type="text/html" href="${xml(`${origin}/regressions`)}"/>`,
    ...alerts.map((alert) => entry(alert, origin)),
    "</feed>\n",
  ].join("\n");
}

function entry(alert: AlertView, origin: string): string {
  const { id, commit, subject, author, state, openedAt, updatedAt, findings } = alert;
  const about = [commit, subject, author && `by ${author}`].filter((part) => part !== null).join("\n");
  const text = [about, ...findings.map(describeFinding)].join("\n\n");
  return [
    "<entry>",
    `<id>urn:uuid:${id}</id>`,
    `<title>${xml(titleOf(alert))}</title>`,
    `<published>${openedAt.toISOString()}</published>`,
    `<updated>${updatedAt.toISOString()}</updated>`,
    `<link rel="alternate" type="text/html" href="${xml(`${origin}${alertPath(id)}`)}"/>`,
    `<category term="${state}"/>`,
    `<content type="text">${xml(text)}</content>`,
    "</entry>",
  ].join("\n");
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** For text and for attributes in double quotes. What XML 1.0 cannot hold, escaped or not, becomes U+FFFD. */
const xml = (text: string): string =>
  text
    .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd")
    .replaceAll(/[&<>"]/g, (character) => ENTITIES[character]!);
