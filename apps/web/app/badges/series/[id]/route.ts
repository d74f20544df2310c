/** A series' newest value, and how far it is from the median of the points before (none beyond the last confirmed change), as a badge: /badges/series/ID.svg. */
import { metrics, Problem } from "@ticketmark/core";
import { type Badge, badgeSvg } from "../../../../components/series-badge.ts";
import { changeText, valueText } from "../../../../components/series-units.ts";
import { db } from "../../../../db/client.ts";
import { readSeries, type Series } from "../../../../db/series.ts";
import { route } from "../../../../http.ts";
import { drawingReply } from "../../drawing-reply.ts";

/** Red and green are for what is certain: a suspicion of a measured number mostly comes to nothing. */
const TONES = { better: "good", worse: "bad", steady: "plain" } as const;

export const { GET } = route({
  async GET(request, params) {
    try {
      const series = await readSeries(await db(), params.id!.replace(/\.svg$/, ""));
      return drawingReply(request, badgeSvg(badgeOf(series)), "image/svg+xml");
    } catch (fault) {
      if (!(fault instanceof Problem) || fault.code !== "not-found") throw fault;
      const badge = badgeSvg({ label: "series", value: "there is none", tone: "plain" });
      return drawingReply(request, badge, "image/svg+xml", 404); // an image says more in a README than a broken one
    }
  },
});

function badgeOf({ metric: id, latest }: Series): Badge {
  const metric = metrics.get(id);
  const label = metric.name.toLowerCase();
  if (!latest) return { label, value: "no point yet", tone: "plain" };
  const { value, before, verdict, certain } = latest;
  const change = before === null || before === value ? "" : ` ${changeText(metric, before, value)}`;
  const open = verdict === "steady" || certain ? "" : ", not confirmed";
  return { label, value: `${valueText(metric, value)}${change}${open}`, tone: open ? "plain" : TONES[verdict] };
}
