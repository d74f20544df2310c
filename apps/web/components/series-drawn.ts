/** A stored series as its drawing takes it: no more than it shows, as all of it is sent to the browser. */
import { metrics } from "@ticketmark/core";
import type { Series, SeriesHead } from "../db/series.ts";
import { metricOn } from "../db/series-points.ts";
import { formatTime } from "./format.ts";
import type { DrawnSeries } from "./series-drawing.tsx";

/** "Iteration time of LeNet-300-100 on MNIST, RST at 98 %". */
export const seriesTitle = ({ metric, name }: Pick<SeriesHead, "metric" | "name">): string =>
  `${metrics.get(metric).name} of ${name}`;

export function drawnOf(series: Series): DrawnSeries {
  const { id, name, unit, kind, better } = metricOn(metrics.get(series.metric), series.onTestbed.engine);
  return {
    title: `${seriesTitle(series)}, commit by commit`,
    metric: { id, name, unit, kind, better },
    points: series.points.map(({ subject, committedAt, runs, author: _, numerics: __, ...point }) => ({
      ...point,
      subject: subject.slice(0, 120),
      time: formatTime(committedAt),
      runs: runs.length,
    })),
    changes: series.changePoints.map(({ index, before, after }) => ({ index, before, after })),
    alerts: series.alerts.map(({ index, own, state, commit }) => ({
      ...{ index, own },
      title: `alert, ${state}: commit ${commit.slice(0, 10)}${own ? "" : ", for other series"}`,
    })),
  };
}
