/**
 * `ticketmark detect FILE`: where series of measurements change their level. It needs no site, and no series of ours: any
 * CSV or JSON of series-file.ts will do.
 */
import { type ChangePoint, type Detector, detectors } from "@ticketmark/core";
import { readSeries, type Series } from "./series-file.ts";
import { printable } from "./status.ts";
import { numberText, textPlot } from "./text-plot.ts";

interface DetectCommand {
  /** "-" for stdin. */
  readonly path: string;
  /** Id of a detector. */
  readonly method: string;
  readonly json: boolean;
  /** Characters of a line of text. */
  readonly width: number;
}

interface Searched extends Series {
  readonly changePoints: readonly ChangePoint[];
}

/**
 * What to print. An `index` counts the values of its series from 0 and is that of the new level's first one. Throws
 * Problem of readSeries, or "bad-spec" where there is no such detector.
 */
export async function detectCommand({ path, method, json, width }: DetectCommand): Promise<string> {
  const detector = detectors.get(method);
  const searched = (await readSeries(path)).map(
    (series): Searched => ({ ...series, changePoints: detector.detect(series.values) }),
  );
  if (json) return JSON.stringify({ series: searched.map(seriesJson) }, null, 2);
  return [summaryText(searched, detector), ...searched.map((series) => seriesText(series, width))].join("\n\n");
}

const seriesJson = ({ name, commits, changePoints }: Searched) => ({
  name,
  changePoints: changePoints.map(({ index, before, after, p }) => ({
    index,
    ...(commits && { commit: commits[index] }),
    before,
    after,
    p,
  })),
});

const count = (n: number, one: string, many = `${one}s`) => `${n.toLocaleString("en-GB")} ${n === 1 ? one : many}`;

/** "3 series, 360 values: 2 changes, in 1 series (E-divisive)". */
function summaryText(searched: readonly Searched[], { name }: Detector): string {
  const values = searched.reduce((sum, { values }) => sum + values.length, 0);
  const changes = searched.reduce((sum, { changePoints }) => sum + changePoints.length, 0);
  const changed = searched.filter(({ changePoints }) => changePoints.length > 0).length;
  const found = changes === 0 ? "no change" : `${count(changes, "change")}, in ${count(changed, "series", "series")}`;
  return `${count(searched.length, "series", "series")}, ${count(values, "value")}: ${found} (${name})`;
}

function seriesText({ name, values, commits, changePoints }: Searched, width: number): string {
  const title = `${inLine(name)}: ${count(values.length, "value")}`;
  if (values.length === 0) return title;
  const digits = Math.max(...changePoints.map(({ index }) => String(index).length));
  return [
    changePoints.length === 0 ? `${title}, no change` : title,
    textPlot({ values, marks: changePoints.map(({ index }) => index), width }),
    ...changePoints.map(({ index, before, after, p }) =>
      [
        `▲ ${String(index).padStart(digits)}`,
        ...(commits ? [`commit ${shortened(commits[index]!)}`] : []),
        stepText(before, after),
        `p ${Number(p.toPrecision(1))}`,
      ].join("  "),
    ),
  ].join("\n");
}

/** "1.002 → 1.104 (+10.2 %)"; nothing is a share of a level of 0. */
function stepText(before: number, after: number): string {
  const number = numberText(before, after);
  const percent = Number((100 * ((after - before) / Math.abs(before))).toPrecision(3));
  const share = Number.isFinite(percent) ? ` (${percent < 0 ? "−" : "+"}${Math.abs(percent)} %)` : "";
  return `${number(before)} → ${number(after)}${share}`;
}

/** Characters of a commit that tell it from others. */
const COMMIT = 12;

function shortened(commit: string): string {
  const whole = inLine(commit);
  return whole.length > COMMIT ? `${whole.slice(0, COMMIT)}…` : whole;
}

/** Text of a file, which may neither command the terminal nor end the line. */
const inLine = (text: string) => printable(text).replace(/[\t\n]/g, " ");
