import type { Metadata } from "next";
import Link from "next/link";
import { connection } from "next/server";
import { AccuracyChart } from "../../components/accuracy-chart.tsx";
import { Empty } from "../../components/empty.tsx";
import { formatCount, plural } from "../../components/format.ts";
import { LatestResults } from "../../components/latest-results.tsx";
import { LeaderboardControls } from "../../components/leaderboard-controls.tsx";
import {
  type Filter,
  filterGroups,
  filterHref,
  parseFilter,
  type SearchParams,
  sortGroups,
} from "../../components/leaderboard-filter.ts";
import { type Group, recipeText, type Track, tracksOf } from "../../components/leaderboard-groups.ts";
import { LeaderboardTable } from "../../components/leaderboard-table.tsx";
import { RefreshOnChange } from "../../components/refresh-on-change.tsx";
import { datasetName, inOrder, modelName, validationCount } from "../../components/registry-names.ts";
import { rowVersion } from "../../components/row-version.ts";
import { db } from "../../db/client.ts";
import { listPairs, listRuns, type Pair, pairOf } from "../../db/leaderboard.ts";
import { type LatestResult, latestResults, siteCounts } from "../../db/pages.ts";

export const metadata: Metadata = { title: { absolute: "Ticketmark: a leaderboard for sparse training" } };

/** Rows of the list of latest results, which also tell whether the page is still up to date. */
const LATEST = 8;

export default async function LeaderboardPage({ searchParams }: { searchParams: Promise<SearchParams> }) {
  await connection();
  const asked = parseFilter(await searchParams);
  const database = await db();
  const [pairs, counts, latest] = await Promise.all([
    listPairs(database),
    siteCounts(database),
    latestResults(database, LATEST),
  ]);
  const pair = pairOf(pairs, asked);
  const filter: Filter = { ...asked, dataset: pair?.dataset ?? null, model: pair?.model ?? null };

  return (
    <>
      <h1 className="title max-w-[26em]">How accurate does a network stay when most of its weights go?</h1>
      <p className="mt-1.5 max-w-[46em] text-soft">
        Sparse-training methods on equal terms: each makes a ticket (a mask and the weights to start from), one shared
        implementation trains and tests it, and the runner that did so signs the numbers.
      </p>
      <p className="note mt-2 flex flex-wrap gap-x-5">
        <span>{plural(counts.results, "result")}</span>
        <Link className="link" href="/runners">
          {plural(counts.online, "runner")} online
        </Link>
        <Link className="link" href="/jobs">
          {counts.running} running, {counts.queued} queued
        </Link>
      </p>
      {pair ? (
        <Board filter={filter} pairs={pairs} latest={latest} dataset={pair.dataset} model={pair.model} />
      ) : (
        <Empty title="No result yet">
          <p>
            {counts.queued + counts.running > 0
              ? "Jobs are waiting or running: the first signed row appears here when the first of them ends."
              : "Nothing has been run and nothing is queued."}
          </p>
          <p>
            <Link className="link" href="/jobs">
              Watch the jobs
            </Link>
            ,{" "}
            <Link className="link" href="/submit">
              submit one
            </Link>{" "}
            or{" "}
            <Link className="link" href="/runners">
              add a runner
            </Link>
            .
          </p>
        </Empty>
      )}
      <RefreshOnChange url={`/api/v1/results?limit=${LATEST}`} version={rowVersion(latest)} />
    </>
  );
}

