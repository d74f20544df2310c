/** The groups of a track as a table; each row opens to its runs. */
import { rankText } from "@ticketmark/core";
import { group as groupBy } from "d3-array";
import Link from "next/link";
import { Fragment } from "react";
import {
  formatCompact,
  formatCount,
  formatDuration,
  formatPercent,
  formatSparsity,
  formatTime,
  plural,
} from "./format.ts";
import { IntervalPlot } from "./interval-plot.tsx";
import { type Filter, filterHref, nextSort, type SortKey } from "./leaderboard-filter.ts";
import type { Group } from "./leaderboard-groups.ts";
import { LevelBadge } from "./level-badge.tsx";
import { LinkPending } from "./link-pending.tsx";
import { MethodName } from "./method-name.tsx";
import { methodName } from "./registry-names.ts";
import { RunsTable } from "./runs-table.tsx";

const COLUMNS = 11;

/** `groups` filtered and sorted; in the usual order they are divided by sparsity. */
export function LeaderboardTable({
  groups,
  filter,
  caption,
}: {
  groups: readonly Group[];
  filter: Filter;
  caption: string;
}) {
  const sections = filter.sort ? [groups] : [...groupBy(groups, (group) => group.spec.sparsity).values()];
  return (
    <table className="data">
      <caption className="sr-only">{caption}</caption>
      <thead>
        <tr>
          <th scope="col" className="w-8">
            <abbr title="Places within one sparsity that the numbers leave open" className="no-underline">
              #
            </abbr>
          </th>
          <th scope="col">Method</th>
          <SortHead name="Test accuracy, %" sort="accuracy" filter={filter} />
          <th scope="col" className="hidden lg:table-cell">
            <span className="sr-only">Interval</span>
          </th>
          <SortHead name="After the cut, %" sort="after-cut" filter={filter} className="hidden md:table-cell" />
          <SortHead name="Real sparsity, %" sort="sparsity" filter={filter} className="hidden md:table-cell" />
          <SortHead name="Compression" sort="compression" filter={filter} className="hidden md:table-cell" />
          <SortHead name="Images trained on" sort="cost" filter={filter} className="hidden md:table-cell" />
          <SortHead name="Time" sort="seconds" filter={filter} className="hidden lg:table-cell" />
          <SortHead name="Trust" sort="trust" filter={filter} left className="hidden sm:table-cell" />
          <th scope="col" className="number">
            Runs
          </th>
        </tr>
      </thead>
      {sections.map((section) => (
        <tbody key={filter.sort ? "all" : section[0]!.spec.sparsity}>
          {!filter.sort && <SectionHead sparsity={section[0]!.spec.sparsity} />}
          {section.map((group) => (
            <GroupRows key={group.digest} group={group} section={section} sorted={filter.sort !== null} />
          ))}
        </tbody>
      ))}
    </table>
  );
}

function SortHead({
  name,
  sort,
  filter,
  left = false,
  className = "",
}: {
  name: string;
  sort: SortKey;
  filter: Filter;
  left?: boolean;
  className?: string;
}) {
  const on = filter.sort?.key === sort ? filter.sort : null;
  return (
    <th
      scope="col"
      aria-sort={on ? (on.down ? "descending" : "ascending") : undefined}
      className={`${left ? "" : "number"} ${className}`}
    >
      <Link
        href={filterHref({ ...filter, sort: nextSort(filter.sort, sort) })}
        scroll={false}
        className={`whitespace-normal hover:text-ink hover:underline ${on ? "font-semibold text-ink" : ""}`}
      >
        {name}
        {on && <span aria-hidden="true"> {on.down ? "↓" : "↑"}</span>}
        <LinkPending />
      </Link>
    </th>
  );
}

function SectionHead({ sparsity }: { sparsity: number }) {
  return (
    <tr>
      <th scope="rowgroup" colSpan={COLUMNS} className="pt-5! pb-1.5!">
        <span className="heading text-ink">{sparsity === 0 ? "Dense" : `${formatSparsity(sparsity)} % sparsity`}</span>
        {sparsity > 0 && (
          <span className="note ml-3 font-normal">{formatSparsity(1 - sparsity)} % of prunable weights kept</span>
        )}
      </th>
    </tr>
  );
}

