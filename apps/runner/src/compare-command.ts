/** `ticketmark compare RESULTS…`: groups side by side, who is better, and whether a reference is met. */
import { Problem, percent, type Summary, suites } from "@ticketmark/core";
import {
  type AgainstReference,
  againstReference,
  type Held,
  PAIRS_LEVEL,
  type Pair,
  pairsOf,
  points,
  pText,
  REFERENCE_LEVEL,
} from "./compare.ts";
import { type Group, groupsOf } from "./groups.ts";
import { readResults } from "./results.ts";
import { formatSeconds } from "./status.ts";
import { tableText } from "./tables.ts";

interface CompareCommand {
  readonly paths: readonly string[];
  /** Id of a suite with figures measured elsewhere. */
  readonly reference: string | undefined;
  readonly format: "text" | "markdown" | "json";
}

/** What to print; `met` is false where a reference is missed, or rows of it are missing. */
export async function compareCommand({
  paths,
  reference: id,
  format,
}: CompareCommand): Promise<{ text: string; met: boolean }> {
  const groups = groupsOf(await readResults(paths));
  if (id === undefined) {
    const pairs = pairsOf(groups);
    const text =
      format === "json"
        ? json({ groups: groups.map(groupJson), pairs: pairs.map(pairJson) })
        : groupsText(groups, pairs, format === "markdown");
    return { text, met: true };
  }
  const { reference } = suites.get(id);
  if (!reference)
    throw new Problem(
      "not-found",
      `suite ${id}: expected one with figures measured elsewhere, such as mnist-reference`,
    );
  const held = againstReference(groups, reference);
  if (held.missing.length === held.rows.length)
    throw new Problem(
      "not-found",
      `${paths.join(", ")}: expected results of suite ${id}, at least two seeds of a row; found none`,
    );
  const met = held.rejected.length + held.missing.length + held.broken.length === 0;
  return {
    text:
      format === "json" ? json(referenceJson(held, met)) : referenceText(held, reference.source, format === "markdown"),
    met,
  };
}

const UNCHECKED =
  "Results are taken as the files have them: signatures are not checked here, and no accuracy is recomputed.";

const json = (value: unknown) => JSON.stringify(value, null, 2);

/** "97.65 ± 0.17" in percent. */
const meanText = (summary: Summary | null): string => {
  if (!summary) return "";
  return summary.sd === null ? points(summary.mean) : `${points(summary.mean)} ± ${points(summary.sd)}`;
};

const orNothing = <T>(value: T | null, text: (value: T) => string): string => (value === null ? "" : text(value));
const whole = (n: number) => Math.round(n).toLocaleString("en-GB");
const signed = (share: number) => `${share < 0 ? "−" : "+"}${points(Math.abs(share))}`;

function groupsText(groups: readonly Group[], pairs: readonly Pair[], markdown: boolean): string {
  const table = tableText(
    {
      head: [
        "group",
        "seeds",
        "accuracy %",
        "after the cut %",
        "sparsity %",
        "effective %",
        "iterations",
        "images",
        "time",
        "speed-up",
      ],
      rows: groups.map((group) => [
        group.name,
        String(group.counted.length),
        meanText(group.accuracy),
        meanText(group.afterCut),
        orNothing(group.realSparsity, points),
        orNothing(group.effectiveSparsity, points),
        orNothing(group.iterations, whole),
        orNothing(group.images, whole),
        orNothing(group.seconds, formatSeconds),
        orNothing(group.speedUp, (times) => `${times.toFixed(2)}×`),
      ]),
    },
    markdown,
  );
  const tests = pairs.filter(({ test }) => test !== null);
  const comparisons = tableText(
    {
      head: ["a", "b", "a − b", "95 % interval", "p", "p by seed", "p, Holm"],
      words: [1],
      rows: tests.map(({ a, b, test, paired }) => [
        a.name,
        b.name,
        signed(test!.difference),
        `${signed(test!.difference - test!.half)} … ${signed(test!.difference + test!.half)}`,
        pText(test!.p),
        orNothing(paired, ({ p }) => pText(p)),
        pText(test!.corrected),
      ]),
    },
    markdown,
  );
  const list = (lines: readonly string[]) => lines.map((line) => (markdown ? `- ${line}` : line)).join("\n");
  const notes = [
    "Accuracy: test set, last epoch; mean ± sample standard deviation over the seeds. Sparsity: of all convolution and linear weights.",
    "Iterations and images: of the method and the final training. Speed-up: over the same net without its mask, on the same engine.",
    ...(tests.length > 0
      ? [`p: Welch's test; Holm's correction over all ${tests.length}, told apart below ${PAIRS_LEVEL}.`]
      : []),
    UNCHECKED,
    ...groups.flatMap(excludedText),
    ...machinesText(groups),
  ];
  const parts = [
    table,
    ...(tests.length > 0 ? [comparisons] : []),
    ...(pairs.length > 0 ? [list(pairs.map(({ verdict }) => verdict))] : []),
    list(notes),
  ];
  return parts.join("\n\n");
}

