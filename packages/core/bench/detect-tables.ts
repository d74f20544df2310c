/** The tables of `npm run bench:detect`, as Markdown: measured here, written by detect.ts. */
import type { Detector } from "../src/series/detector.ts";
import { DEFAULT_DETECTOR, detectors } from "../src/series/index.ts";
import { falseAlerts, milliseconds, NEAR, type Sample, sharesAlarmed, stepsFound } from "./detect-measure.ts";
import { HARD_NOISES, NOISES, type Noise, type Step } from "./detect-noise.ts";
import { SWEEP } from "./detect-sweep.ts";

/** Points of a series, but where a table says otherwise. */
export const LENGTH = 200;
const MIDDLE: Step["within"] = [60, 140];
const END: Step["within"] = [LENGTH - 5, LENGTH - 5];
const [GAUSSIAN, ...OTHERS] = NOISES;

export interface Counts {
  readonly seed: number;
  /** Series behind each figure: quiet ones, ones with a step, and of either in the sweep. */
  readonly quiet: number;
  readonly steps: number;
  readonly sweep: number;
}

const percent = (share: number) => (100 * share).toFixed(share > 0 && share < 0.01 ? 1 : 0);
const rate = (alerts: number) => alerts.toFixed(2);
const name = ({ id }: Detector) => (id === DEFAULT_DETECTOR ? `**${id}**` : id);

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Shares of steps found, in percent, one for each size. */
const found = (detector: Detector, noise: Noise, sizes: readonly number[], within: Step["within"], sample: Sample) =>
  sizes.map((size) => percent(stepsFound(detector, noise, { size, within }, sample).share)).join(" / ");

const quietRates = (detector: Detector, sample: Sample) =>
  NOISES.map((noise) => rate(falseAlerts(detector, noise, sample))).join(" / ");

/** False alerts, steps found, position errors and times of all detectors. */
export function mainTable({ seed, quiet, steps }: Counts): string {
  const sample = { seed, count: steps, length: LENGTH };
  const rows = detectors.list.map((detector) => {
    const middle = [1, 2, 4].map((size) => stepsFound(detector, GAUSSIAN, { size, within: MIDDLE }, sample));
    const errors = middle.map(({ errors }) => {
      if (errors.length === 0) return "–";
      const sum = errors.reduce((total, error) => total + error, 0);
      return `${errors[Math.floor(errors.length / 2)]}, ${(sum / errors.length).toFixed(2)}`;
    });
    return [
      name(detector),
      quietRates(detector, { ...sample, count: quiet }),
      middle.map(({ share }) => percent(share)).join(" / "),
      found(detector, GAUSSIAN, [1, 2, 4], END, sample),
      errors.join(" / "),
      milliseconds(detector, GAUSSIAN, sample).toFixed(2),
    ];
  });
  return markdown(
    [
      "detector",
      `false alerts per 1,000 points: ${NOISES.map(({ id }) => id).join(" / ")}`,
      "found, %: steps of 1 / 2 / 4 %",
      "the same 5 points before the end",
      "position error of those in the middle, points: median, mean",
      "ms a series",
    ],
    rows,
  );
}

/** Steps under noise that is not Gaussian. */
export function otherNoises({ seed, steps }: Counts): string {
  const sample = { seed, count: Math.ceil(steps / 2), length: LENGTH };
  return markdown(
    ["detector", ...OTHERS.map(({ id }) => `${id}: 2 / 4 %`), ...OTHERS.map(({ id }) => `${id}, 5 before the end`)],
    detectors.list.map((detector) => [
      name(detector),
      ...[MIDDLE, END].flatMap((within) => OTHERS.map((noise) => found(detector, noise, [2, 4], within, sample))),
    ]),
  );
}

/** What each detector trades: its threshold from lax to strict. */
export function sweepTable({ seed, sweep }: Counts): string {
  const sample = { seed, count: sweep, length: LENGTH };
  return markdown(
    ["detector", "threshold", "false alerts per 1,000", "found, %: 1 / 2 %", "5 before the end: 1 / 2 / 4 %"],
    SWEEP.flatMap(({ threshold, settings }) =>
      settings.map(([setting, detector]) => [
        name(detector),
        `${threshold} ${setting}`,
        quietRates(detector, sample),
        found(detector, GAUSSIAN, [1, 2], MIDDLE, sample),
        found(detector, GAUSSIAN, [1, 2, 4], END, sample),
      ]),
    ),
  );
}

/** Quiet series under noise that no detector here was made for. */
export function hardNoises({ seed, sweep }: Counts): string {
  const sample = { seed, count: sweep, length: LENGTH };
  return markdown(
    ["detector", ...HARD_NOISES.map(({ id, text }) => `${id}: ${text}`)],
    detectors.list.map((detector) => [
      name(detector),
      ...HARD_NOISES.map((noise) => rate(falseAlerts(detector, noise, sample))),
    ]),
  );
}

/** Whether p is what it says: quiet series with a change point of at most that p. */
export function honesty({ seed, quiet }: Counts): string {
  const asked = [0.05, 0.02, 0.01, 0.001];
  return markdown(
    ["points of a series", ...asked.map((p) => `p ≤ ${p}`)],
    [10, 20, 50, 200, 1000].map((length) => {
      const sample = { seed, count: Math.ceil((quiet * LENGTH) / Math.max(length, LENGTH / 4)), length };
      const shares = sharesAlarmed(detectors.get(DEFAULT_DETECTOR), GAUSSIAN, asked, sample);
      return [String(length), ...shares.map((share) => `${(100 * share).toFixed(2)} %`)];
    }),
  );
}

export const NOTES = [
  `Series of ${LENGTH} points around 100; a step begins at any point of ${MIDDLE.join(" … ")}, or at ${END[0]}, up or down. Found: a change point within ${NEAR} points.`,
  ...NOISES.map(({ id, text }) => `${id}: ${text}.`),
];
