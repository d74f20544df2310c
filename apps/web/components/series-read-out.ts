/** A point in words: the same for the eye, for a screen reader and for what the pointer is on. */
import { formatCount, plural } from "./format.ts";
import type { DrawnSeries } from "./series-drawing.tsx";
import { bitsName, changeText, valueText } from "./series-units.ts";

export interface ReadOut {
  readonly commit: string;
  readonly value: string;
  /** Against the point before. */
  readonly change: string;
  /** Subject, time, runs, bits. */
  readonly about: string;
  /** All of it in a sentence. */
  readonly text: string;
}

export function readOut({ metric, points }: DrawnSeries, place: number): ReadOut {
  const point = points[place]!;
  const before = points[place - 1];
  const { step, missing } = point;
  const value = valueText(metric, point.value);
  const change =
    before === undefined
      ? "the first point"
      : step === null
        ? "no seed in common with the point before"
        : step.before === step.after
          ? "as the point before"
          : `${changeText(metric, step.before, step.after)} to the point before`;
  const about = [
    point.subject,
    point.time,
    point.runs > 1 && plural(point.runs, "run"),
    missing.length > 0 && `without seed ${missing.join(", ")}`,
    point.low !== null &&
      point.high !== null &&
      `quartiles ${valueText(metric, point.low)} … ${valueText(metric, point.high)}`,
    bitsText(point.bits, before?.bits),
    point.skipped > 0 &&
      `${formatCount(point.skipped)} unmeasured ${point.skipped === 1 ? "commit" : "commits"} before it`,
  ]
    .filter((part) => part !== false && part !== "")
    .join(" · ");
  return {
    ...{ commit: point.commit, value, change, about },
    text: `${value}, ${change}; commit ${point.commit.slice(0, 7)}, ${about.replaceAll(" · ", ", ")}`,
  };
}

function bitsText(bits: number | null, before: number | null | undefined): string {
  if (bits === null) return "";
  const changed = before !== null && before !== undefined && before !== bits;
  return changed ? `other bits (${bitsName(before)} to ${bitsName(bits)})` : `bits ${bitsName(bits)}`;
}
