/** Suspicions and tries: what is held against what, why, and each step that was taken. */
import Link from "next/link";
import type { Investigation } from "../db/schema.ts";
import { CommitLink } from "./commit-link.tsx";
import { formatTime, plural } from "./format.ts";
import { metricWord } from "./regression-compare.ts";
import { RegressionState } from "./regression-state.tsx";

interface Props {
  readonly investigations: readonly Investigation[];
  /** By group digest. */
  readonly names: ReadonlyMap<string, string>;
  /** Show the steps of all of them; else of those under way. */
  readonly open?: boolean;
}

export function InvestigationList({ investigations, names, open = false }: Props) {
  return (
    <ul className="space-y-4">
      {investigations.map((one) => (
        <li key={one.id} className="border-l-2 border-rule pl-4 text-sm">
          <p className="flex flex-wrap items-baseline gap-x-3">
            <RegressionState state={one.state} />
            <Link className="font-medium hover:underline" href={`/regressions/tries/${one.id}`}>
              {subjectOf(one, names)}
            </Link>
          </p>
          <p className="note">
            <CommitLink hash={one.base} /> against <CommitLink hash={one.head} />; {one.reason}
          </p>
          <details open={open || one.state === "running"} className="mt-1">
            <summary className="note w-fit">{plural(one.steps.length, "step")}</summary>
            <Steps of={one} />
          </details>
        </li>
      ))}
    </ul>
  );
}

/** "iteration time of LeNet-300-100 on MNIST, RST at 98 %", "Try of pull request 7". */
export function subjectOf(
  { kind, pull, metrics: suspected, groupDigest }: Investigation,
  names: ReadonlyMap<string, string>,
): string {
  if (kind === "try") return pull === null ? "Try" : `Try of pull request ${pull}`;
  const words = suspected.map((id) => (id === "behaviour" ? "bits" : metricWord(id))).join(", ");
  const group = groupDigest && (names.get(groupDigest) ?? `group ${groupDigest.slice(0, 12)}…`);
  return `${words[0]?.toUpperCase() ?? ""}${words.slice(1)}${group ? ` of ${group}` : ""}`;
}

/** What a try waits for that no runner has taken: none of its runs is queued before. */
const awaited = ({ pull }: Investigation): string =>
  pull === null
    ? "it waits for a runner that follows the repository; none is online"
    : "it waits for a runner that takes pull requests (--allow-pull-requests); none is online";

/** Why there is nothing to show so far. */
export const whyNothing = (one: Investigation): string =>
  one.runnerId === null ? awaited(one) : "its runs wait or are under way";

export function Steps({ of: one }: { of: Investigation }) {
  const { steps } = one;
  if (steps.length === 0) return <p className="note mt-1">Nothing yet: {whyNothing(one)}.</p>;
  return (
    <ol className="mt-1 text-[0.8125rem]">
      {steps.map(({ at, text }, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: steps are only ever added
        <li key={i} className="grid grid-cols-[auto_1fr] gap-x-3 border-t border-rule py-1">
          <time className="text-soft tabular-nums" dateTime={new Date(at).toISOString()}>
            {formatTime(new Date(at))}
          </time>
          <span className="wrap-anywhere">{text}</span>
        </li>
      ))}
    </ol>
  );
}