function GroupRows({ group, section, sorted }: { group: Group; section: readonly Group[]; sorted: boolean }) {
  const { spec, accuracy, afterCut, rank, counted, seconds, level, levels, variant } = group;
  const first = counted[0];
  const intervals = section.flatMap((g) => (g.accuracy ? [{ mean: g.accuracy.mean, half: g.half }] : []));
  const incidents = [
    group.diverged > 0 && `${group.diverged} diverged`,
    group.failed > 0 && `${group.failed} failed`,
    group.refuted > 0 && `${group.refuted} not confirmed`,
  ].filter(Boolean);
  return (
    <>
      <tr id={`group-${group.digest.slice(0, 12)}`} className="target:bg-wash">
        <td className="whitespace-nowrap text-soft">{rank ? rankText(rank) : "–"}</td>
        <th scope="row" className="font-medium! text-ink! align-baseline!">
          <MethodName method={spec.method.id} />
          {sorted && spec.sparsity > 0 && (
            <span className="note ml-2 font-normal">{formatSparsity(spec.sparsity)} %</span>
          )}
          {variant && (
            <span className="note block max-w-64 font-normal">
              <span className="text-ink">{variant.letter}</span>: {variant.text}
            </span>
          )}
        </th>
        <td className="number">
          {accuracy ? (
            <>
              <strong className="font-semibold">{formatPercent(accuracy.mean)}</strong>
              <span className="inline-block w-[3.9em] pl-[0.35em] text-left text-soft">
                {accuracy.sd === null ? "" : `± ${formatPercent(accuracy.sd)}`}
              </span>
              <span className="note inline-block w-[3em] text-left max-sm:hidden">n = {accuracy.n}</span>
            </>
          ) : (
            "–"
          )}
        </td>
        <td className="hidden lg:table-cell">
          {accuracy && <IntervalPlot method={spec.method.id} mean={accuracy.mean} half={group.half} all={intervals} />}
        </td>
        <td className="number hidden md:table-cell">{afterCut ? formatPercent(afterCut.mean) : "–"}</td>
        <td className="number hidden md:table-cell">
          {first?.realSparsity == null ? "–" : formatPercent(first.realSparsity)}
        </td>
        <td className="number hidden md:table-cell">
          {first?.compression == null ? "–" : `${first.compression.toFixed(1)} ×`}
        </td>
        <td className="number hidden md:table-cell">{first ? <Cost group={group} /> : "–"}</td>
        <td className="number hidden lg:table-cell">{seconds === null ? "–" : formatDuration(seconds)}</td>
        <td className="hidden sm:table-cell">
          {level && <LevelBadge level={level} />}
          {levels.length > 1 && (
            <span className="note block">{levels.map((l) => `${l.count} ${l.level}`).join(", ")}</span>
          )}
        </td>
        <td className="number">
          <details className="opens">
            <summary aria-label={`${plural(group.runs.length, "run")} of ${methodName(spec.method.id)}`}>
              {group.runs.length}
            </summary>
          </details>
          {incidents.length > 0 && <span className="block text-2xs text-bad">{incidents.join(", ")}</span>}
        </td>
      </tr>
      <tr className="opened">
        <td colSpan={COLUMNS} className="bg-shade! px-3! py-3!">
          <GroupDetails group={group} />
        </td>
      </tr>
    </>
  );
}

function Cost({ group }: { group: Group }) {
  const { methodExamples, finalExamples, methodIterations, finalIterations } = group.counted[0]!;
  const title = `${formatCount(methodIterations)} iterations before the ticket, ${formatCount(finalIterations)} after it`;
  return (
    <span title={title}>
      {formatCompact(methodExamples)} + {formatCompact(finalExamples)}
    </span>
  );
}

function GroupDetails({ group }: { group: Group }) {
  const first = group.counted[0];
  const facts: [string, string][] = first
    ? [
        ["Real sparsity", `${formatPercent(first.realSparsity ?? 0)} %`],
        ["Compression", `${first.compression?.toFixed(1) ?? "–"} ×`],
        ["After the cut", group.afterCut ? `${formatPercent(group.afterCut.mean)} %` : "–"],
        [
          "Before the ticket",
          `${formatCount(first.methodIterations)} iterations, ${formatCompact(first.methodExamples)} images`,
        ],
        [
          "After the ticket",
          `${formatCount(first.finalIterations)} iterations, ${formatCompact(first.finalExamples)} images`,
        ],
        ["Time", group.seconds === null ? "–" : `${formatDuration(group.seconds)} a run`],
        ["Latest", `${formatTime(group.latest)} UTC`],
      ]
    : [["Latest", `${formatTime(group.latest)} UTC`]];
  return (
    <div className="grid items-start gap-x-8 gap-y-4 lg:grid-cols-[20rem_1fr]">
      <dl className="grid grid-cols-[9rem_1fr] gap-x-3 gap-y-0.5 self-start">
        {facts.map(([name, value]) => (
          <Fragment key={name}>
            <dt className="text-soft">{name}</dt>
            <dd>{value}</dd>
          </Fragment>
        ))}
      </dl>
      <RunsTable runs={group.runs} counted={group.counted} />
    </div>
  );
}
