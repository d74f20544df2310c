/**
 * A series as SVG: where the gate expected each point, the levels between change points, the points with the quartiles of
 * their runs, change points as rules, alerts as flags, and below them a strip that says which bits came out. Used on the
 * page and, written out as text, as a file. Points are one path, so that 2,000 of them cost no more than 20.
 */
import type { Band, Metric } from "@ticketmark/core";
import { scaleLinear } from "d3-scale";
import type { ReactElement } from "react";
import type { Step } from "../db/series-points.ts";
import { axisUnit, bitsName, changeText } from "./series-units.ts";
import { placesIn, type Range, ticksIn } from "./series-view.ts";

export interface DrawnPoint {
  readonly commit: string;
  readonly subject: string;
  /** "24 Nov 2026, 10:00", UTC. */
  readonly time: string;
  readonly value: number;
  readonly runs: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly skipped: number;
  readonly step: Step | null;
  readonly missing: readonly number[];
  readonly bits: number | null;
  readonly band: Band | null;
}

export interface DrawnSeries {
  readonly title: string;
  readonly metric: Pick<Metric, "id" | "name" | "unit" | "kind" | "better">;
  readonly points: readonly DrawnPoint[];
  readonly changes: readonly {
    readonly index: number;
    readonly before: number;
    readonly after: number;
  }[];
  readonly alerts: readonly { readonly index: number; readonly own: boolean; readonly title: string }[];
}

export interface Box {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly font: number;
}
export const WIDE: Box = { width: 1080, height: 440, left: 58, font: 12 };
export const NARROW: Box = { width: 358, height: 340, left: 48, font: 11 };
const TOP = 44;
const RIGHT = 14;
const AXIS = 38;
const STRIP = 16;
/** Between the frame and the outermost points. */
const INSET = 12;
/** Pixels that a label of the horizontal axis takes. */
const LABEL = 92;
/** From so many points shown on, points are smaller, then no marks at all beside the line. */
const SMALLER = 150;

/** Where things are: for who draws upon it. */
export function layoutOf(series: DrawnSeries, range: Range, box: Box) {
  const shown = series.points.slice(range.from, range.to + 1);
  const hasBits = series.points.some(({ bits }) => bits !== null);
  const floor = box.height - AXIS - (hasBits ? STRIP + 8 : 0);
  const places = placesIn(range, box.left + INSET, box.width - RIGHT - INSET);
  const [low, high] = valueRange(shown, series.metric);
  const y = scaleLinear([low, high], [floor, TOP]);
  return { ...places, y, floor, shown, hasBits, left: box.left, right: box.width - RIGHT };
}

/** How much of the band is shown on each side, in heights of what the points take: it may not dwarf them. */
const MOST_BAND = 2;

/**
 * All that is shown, with a margin, but no room for what cannot be: nothing that is measured is negative, no share above 1.
 * A series that never moves is not blown up.
 */
function valueRange(shown: readonly DrawnPoint[], { unit }: Pick<Metric, "unit">): [number, number] {
  const values = shown.flatMap(({ value, low, high }) => [value, low ?? value, high ?? value]);
  if (values.length === 0) return [0, 1];
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const room = Math.max(MOST_BAND * (most - least), Math.abs(most) * 0.01, 1e-9);
  const bands = shown.flatMap(({ band }) => (band ? [band.low, band.high] : []));
  const low = Math.max(least - room, Math.min(least, ...bands));
  const high = Math.min(most + room, Math.max(most, ...bands));
  const margin = Math.max((high - low) * 0.08, Math.abs(most) * 0.001, 1e-12);
  const bound = unit === "1" ? Math.max(1, most) : Number.POSITIVE_INFINITY;
  return [Math.max(Math.min(0, least), low - margin), Math.min(bound, high + margin)];
}

const px = (x: number): string => x.toFixed(1);

