import { type Metric, metrics, Problem, type Testbed, testbedSchema } from "@ticketmark/core";
import type { Metadata } from "next";
import Link from "next/link";
import { notFound } from "next/navigation";
import { connection } from "next/server";
import type { ReactNode } from "react";
import { Empty } from "../../../../components/empty.tsx";
import { formatBytes, formatNumber, plural } from "../../../../components/format.ts";
import { SeriesChanges } from "../../../../components/series-changes.tsx";
import { drawnOf, seriesTitle } from "../../../../components/series-drawn.ts";
import { SeriesExplorer } from "../../../../components/series-explorer.tsx";
import { SeriesLegend } from "../../../../components/series-legend.tsx";
import { SeriesShare } from "../../../../components/series-share.tsx";
import { SeriesTable } from "../../../../components/series-table.tsx";
import { changeText } from "../../../../components/series-units.ts";
import { rangeOfCommits } from "../../../../components/series-view.ts";
import { siteAddress } from "../../../../components/site-address.ts";
import { Facts } from "../../../../components/spec-list.tsx";
import { db } from "../../../../db/client.ts";
import { type ListedSeries, listSeries, readSeries, type Series } from "../../../../db/series.ts";
import { env } from "../../../../env.ts";

interface Props {
  readonly params: Promise<{ readonly id: string }>;
  readonly searchParams: Promise<Readonly<Record<string, string | string[] | undefined>>>;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: seriesTitle(await load((await params).id)) };
}

async function load(id: string): Promise<Series> {
  return readSeries(await db(), id).catch((fault) => {
    if (fault instanceof Problem && fault.code === "not-found") notFound();
    throw fault;
  });
}

export default async function SeriesPage({ params, searchParams }: Props) {
  await connection();
  const [{ id }, search] = await Promise.all([params, searchParams]);
  const [series, all, site] = await Promise.all([load(id), listSeries(await db()), siteAddress()]);
  const metric = metrics.get(series.metric);
  const drawn = drawnOf(series);
  const commits = drawn.points.map(({ commit }) => commit);
  const text = (value: string | string[] | undefined) => (typeof value === "string" ? value : null);
  return (
    <>
      <p className="note">
        <Link className="link" href="/regressions">
          Regressions
        </Link>{" "}
        ·{" "}
        <Link className="link" href="/regressions/series">
          all series
        </Link>
      </p>
      <h1 className="title mt-1">{metric.name}, commit by commit</h1>
      <p className="mt-0.5 text-soft">{series.name}</p>
      <p className="mt-2 max-w-[46em]">{metric.summary}</p>
      <p className="note mt-1 max-w-[60em]">{ruleText(drawn.metric, series)}</p>
      <Siblings series={series} all={all} />
      {drawn.points.length === 0 ? (
        <Empty title="No commit of the line was measured yet">
          <p>
            Every run of this group on this testbed was at a commit that is not on the line of{" "}
            <code>{env().branches[0]}</code>, which the site follows.
          </p>
        </Empty>
      ) : (
        <>
          <Standing series={series} metric={metric} />
          <div className="mt-4">
            <SeriesExplorer
              key={`${commits.length} ${commits.at(-1)}`}
              series={drawn}
              start={rangeOfCommits(commits, text(search.from), text(search.to))}
            />
            <SeriesLegend series={drawn} />
          </div>
          <Section title="What was found in it">
            <SeriesChanges series={series} />
          </Section>
          <Section title="Points">
            <SeriesTable series={series} />
          </Section>
        </>
      )}
      <Left series={series} />
      <p className="mt-3 text-sm">
        <a className="link" href={`/regressions/series/${series.id}/series.csv`} download={`${series.id}.csv`}>
          CSV
        </a>
        ,{" "}
        <a className="link" href={`/api/v1/series/${series.id}`}>
          JSON
        </a>
        . <span className="text-soft">The CSV is what</span> <code className="text-xs">ticketmark detect</code>{" "}
        <span className="text-soft">reads; the JSON has every run.</span>
      </p>
      <div className="grid gap-x-12 lg:grid-cols-2">
        <Section title="Testbed">
          <TestbedFacts series={series} />
        </Section>
        <Section title="Show it elsewhere">
          <SeriesShare id={series.id} title={seriesTitle(series)} site={env().origin ?? site} />
        </Section>
      </div>
    </>
  );
}

