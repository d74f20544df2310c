/** What the marks of a series' drawing mean: only those that it has. */
import type { ReactNode } from "react";
import type { DrawnSeries } from "./series-drawing.tsx";

export function SeriesLegend({ series: { points, changes, alerts } }: { series: DrawnSeries }) {
  const marks: readonly (readonly [boolean, ReactNode, string])[] = [
    [
      points.some(({ low }) => low !== null),
      <path key="bar" d="M10,1V11" stroke="var(--color-accent)" strokeWidth={1.4} opacity={0.7} />,
      "quartiles of a commit’s runs",
    ],
    [
      points.some(({ band }) => band !== null),
      <g key="band">
        <rect width={20} height={12} fill="var(--color-wash)" />
        <path d="M0,6H20" stroke="var(--color-accent)" strokeDasharray="2 3" />
      </g>,
      "where the gate expects a point, from up to 30 before it, and their median",
    ],
    [
      changes.length > 0,
      <path key="rule" d="M10,0V12" stroke="var(--color-bad)" strokeWidth={1.3} strokeDasharray="3 2" />,
      "a new level begins, and by how much",
    ],
    [
      alerts.length > 0,
      <path key="alert" d="M10,11L4.5,1h11z" fill="var(--color-bad)" />,
      "alert (hollow: for other series of that commit)",
    ],
    [
      points.some(({ bits }) => bits !== null),
      <rect key="bits" width={20} height={12} fill="var(--color-accent)" opacity={0.4} />,
      "one letter as long as ticket, trained net and trace are the same, bit for bit",
    ],
  ];
  return (
    <ul aria-label="Legend" className="note mt-2 flex flex-wrap gap-x-5 gap-y-1">
      {marks.map(
        ([has, mark, text]) =>
          has && (
            <li key={text} className="flex items-baseline gap-1.5">
              <svg viewBox="0 0 20 12" className="h-3 w-5 shrink-0" aria-hidden="true">
                {mark}
              </svg>
              {text}
            </li>
          ),
      )}
    </ul>
  );
}
