/** The latest alerts, as a feed. */
import { listAlerts } from "../../../db/alerts.ts";
import { db } from "../../../db/client.ts";
import { env } from "../../../env.ts";
import { publicReply, route } from "../../../http.ts";
import { ATOM, atomFeed } from "../../../track/atom.ts";

const LATEST = 50;

export const { GET } = route({
  async GET(request) {
    const { alerts } = await listAlerts(await db(), { limit: LATEST });
    return publicReply(request, atomFeed(alerts, env().origin ?? originOf(request)), ATOM);
  },
});

/** As the reader has it: a proxy in front says what it was asked for. */
function originOf(request: Request): string {
  const { host, protocol } = new URL(request.url);
  const scheme = request.headers.get("x-forwarded-proto") ?? protocol.replace(":", "");
  const asked = request.headers.get("x-forwarded-host") ?? request.headers.get("host") ?? host;
  const isHost = /^([\w.-]+|\[[\da-f:]+\])(:\d{1,5})?$/i.test(asked);
  return isHost ? `${scheme === "https" ? "https" : "http"}://${asked}` : `${protocol}//${host}`;
}
