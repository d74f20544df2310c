import { metrics } from "@ticketmark/core";
import { group, max } from "d3-array";
import type { Metadata } from "next";
import Link from "next/link";
import { connection } from "next/server";
import { Empty } from "../../../components/empty.tsx";
import { formatTime, plural } from "../../../components/format.ts";
import { testbedText } from "../../../components/regression-compare.ts";
import { changeText, valueText } from "../../../components/series-units.ts";
import { currentFirst, differenceOf } from "../../../components/testbeds-shown.ts";
import { db } from "../../../db/client.ts";
import { type ListedSeries, listSeries } from "../../../db/series.ts";
import { env } from "../../../env.ts";

export const metadata: Metadata = { title: "Series" };

export default async function SeriesListPage() {
  await connection();
  const all = await listSeries(await db());
  const testbeds = [...group(all, ({ testbed }) => testbed).values()]
    .map((series) => ({ series, testbed: series[0]!.onTestbed, latest: max(series, ({ receivedAt }) => receivedAt)! }))
    .sort((a, b) => b.latest.getTime() - a.latest.getTime());
  const { now, past } = currentFirst(testbeds);
  const beds = testbeds.map(({ testbed }) => testbed);
  return (
    <>
      <p className="note">
        <Link className="link" href="/regressions">
          Regressions
        </Link>
      </p>
      <h1 className="title mt-1">Series</h1>
      <p className="mt-1.5 max-w-prose text-soft">
        One metric of one group of specs on one testbed, a point for each commit of{" "}
        <code className="text-sm">{env().branches[0]}</code>. Each cell is the newest point, with its change against the
        median of up to 30 points before it, since the last confirmed change of its group; accuracy and loss over the
        seeds that both ran. Red is what is confirmed, or has no noise in it.
      </p>
      {all.length === 0 && <Nothing />}
      {now.map((one) => (
        <Testbed key={one.series[0]!.testbed} {...one} beds={beds} />
      ))}
      {past.length > 0 && (
        <details className="mt-8">
          <summary className="note w-fit">{plural(past.length, "testbed")} from before an update of the runner</summary>
          {past.map((one) => (
            <Testbed key={one.series[0]!.testbed} {...one} beds={beds} />
          ))}
        </details>
      )}
      <p className="note mt-6">
        JSON:{" "}
        <a className="link" href="/api/v1/series">
          series
        </a>
      </p>
    </>
  );
}

const Nothing = () => (
  <Empty title="No commit was measured yet">
    {env().repository === null ? (
      <p>
        This site follows no repository: set <code>TICKETMARK_REPOSITORY</code> to its address, and start a runner that
        is trusted.
      </p>
    ) : (
      <p>
        The first points appear when a runner has run the tracking suite at a commit of the repository that this site
        follows: see{" "}
        <Link className="link" href="/runners">
          which runners are online
        </Link>
        .
      </p>
    )}
  </Empty>
);

interface Shown {
  readonly series: readonly ListedSeries[];
  readonly latest: Date;
  /** All that the page shows: what differs is named. */
  readonly beds: readonly ListedSeries["onTestbed"][];
}

/** Groups down, metrics across. */
function Testbed({ series, latest, beds }: Shown) {
  const { testbed, onTestbed } = series[0]!;
  const measured = metrics.list.filter(({ id }) => series.some(({ metric }) => metric === id));
  const groups = [...new Map(series.map((one) => [one.groupDigest, one])).values()];
  return (
    <section aria-labelledby={testbed} className="mt-8">
      <h2 id={testbed} className="heading">
        {testbedText(onTestbed)}
      </h2>
      <p className="note mb-2">
        {[differenceOf(onTestbed, beds), `latest run ${formatTime(latest)} UTC`].filter(Boolean).join(" · ")} · testbed{" "}
        {testbed.slice(0, 12)}
      </p>
      <div className="overflow-x-auto">
        <table className="data">
          <thead>
            <tr>
              <th scope="col">Group</th>
              {measured.map(({ id, name }) => (
                <th key={id} scope="col" className="number">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {groups.map(({ groupDigest, name }) => (
              <tr key={groupDigest}>
                <th scope="row" className="min-w-48 !align-baseline !font-normal !text-ink">
                  {name}
                </th>
                {measured.map(({ id }) => (
                  <Cell key={id} series={series.find((one) => one.groupDigest === groupDigest && one.metric === id)} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Cell({ series }: { series: ListedSeries | undefined }) {
  if (!series) return <td className="number text-soft">–</td>;
  const { id, latest, commits, lastChange } = series;
  const metric = metrics.get(series.metric);
  const href = `/regressions/series/${id}`;
  if (!latest)
    return (
      <td className="number">
        <Link className="link" href={href} prefetch={false}>
          not on the line
        </Link>
      </td>
    );
  const change =
    lastChange &&
    `; last new level at ${lastChange.commit.slice(0, 7)}, ${changeText(metric, lastChange.before, lastChange.after)}`;
  return (
    <td className="number">
      <Link className="link" href={href} prefetch={false} title={`${plural(commits, "commit")}${change ?? ""}`}>
        {valueText(metric, latest.value)}
      </Link>
      <span className={`block ${latest.verdict === "worse" && latest.certain ? "text-bad" : "text-soft"}`}>
        {latest.before === null ? "first point" : changeText(metric, latest.before, latest.value)}
      </span>
      {latest.verdict !== "steady" && !latest.certain && <span className="note block">not confirmed</span>}
    </td>
  );
}
