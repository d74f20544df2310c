/** A mean and its interval on a scale that all rows of a table section share: compare rows by eye. */

import { rangeOf } from "@ticketmark/core";
import { scaleLinear } from "d3-scale";
import { Marker } from "./method-mark.tsx";
import { methodStyle } from "./method-style.ts";

export interface Interval {
  readonly mean: number;
  readonly half: number;
}

const [WIDTH, HEIGHT] = [190, 18];

/** `all`: every interval of the section. */
export function IntervalPlot({ method, mean, half, all }: Interval & { method: string; all: readonly Interval[] }) {
  const x = scaleLinear(
    rangeOf(
      all.flatMap((i) => [i.mean - i.half, i.mean + i.half]),
      0.04,
      0.0005,
    ),
    [6, WIDTH - 6],
  );
  return (
    <svg
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      className="inline-block h-[18px] w-[190px] align-[-0.3em]"
      aria-hidden="true"
    >
      <line x1={0} x2={WIDTH} y1={HEIGHT / 2} y2={HEIGHT / 2} stroke="var(--color-rule)" />
      <line
        x1={x(mean - half)}
        x2={x(mean + half)}
        y1={HEIGHT / 2}
        y2={HEIGHT / 2}
        stroke={methodStyle(method).colour}
        strokeWidth={2}
      />
      <Marker method={method} x={x(mean)} y={HEIGHT / 2} />
    </svg>
  );
}