export function SeriesDrawing({
  series,
  range,
  box,
  className,
}: {
  series: DrawnSeries;
  range: Range;
  box: Box;
  className?: string;
}): ReactElement {
  const layout = layoutOf(series, range, box);
  const { x, y, floor, shown, left, right } = layout;
  const largest = Math.max(...y.domain().map(Math.abs));
  const unit = axisUnit(series.metric, largest);
  const inUnits = scaleLinear(
    y.domain().map((value) => value / unit.size),
    y.range(),
  );
  const ticks = inUnits.ticks(6);
  const tickText = inUnits.tickFormat(6, "~f");
  const last = series.points.length - 1;
  return (
    <svg
      xmlns="http://www.w3.org/2000/svg"
      role="img"
      aria-label={series.title}
      viewBox={`0 0 ${box.width} ${box.height}`}
      className={className}
      fontSize={box.font}
      fill="var(--color-soft)"
    >
      <title>{series.title}</title>
      {ticks.map((tick) => (
        <g key={tick}>
          <line x1={left} x2={right} y1={px(inUnits(tick))} y2={px(inUnits(tick))} stroke="var(--color-rule)" />
          <text x={left - 7} y={px(inUnits(tick))} dy="0.33em" textAnchor="end">
            {tickText(tick)}
          </text>
        </g>
      ))}
      <text x={0} y={14}>
        {`${series.metric.name.toLowerCase()}, ${unit.name} (${series.metric.better} is better)`}
      </text>
      {ticksIn(range, right - left - 2 * INSET, LABEL).map((place) => {
        const { commit, time } = series.points[place]!;
        const anchor = place === range.to && place !== range.from ? "end" : "middle";
        const at = px(anchor === "end" ? Math.min(x(place) + 24, right) : x(place));
        return (
          <g key={place}>
            <line
              x1={px(x(place))}
              x2={px(x(place))}
              y1={box.height - AXIS}
              y2={box.height - AXIS + 5}
              stroke="var(--color-edge)"
            />
            <text
              x={at}
              y={box.height - AXIS + 18}
              textAnchor={anchor}
              fill="var(--color-ink)"
              fontFamily="ui-monospace, monospace"
            >
              {commit.slice(0, 7)}
            </text>
            <text x={at} y={box.height - AXIS + 33} textAnchor={anchor}>
              {time.split(",")[0]}
            </text>
          </g>
        );
      })}
      <Expected shown={shown} from={range.from} x={x} y={y} floor={floor} />
      <Changes series={series} range={range} layout={layout} font={box.font} />
      <Runs shown={shown} from={range.from} x={x} y={y} />
      <line x1={left} x2={right} y1={floor} y2={floor} stroke="var(--color-edge)" />
      {layout.hasBits && <Bits series={series} range={range} layout={layout} top={floor + 6} />}
      {series.alerts
        .filter(({ index }) => index >= range.from && index <= range.to)
        .map(({ index, own, title }) => (
          <path
            key={title}
            d={`M${px(x(index))},${px(y(series.points[index]!.value) - 8)}l-5.5,-10h11z`}
            fill={own ? "var(--color-bad)" : "var(--color-sheet)"}
            stroke="var(--color-bad)"
            strokeWidth={1.4}
          >
            <title>{title}</title>
          </path>
        ))}
      {range.from > 0 && <More x={left + 2} y={floor - 6} anchor="start" text={`← ${range.from} before`} />}
      {range.to < last && <More x={right - 2} y={floor - 6} anchor="end" text={`${last - range.to} after →`} />}
    </svg>
  );
}

const More = ({ x, y, anchor, text }: { x: number; y: number; anchor: "start" | "end"; text: string }) => (
  <text x={x} y={y} textAnchor={anchor} fontSize="0.92em">
    {text}
  </text>
);

interface Drawn {
  readonly shown: readonly DrawnPoint[];
  readonly from: number;
  readonly x: (place: number) => number;
  readonly y: (value: number) => number;
}

/** The band as an area, its median as a broken line; a first point has none, nor has one whose metric nobody watches. */
function Expected({ shown, from, x, y, floor }: Drawn & { floor: number }) {
  const within = (value: number) => px(Math.min(floor, Math.max(TOP, y(value))));
  const bands = shown.flatMap(({ band }, i) => (band ? [{ at: px(x(from + i)), band }] : []));
  if (bands.length < 2) return null;
  const high = bands.map(({ at, band }) => `${at},${within(band.high)}`).join("L");
  const low = bands.map(({ at, band }) => `${at},${within(band.low)}`).reverse();
  const level = bands.map(({ at, band }) => `${at},${within(band.level)}`).join("L");
  return (
    <>
      <path d={`M${high}L${low.join("L")}Z`} fill="var(--color-wash)" />
      <path
        d={`M${level}`}
        fill="none"
        stroke="var(--color-accent)"
        strokeWidth={1}
        strokeDasharray="2 3"
        opacity={0.8}
      />
    </>
  );
}

