/** What a result says, and how far it can be believed: the first thing on its page. */
import { LEVELS, methods, type Result } from "@ticketmark/core";
import type { ReactNode } from "react";
import type { WholeResult } from "../db/pages.ts";
import type { StoredCheck } from "../db/schema.ts";
import { formatCount, formatPercent, formatTime } from "./format.ts";
import { LEVEL_MEANING, LevelBadge } from "./level-badge.tsx";

export function ResultVerdict({ result }: { result: WholeResult }) {
  const { accuracy, outcome } = result.result;
  return (
    <section
      aria-label="Verdict"
      className="mt-4 grid gap-x-12 gap-y-6 border-y border-rule py-5 md:grid-cols-[auto_1fr]"
    >
      {accuracy ? (
        <Scores accuracy={accuracy} ticket={ticketName(result)} />
      ) : (
        <p className="max-w-sm text-bad">
          <strong className="block font-serif text-2xl">{outcome === "diverged" ? "Diverged" : "Failed"}</strong>
          {result.result.message}
        </p>
      )}
      <div className="text-sm md:border-l md:border-rule md:pl-12">
        <p className="font-medium">
          <LevelBadge level={result.level} />
        </p>
        <p className="mt-1 max-w-prose text-soft">{LEVEL_MEANING[result.level]}</p>
        <Check check={result.check} claimed={accuracy} />
        <details className="mt-2">
          <summary className="note">What the levels mean</summary>
          <dl className="mt-1 space-y-1 text-[0.8125rem]">
            {LEVELS.map((level) => (
              <div key={level} className="grid grid-cols-[9rem_1fr] gap-3">
                <dt>
                  <LevelBadge level={level} />
                </dt>
                <dd className="text-soft">{LEVEL_MEANING[level]}</dd>
              </div>
            ))}
          </dl>
        </details>
      </div>
    </section>
  );
}

/** What the final training starts from. */
function ticketName({ spec, result }: WholeResult): string {
  if (!result.accuracy?.beforeCut) return "Ticket, untrained and not cut yet";
  const moves = methods.list.find(({ id }) => id === spec.method.id)?.remasks === "moves";
  return moves ? "Ticket, untrained, under its first mask" : "Ticket, after the cut";
}

function Scores({ accuracy, ticket }: { accuracy: NonNullable<Result["accuracy"]>; ticket: string }) {
  const { last, best, afterCut, beforeCut, validation } = accuracy;
  const share = (score: { correct: number; total: number }) => `${formatPercent(score.correct / score.total)} %`;
  const rows: [string, ReactNode][] = [
    ["Best epoch (never ranked)", share(best.score)],
    ...(validation ? [["Validation, last epoch", share(validation)] as [string, ReactNode]] : []),
    [ticket, share(afterCut)],
    ...(beforeCut ? [["The same before the cut", share(beforeCut)] as [string, ReactNode]] : []),
  ];
  return (
    <div className="tabular-nums">
      <p className="font-serif text-[2.75rem] leading-none tracking-tight">
        {formatPercent(last.correct / last.total)}
        <span className="ml-1 text-2xl text-soft">%</span>
      </p>
      <p className="note mt-1.5">
        test accuracy, last epoch: {formatCount(last.correct)} of {formatCount(last.total)} images
      </p>
      <dl className="mt-3 text-[0.8125rem]">
        {rows.map(([name, value]) => (
          <div key={name} className="flex justify-between gap-8 border-t border-rule py-1">
            <dt className="text-soft">{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

function Check({ check, claimed }: { check: StoredCheck | null; claimed: Result["accuracy"] }) {
  if (!check) return <p className="mt-2 text-soft">This site has not recomputed it yet.</p>;
  if (check.ok === null) return <p className="mt-2 text-soft first-letter:uppercase">{check.message}</p>;
  const rows = [
    ["last epoch, from the trained net", claimed?.last, check.last],
    ["before the final training, from the ticket", claimed?.afterCut, check.afterCut],
  ] as const;
  return (
    <div className="mt-3">
      <p className={check.ok ? "" : "font-semibold text-bad"}>
        {check.ok ? "Recomputed here, equal to the last image:" : `Recomputed here, and not equal: ${check.message}`}
      </p>
      <table className="data mt-1 max-w-md">
        <thead>
          <tr>
            <th scope="col">Images right</th>
            <th scope="col" className="number">
              claimed
            </th>
            <th scope="col" className="number">
              recomputed
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, claim, found]) => (
            <tr key={name}>
              <th scope="row" className="font-normal!">
                {name}
              </th>
              <td className="number">{claim ? formatCount(claim.correct) : "–"}</td>
              <td className="number">
                {found ? formatCount(found.correct) : "–"}
                <span className={found?.correct === claim?.correct ? "text-accent" : "text-bad"}>
                  {found?.correct === claim?.correct ? " =" : " ≠"}
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="note mt-1">{formatTime(new Date(check.at))} UTC</p>
    </div>
  );
}