async function Board({
  filter,
  pairs,
  latest,
  dataset,
  model,
}: {
  filter: Filter;
  pairs: readonly Pair[];
  latest: readonly LatestResult[];
  dataset: string;
  model: string;
}) {
  const runs = await listRuns(await db(), dataset, model);
  const tracks = tracksOf(runs);
  const all = tracks.flatMap((track) => track.groups);
  const unique = <T,>(values: readonly T[]) => [...new Set(values)];
  const shown = tracks
    .map((track) => ({ track, groups: sortGroups(filterGroups(track.groups, filter), filter.sort) }))
    .filter(({ groups }) => groups.length > 0);
  return (
    <>
      <div className="mt-6">
        <LeaderboardControls
          filter={filter}
          pairs={pairs}
          methods={inOrder(unique(all.map((group) => group.spec.method.id)))}
          sparsities={unique(all.map((group) => group.spec.sparsity)).sort((a, b) => a - b)}
        />
      </div>
      {shown.length === 0 && (
        <Empty title="Nothing matches">
          <p>
            No result has this method at this sparsity yet.{" "}
            <Link className="link" href={filterHref({ ...filter, methods: [], sparsities: [], sort: null })}>
              Show all
            </Link>
            .
          </p>
        </Empty>
      )}
      {shown.map(({ track, groups }, i) => (
        <section key={track.key} className="mt-8" aria-labelledby={`track-${i}`}>
          <TrackHead
            id={`track-${i}`}
            track={track}
            title={`${modelName(model)} on ${datasetName(dataset)}`}
            several={tracks.length > 1}
            held={validationCount(dataset)}
          />
          <div className="mt-3 grid gap-x-10 gap-y-6 lg:grid-cols-[minmax(0,1fr)_17rem]">
            {(i === 0 || sparsitiesOf(groups).length > 1) && (
              <div className="max-w-[54rem]">
                <AccuracyChart
                  groups={groups}
                  title={`Test accuracy against sparsity, ${datasetName(dataset)}, ${modelName(model)}. The numbers are in the table below.`}
                />
              </div>
            )}
            <div className="lg:col-span-2">
              <LeaderboardTable
                groups={groups}
                filter={filter}
                caption={`${datasetName(dataset)}, ${modelName(model)}: ${recipeText(track.recipe)}`}
              />
            </div>
            {i === 0 && (
              <div className="lg:col-start-2 lg:row-start-1">
                <LatestResults latest={latest} />
              </div>
            )}
          </div>
        </section>
      ))}
      <Footnotes csv={filterHref({ ...filter, sort: null }).replace("/", "/leaderboard.csv")} />
    </>
  );
}

/** Sparsities that have an accuracy to draw. */
const sparsitiesOf = (groups: readonly Group[]): number[] => [
  ...new Set(groups.filter(({ accuracy, spec }) => accuracy && spec.sparsity > 0).map(({ spec }) => spec.sparsity)),
];

function TrackHead({
  id,
  track,
  title,
  held,
  several,
}: {
  id: string;
  track: Track;
  title: string;
  held: number | null;
  several: boolean;
}) {
  const { protocol, recipe, scope, classes } = track;
  return (
    <>
      <h2 id={id} className="heading">
        {title}
        {classes !== null && `, ${plural(classes, "class", "classes")}`}
        {several && `, ${protocol}, ${scope}, ${plural(recipe.epochs, "epoch")}`}
      </h2>
      <p className="note">
        {protocol === "paper"
          ? "Protocol paper: trained on all training images. "
          : `Protocol validation: ${held === null ? "some" : formatCount(held)} training images are held out. `}
        {SCOPE_TEXT[scope]} Final training: {recipeText(recipe)}.
        {several && " Ranked only against the same protocol, scope and recipe."}
      </p>
    </>
  );
}

const SCOPE_TEXT: Record<Track["scope"], string> = {
  uniform: "Sparsity is the same in every prunable layer.",
  erk: "Sparsity by layer after Erdős–Rényi–kernel.",
  global: "Sparsity over all prunable layers together.",
  "smart-ratio": "Sparsity by layer after the smart-ratio rule.",
};

function Footnotes({ csv }: { csv: string }) {
  return (
    <section
      aria-label="How to read this"
      className="note mt-10 grid max-w-none gap-x-10 gap-y-2 border-t border-rule pt-4 md:columns-2 md:block"
    >
      <p className="mb-2 break-inside-avoid">
        <strong className="font-semibold text-ink">Accuracy</strong> is that of the last epoch on the test set, never of
        the best one: mean ± sample standard deviation over n seeds. Of each seed the first completed result counts;
        repeats, diverged and failed runs are listed with the others and never replace one.
      </p>
      <p className="mb-2 break-inside-avoid">
        <strong className="font-semibold text-ink">#</strong> is the rank within one sparsity, as the range of places
        that the numbers leave open: two groups are told apart only where their intervals do not overlap. The interval
        is mean ± 1 standard deviation, and never narrower than the test set’s own counting error, √(p(1 − p)/images),
        which is all that one seed has. The small plots show it, on one scale within a sparsity.
      </p>
      <p className="mb-2 break-inside-avoid">
        <strong className="font-semibold text-ink">After the cut</strong> is the ticket’s accuracy before its final
        training. <strong className="font-semibold text-ink">Compression</strong> is all parameters ÷ non-zero ones;
        layers that are not prunable (the classifier) count.
      </p>
      <p className="mb-2 break-inside-avoid">
        <strong className="font-semibold text-ink">Images trained on</strong>: before the ticket + after it, iterations
        × batch. Methods are not equally expensive, so look here before calling one better.
      </p>
      <p className="break-inside-avoid">
        <a className="link" href={csv} download="ticketmark.csv">
          These rows as CSV
        </a>
        , one a run, with digests.
      </p>
    </section>
  );
}