/** Quartiles, the line through the points, the points: three paths. */
function Runs({ shown, from, x, y }: Drawn) {
  const at = shown.map(({ value }, i) => `${px(x(from + i))},${px(y(value))}`);
  const bars = shown.flatMap(({ low, high }, i) =>
    low === null || high === null ? [] : [`M${px(x(from + i))},${px(y(low))}V${px(y(high))}`],
  );
  const size = shown.length > SMALLER ? 3 : 6;
  return (
    <>
      <path d={bars.join("")} stroke="var(--color-accent)" strokeWidth={1.2} opacity={0.55} fill="none" />
      <path d={`M${at.join("L")}`} stroke="var(--color-accent)" strokeWidth={1.2} opacity={0.7} fill="none" />
      <path
        d={at.map((point) => `M${point}h0`).join("")}
        stroke="var(--color-accent)"
        strokeWidth={size}
        strokeLinecap="round"
        fill="none"
      />
    </>
  );
}

type Layout = ReturnType<typeof layoutOf>;

/** A rule before the first point of each new level, with how much it is, and the levels themselves. */
function Changes({ series, range, layout, font }: { series: DrawnSeries; range: Range; layout: Layout; font: number }) {
  const { x, y, floor, left, right } = layout;
  const { changes, metric } = series;
  const clip = (place: number) => px(Math.min(right, Math.max(left, x(place))));
  const labels: { index: number; from: number; to: number }[] = [];
  for (const { index, before, after } of changes) {
    const half = (changeText(metric, before, after).length * font * 0.6) / 2;
    const at = Math.min(right - half, Math.max(left + half, x(index - 0.5)));
    const room = labels.every((other) => at + half + 4 < other.from || at - half - 4 > other.to);
    if (room && index > range.from && index <= range.to) labels.push({ index, from: at - half, to: at + half });
  }
  return (
    <>
      {changes.map(({ index, before, after }, i) => {
        const colour = after > before === (metric.better === "higher") ? "var(--color-accent)" : "var(--color-bad)";
        const end = (changes[i + 1]?.index ?? series.points.length) - 1;
        const label = labels.find((one) => one.index === index);
        return (
          <g key={index}>
            {i === 0 && index - 1 >= range.from && (
              <path
                d={`M${clip(0)},${px(y(before))}H${clip(index - 1)}`}
                stroke="var(--color-soft)"
                strokeWidth={1.4}
              />
            )}
            {end >= range.from && index <= range.to && (
              <path d={`M${clip(index)},${px(y(after))}H${clip(end)}`} stroke="var(--color-soft)" strokeWidth={1.4} />
            )}
            {index > range.from && index <= range.to && (
              <line
                x1={px(x(index - 0.5))}
                x2={px(x(index - 0.5))}
                y1={TOP - 8}
                y2={floor}
                stroke={colour}
                strokeWidth={1.3}
                strokeDasharray="5 3"
              />
            )}
            {label && (
              <text x={px((label.from + label.to) / 2)} y={TOP - 13} textAnchor="middle" fill={colour} fontWeight={600}>
                {changeText(metric, before, after)}
              </text>
            )}
          </g>
        );
      })}
    </>
  );
}

const SHADES = ["accent", "method-l1", "method-synflow", "method-random"];

/** Stretches of points with the same bits, in turns of colours, named where there is room. */
function Bits({ series, range, layout, top }: { series: DrawnSeries; range: Range; layout: Layout; top: number }) {
  const { x, left, right } = layout;
  const stretches: { state: number | null; from: number; to: number }[] = [];
  for (let place = range.from; place <= range.to; place++) {
    const state = series.points[place]!.bits;
    const last = stretches.at(-1);
    if (last && last.state === state) last.to = place;
    else stretches.push({ state, from: place, to: place });
  }
  return (
    <>
      <text x={left - 7} y={top + STRIP / 2} dy="0.33em" textAnchor="end">
        bits
      </text>
      {stretches.map(({ state, from, to }) => {
        if (state === null) return null;
        const start = Math.max(left, from === range.from ? left : x(from - 0.5));
        const end = to === range.to ? right : x(to + 0.5);
        return (
          <g key={from}>
            <title>{`bits ${bitsName(state)}`}</title>
            <rect
              x={px(start)}
              width={px(Math.max(0.5, end - start))}
              y={top}
              height={STRIP}
              fill={`var(--color-${SHADES[state % SHADES.length]})`}
              opacity={0.4}
            />
            {end - start > 14 && (
              <text
                x={px((start + end) / 2)}
                y={top + STRIP / 2}
                dy="0.34em"
                textAnchor="middle"
                fill="var(--color-ink)"
                fontWeight={600}
              >
                {bitsName(state)}
              </text>
            )}
          </g>
        );
      })}
    </>
  );
}
