/**
 * Lines with markers and error bars, as SVG from the server: no script. Drawn twice, for wide and for narrow screens
 * (one of them is always hidden), so that letters keep their size. The numbers are in a table below it.
 */

import { rangeOf, spread } from "@ticketmark/core";
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { Marker } from "./method-mark.tsx";
import { methodStyle } from "./method-style.ts";

export interface ChartPoint {
  readonly x: number;
  readonly y: number;
  readonly low?: number;
  readonly high?: number;
  /** Shown on hover. */
  readonly title: string;
}

interface ChartSeries {
  readonly key: string;
  readonly name: string;
  /** Gives colour and marker. */
  readonly method: string;
  /** Several lines of one method share its colour: the first is solid, the others are dashed, each its own way. */
  readonly dash: number;
  /** By x. */
  readonly points: readonly ChartPoint[];
}

interface ChartProps {
  readonly title: string;
  readonly series: readonly ChartSeries[];
  /** Horizontal reference lines, e.g. the dense net. */
  readonly references: readonly {
    readonly key: string;
    readonly name: string;
    readonly method: string;
    readonly y: number;
  }[];
  /** Ticks of the x axis for a scale that maps x to pixels. */
  readonly xTicks: (place: (x: number) => number) => readonly { readonly x: number; readonly label: string }[];
  readonly xLabel: string;
  readonly yLabel: string;
  readonly formatY: (y: number, step: number) => string;
}

interface Box {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly right: number;
  readonly font: number;
}
const WIDE: Box = { width: 780, height: 420, left: 46, right: 112, font: 12 };
const NARROW: Box = { width: 358, height: 340, left: 36, right: 80, font: 11 };
const TOP = 26;
const BOTTOM = 44;
const DASHES = [undefined, "7 4", "2 3", "9 3 2 3"];
/** Pixels between lines that share an x, so that their error bars can be told apart; and from the first of them to the last. */
const STEP_ASIDE = 4;
const MOST_ASIDE = 40;

export function LineChart(props: ChartProps) {
  return (
    <>
      <Drawing {...props} box={WIDE} className="hidden sm:block" />
      <Drawing {...props} box={NARROW} className="sm:hidden" />
    </>
  );
}

function Drawing({
  title,
  series,
  references,
  xTicks,
  xLabel,
  yLabel,
  formatY,
  box,
  className,
}: ChartProps & { box: Box; className: string }) {
  const { width, height, left, right, font } = box;
  const points = series.flatMap((s) => s.points);
  const [inner, outer] = [left, width - right];
  const floor = height - BOTTOM;
  const x = scaleLinear(
    rangeOf(
      points.map((p) => p.x),
      0.05,
      0.08,
    ),
    [inner + 10, outer - 10],
  );
  const values = [...points.flatMap((p) => [p.low ?? p.y, p.high ?? p.y]), ...references.map((r) => r.y)];
  const y = scaleLinear(rangeOf(values, 0.05), [floor, TOP]);
  const ticks = y.ticks(7);
  const step = Math.min(STEP_ASIDE, MOST_ASIDE / series.length);
  const aside = (i: number) => (i - (series.length - 1) / 2) * step;

  // A line that ends well before the edge has its name beside its end; the others have theirs in the margin.
  const last = series.map((s, i) => {
    const end = s.points.at(-1)!;
    return {
      key: s.key,
      name: s.name,
      method: s.method,
      early: x(end.x) < outer - 70,
      x: x(end.x) + aside(i),
      y: y(end.y),
    };
  });
  const early = last.filter((end) => end.early);
  const ends = [
    ...last.filter((end) => !end.early),
    ...references.map((r) => ({ key: r.key, name: r.name, method: r.method, x: outer, y: y(r.y) })),
  ];
  const names = spread(
    ends.map((end) => end.y),
    font + 4,
    TOP,
    floor,
  );

  return (
    <svg
      role="img"
      aria-label={title}
      viewBox={`0 0 ${width} ${height}`}
      className={`w-full tabular-nums ${className}`}
      fontSize={font}
      fill="var(--color-soft)"
    >
      <title>{title}</title>
      {ticks.map((tick) => (
        <g key={tick}>
          <line x1={inner} x2={outer} y1={y(tick)} y2={y(tick)} stroke="var(--color-rule)" />
          <text x={inner - 7} y={y(tick)} dy="0.33em" textAnchor="end">
            {formatY(tick, (ticks[1] ?? 1) - (ticks[0] ?? 0))}
          </text>
        </g>
      ))}
      <text x={0} y={12}>
        {yLabel}
      </text>
      {xTicks(x).map((tick) => (
        <g key={tick.x}>
          <line x1={x(tick.x)} x2={x(tick.x)} y1={floor} y2={floor + 5} stroke="var(--color-edge)" />
          <text x={x(tick.x)} y={floor + 19} textAnchor="middle">
            {tick.label}
          </text>
        </g>
      ))}
      <line x1={inner} x2={outer} y1={floor} y2={floor} stroke="var(--color-edge)" />
      <text x={(inner + outer) / 2} y={height - 5} textAnchor="middle">
        {xLabel}
      </text>

      {references.map((r) => (
        <line
          key={r.key}
          x1={inner}
          x2={outer}
          y1={y(r.y)}
          y2={y(r.y)}
          stroke={methodStyle(r.method).colour}
          strokeWidth={1.3}
          strokeDasharray="2 4"
        />
      ))}
      {series.map((s, i) => (
        <g key={s.key} transform={`translate(${aside(i)},0)`}>
          <path
            d={
              line<ChartPoint>(
                (p) => x(p.x),
                (p) => y(p.y),
              )(s.points as ChartPoint[])!
            }
            fill="none"
            stroke={methodStyle(s.method).colour}
            strokeWidth={1.7}
            strokeDasharray={DASHES[s.dash % DASHES.length]}
          />
          {s.points.map((p) => (
            <g key={p.x}>
              <title>{p.title}</title>
              {p.low !== undefined && p.high !== undefined && (
                <path
                  d={`M${x(p.x)},${y(p.low)}V${y(p.high)}m-3,0h6M${x(p.x) - 3},${y(p.low)}h6`}
                  stroke={methodStyle(s.method).colour}
                  strokeWidth={1.2}
                  fill="none"
                />
              )}
              <circle cx={x(p.x)} cy={y(p.y)} r={9} fill="transparent" />
              <Marker method={s.method} x={x(p.x)} y={y(p.y)} />
            </g>
          ))}
        </g>
      ))}
      {early.map((end) => (
        <text key={end.key} x={end.x + 9} y={end.y} dy="0.33em" fill="var(--color-ink)">
          {end.name}
        </text>
      ))}
      {ends.map((end, i) => (
        <g key={end.key}>
          <path
            d={`M${end.x + 6},${end.y}L${outer + 4},${names[i]!}H${outer + 9}`}
            fill="none"
            stroke={methodStyle(end.method).colour}
            strokeWidth={0.8}
            opacity={0.7}
          />
          <text x={outer + 12} y={names[i]!} dy="0.33em" fill="var(--color-ink)">
            {end.name}
          </text>
        </g>
      ))}
    </svg>
  );
}