function ruleText({ kind, better }: Pick<Metric, "kind" | "better">, { rule }: Series): string {
  const good = better === "higher" ? "Higher is better" : "Lower is better";
  const noise =
    kind === "exact"
      ? "it has no noise: any change is one of the code"
      : "it has noise: a suspicion is confirmed by running both commits again, in turns";
  const watched = rule
    ? `A new point is suspected when it lies ${rule.floor === 0 ? "" : `at least ${formatNumber(rule.floor * 100)} % and `}more than ${formatNumber(rule.spread)} quartile distances away from the up to 30 points before it.`
    : "The policy does not watch it: nobody is alerted.";
  return `${good}; ${noise}. ${watched}`;
}

/** The other metrics of the same group on the same testbed. */
function Siblings({ series, all }: { series: Series; all: readonly ListedSeries[] }) {
  const alike = all.filter((one) => one.groupDigest === series.groupDigest && one.testbed === series.testbed);
  if (alike.length < 2) return null;
  return (
    <nav aria-label="Other metrics of the same runs" className="mt-3 flex flex-wrap gap-1.5">
      {alike.map(({ id, metric }) => (
        <Link
          key={id}
          href={`/regressions/series/${id}`}
          aria-current={id === series.id ? "true" : undefined}
          className="chip"
        >
          {metrics.get(metric).name}
        </Link>
      ))}
    </nav>
  );
}

function Standing({ series, metric }: { series: Series; metric: Metric }) {
  const { value, before, verdict, certain } = series.latest!;
  const beside =
    before === null
      ? ""
      : before === value
        ? ": the newest is the same as the median of those before it"
        : `: the newest is ${changeText(metric, before, value)} from the median of those before it`;
  const missing = series.points.at(-1)!.missing;
  return (
    <p className="mt-4 text-sm">
      {plural(series.points.length, "point")}
      {beside}
      {before !== null && " (up to 30, since the last confirmed change of its group)"}
      {missing.length > 0 && `, over its own seeds: seed ${missing.join(", ")} was not run there, or not yet`}
      {verdict === "steady" ? (
        "."
      ) : certain ? (
        <strong className={verdict === "worse" ? "text-bad" : ""}>, {verdict} than expected.</strong>
      ) : (
        ", more than the gate lets pass; not confirmed: most such come to nothing."
      )}
    </p>
  );
}

/** What is not in the picture. */
function Left({ series: { older, offLine } }: { series: Series }) {
  if (older + offLine === 0) return null;
  return (
    <p className="note mt-3">
      {older > 0 && `${plural(older, "older point")} of the line ${older === 1 ? "is" : "are"} not shown. `}
      {offLine > 0 &&
        `${plural(offLine, "run")} at commits that are not on the line of ${env().branches[0]} ${offLine === 1 ? "is" : "are"} left out.`}
    </p>
  );
}

/** Every field of what is hashed, and the digest. */
function TestbedFacts({ series: { onTestbed, testbed, groupDigest } }: { series: Series }) {
  const fields = Object.keys(testbedSchema.shape) as (keyof Testbed)[]; // in their order: the database keeps none
  const rows = fields.map((name): [string, string] => [name, fieldText(name, onTestbed[name])]);
  return (
    <>
      <Facts
        rows={[
          ...rows,
          [
            "Its digest",
            <code key="testbed" className="break-all font-mono text-xs">
              {testbed}
            </code>,
          ],
          [
            "Group of specs",
            <code key="group" className="break-all font-mono text-xs">
              {groupDigest}
            </code>,
          ],
        ]}
      />
      <p className="note mt-2">
        Only numbers of one testbed are held against each other: with any of these fields changed it is another.
      </p>
    </>
  );
}

function fieldText(name: string, value: Testbed[keyof Testbed]): string {
  if (value === null) return "null: as the engine chooses";
  return name === "memoryBytes" ? `${value} (${formatBytes(Number(value))})` : String(value);
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  const id = title.toLowerCase().replaceAll(" ", "-");
  return (
    <section aria-labelledby={id} className="mt-9 min-w-0">
      <h2 id={id} className="heading mb-2">
        {title}
      </h2>
      {children}
    </section>
  );
}
