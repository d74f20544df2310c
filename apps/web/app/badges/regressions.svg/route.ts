/** How many alerts are open, as a badge. */
import { badgeSvg } from "../../../components/series-badge.ts";
import { alertCounts } from "../../../db/alerts.ts";
import { db } from "../../../db/client.ts";
import { route } from "../../../http.ts";
import { drawingReply } from "../drawing-reply.ts";

export const { GET } = route({
  async GET(request) {
    const { open } = await alertCounts(await db());
    const badge = badgeSvg({
      label: "regressions",
      value: open === 0 ? "none" : `${open} open`,
      tone: open === 0 ? "good" : "bad",
    });
    return drawingReply(request, badge, "image/svg+xml");
  },
});