function excludedText({ name, diverged, failed, repeated }: Group): string[] {
  const parts = [
    ...(diverged > 0 ? [`${diverged} diverged`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(repeated > 0 ? [`${repeated} more of the same seeds`] : []),
  ];
  return parts.length === 0 ? [] : [`${name}: not in the means: ${parts.join(", ")}.`];
}

/** Wall times of several machines do not compare. */
function machinesText(groups: readonly Group[]): string[] {
  const machines = new Set(
    groups.flatMap(({ counted }) => counted.map(({ result: { environment: e } }) => `${e.engine} on ${e.device}`)),
  );
  return machines.size < 2 ? [] : [`Times are of several engines or machines: ${[...machines].join("; ")}.`];
}

function referenceText(
  { rows, orderings, rejected, missing, broken }: AgainstReference,
  source: string,
  markdown: boolean,
): string {
  const accuracies = tableText(
    {
      head: ["row", "seeds", "ours %", "theirs %", "difference", "z", "p", "p, Holm", "verdict"],
      words: [8],
      rows: rows.map(({ row, ours, test }) => [
        row.name,
        String(ours?.counted.length ?? 0),
        meanText(ours?.accuracy ?? null),
        `${row.mean.toFixed(2)} ± ${row.sd.toFixed(2)}`,
        orNothing(test, ({ difference }) => signed(difference)),
        orNothing(test, ({ z }) => z.toFixed(2).replace("-", "−")),
        orNothing(test, ({ p }) => pText(p)),
        orNothing(test, ({ corrected }) => pText(corrected)),
        test ? (test.corrected < REFERENCE_LEVEL ? "differs" : "agrees") : "missing",
      ]),
    },
    markdown,
  );
  const cuts = rows.flatMap((held) => [
    ...cutRow(held, "before", held.ours?.beforeCut, held.row.beforeCut, held.beforeCut),
    ...cutRow(held, "after", held.ours?.afterCut, held.row.afterCut, held.afterCut),
  ]);
  const around = tableText({ head: ["around the cut", "ours %", "theirs %", "difference", "p"], rows: cuts }, markdown);
  const orders = orderings.map(
    ({ better, worse, difference }) =>
      `${better} above ${worse}: ${difference === null ? "missing" : `${difference > 0 ? "holds" : "does not hold"}, ${signed(difference)}`}`,
  );
  const verdict = [
    `${rows.length - missing.length} of ${rows.length} rows compared`,
    rejected.length === 0
      ? `none rejected at ${percent(REFERENCE_LEVEL)}`
      : `rejected at ${percent(REFERENCE_LEVEL)}: ${names(rejected)}`,
    broken.length === 0 ? "no ordering broken" : `${broken.length} of ${orderings.length} orderings broken`,
  ];
  const list = (lines: readonly string[]) => lines.map((line) => (markdown ? `- ${line}` : line)).join("\n");
  const notes = [
    `Theirs: ${source}. Test set, last epoch, mean ± sample standard deviation. z is uncorrected; p is Welch's, then corrected by Holm over all rows.`,
    "Around the cut the reference records means alone: p takes their spread to be ours.",
    UNCHECKED,
  ];
  return [accuracies, ...(cuts.length > 0 ? [around] : []), list(orders), `${verdict.join("; ")}.`, list(notes)].join(
    "\n\n",
  );
}

const names = (rows: readonly Held[]) => rows.map(({ row }) => row.name).join(", ");

function cutRow(
  { row }: Held,
  when: string,
  ours: Summary | null | undefined,
  theirs: number | undefined,
  test: Held["afterCut"],
): string[][] {
  if (theirs === undefined) return [];
  return [
    [
      `${row.name}, ${when}`,
      meanText(ours ?? null),
      theirs.toFixed(1),
      orNothing(test, ({ difference }) => signed(difference)),
      orNothing(test, ({ p }) => pText(p)),
    ],
  ];
}

const groupJson = ({ counted, ...rest }: Group) => ({
  ...rest,
  counted: counted.map(({ folder, result }) => ({ folder, specDigest: result.specDigest })),
});

const pairJson = ({ a, b, ...rest }: Pair) => ({ a: a.digest, b: b.digest, ...rest });

const referenceJson = ({ rows, orderings, rejected, missing, broken }: AgainstReference, met: boolean) => ({
  met,
  rows: rows.map(({ row, ours, ...rest }) => ({ ...row, ours: ours && groupJson(ours), ...rest })),
  orderings,
  rejected: rejected.map(({ row }) => row.name),
  missing: missing.map(({ row }) => row.name),
  broken: broken.map(({ better, worse }) => [better, worse]),
});
