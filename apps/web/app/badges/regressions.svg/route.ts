/** How many alerts are open, as a badge; of nothing that was measured nothing is known. */
import { type Badge, badgeSvg } from "../../../components/series-badge.ts";
import { alertCounts } from "../../../db/alerts.ts";
import { type Db, db } from "../../../db/client.ts";
import { isMeasured } from "../../../db/regressions.ts";
import { route } from "../../../http.ts";
import { drawingReply } from "../drawing-reply.ts";

export const { GET } = route({
  async GET(request) {
    return drawingReply(request, badgeSvg(await badgeOf(await db())), "image/svg+xml");
  },
});

async function badgeOf(database: Db): Promise<Badge> {
  const label = "regressions";
  const { open } = await alertCounts(database);
  if (open > 0) return { label, value: `${open} open`, tone: "bad" };
  const measured = await isMeasured(database);
  return measured ? { label, value: "none", tone: "good" } : { label, value: "nothing measured yet", tone: "plain" };
}
