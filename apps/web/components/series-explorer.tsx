"use client";
/**
 * A series to look into: what the pointer or the arrow keys are on is read out above, a drag or the wheel zooms, and the
 * address keeps what is shown. The server draws the same picture, so without script it is simply there. To a screen
 * reader it is a slider over the points: its value in words is the read-out.
 */
import Link from "next/link";
import { useRouter } from "next/navigation";
import { type KeyboardEvent, memo, type PointerEvent, useEffect, useEffectEvent, useRef, useState } from "react";
import { type Box, type DrawnSeries, layoutOf, NARROW, SeriesDrawing, WIDE } from "./series-drawing.tsx";
import { readOut } from "./series-read-out.ts";
import {
  between,
  isWhole,
  moved,
  placeAfterKey,
  type Range,
  rangeQuery,
  showing,
  whole,
  zoomed,
} from "./series-view.ts";

const Drawing = memo(SeriesDrawing);
/** A step of wheel, key or button. */
const STEP = 0.7;
const ZOOM_KEYS: Readonly<Record<string, number>> = { "+": STEP, "=": STEP, "-": 1 / STEP };
/** Pixels that a pointer may move within a click. */
const STILL = 5;
/** The address follows when zooming has ended: browsers count how often it changes. */
const ADDRESS_MS = 300;
/** Where the cursor's line begins, above the highest point. */
const TOP = 30;

export function SeriesExplorer({ series, start }: { series: DrawnSeries; start: Range }) {
  const { points } = series;
  const router = useRouter();
  const [range, setRange] = useState(start);
  const [place, setPlace] = useState(start.to);
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const frame = useRef<HTMLDivElement>(null);

  const commits = points.map(({ commit }) => commit);
  const query = rangeQuery(commits, range);
  const changed = range !== start;
  useEffect(() => {
    if (!changed) return;
    const timer = setTimeout(
      () => history.replaceState(null, "", location.pathname + query + location.hash),
      ADDRESS_MS,
    );
    return () => clearTimeout(timer);
  }, [changed, query]);

  const zoom = (factor: number, centre = place) => setRange(zoomed(range, points.length, factor, centre));
  const select = (next: number) => {
    setPlace(next);
    setRange(showing(range, points.length, next));
  };

  /** A plain wheel scrolls the page; with Ctrl or ⌘, or once the chart has the focus, it zooms; sideways it moves. */
  const onWheel = useEffectEvent((event: WheelEvent) => {
    const svg = (event.target as Element).closest("svg");
    const focused = frame.current?.contains(document.activeElement);
    if (!svg || !(event.ctrlKey || event.metaKey || focused)) return;
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (isWhole(range, points.length) && (sideways || event.deltaY > 0)) return;
    event.preventDefault();
    if (sideways) setRange(moved(range, points.length, Math.sign(event.deltaX)));
    else zoom(event.deltaY < 0 ? STEP : 1 / STEP, placeUnder(svg, event.clientX, series, range));
  });
  useEffect(() => {
    const element = frame.current!;
    element.addEventListener("wheel", onWheel, { passive: false }); // React's own listeners may not keep a page from scrolling
    return () => element.removeEventListener("wheel", onWheel);
  }, []);

  function onKeyDown(event: KeyboardEvent) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const next = placeAfterKey(event.key, place, points.length, range);
    const factor = ZOOM_KEYS[event.key];
    if (next !== null) select(next);
    else if (factor !== undefined) zoom(factor);
    else if (event.key === "0") setRange(whole(points.length));
    else if (event.key === "Enter") router.push(`/regressions/commits/${points[place]!.commit}`);
    else return;
    event.preventDefault();
  }

  const pointer = {
    onPointerDown(event: PointerEvent<SVGSVGElement>) {
      if (event.button !== 0) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      const x = xIn(event.currentTarget, event.clientX);
      setDrag({ from: x, to: x });
      setPlace(placeUnder(event.currentTarget, event.clientX, series, range)); // a finger comes without moving
    },
    onPointerMove(event: PointerEvent<SVGSVGElement>) {
      setPlace(placeUnder(event.currentTarget, event.clientX, series, range));
      if (drag) setDrag({ ...drag, to: xIn(event.currentTarget, event.clientX) });
    },
    onPointerUp(event: PointerEvent<SVGSVGElement>) {
      if (!drag) return;
      setDrag(null);
      const layout = layoutOf(series, range, boxOf(event.currentTarget));
      const to = xIn(event.currentTarget, event.clientX);
      if (Math.abs(to - drag.from) > STILL) setRange(between(layout.at(drag.from), layout.at(to), points.length));
    },
    onPointerCancel: () => setDrag(null),
  };

  const told = readOut(series, place);
  return (
    <div>
      <div className="flex flex-wrap items-start justify-between gap-x-6 gap-y-2">
        {/* As high as the longest read-out: the chart below must not jump while the pointer moves. */}
        <div className="h-20 min-w-0 grow basis-80 text-sm sm:h-15" data-testid="read-out">
          <p className="tabular-nums">
            <strong className="font-semibold">{told.value}</strong> <span className="text-soft">{told.change}</span>
          </p>
          <p className="line-clamp-3 sm:line-clamp-2">
            <Link className="link font-mono text-xs" href={`/regressions/commits/${told.commit}`} prefetch={false}>
              {told.commit.slice(0, 10)}
            </Link>{" "}
            <span className="text-soft">{told.about}</span>
          </p>
        </div>
        <div className="flex items-center gap-1.5">
          <Button label="Zoom in" sign="+" disabled={range.to - range.from < 3} onClick={() => zoom(STEP)} />
          <Button label="Zoom out" sign="−" disabled={isWhole(range, points.length)} onClick={() => zoom(1 / STEP)} />
          <Button
            label="Show all points"
            sign="all"
            disabled={isWhole(range, points.length)}
            onClick={() => setRange(whole(points.length))}
          />
        </div>
      </div>
      <div
        ref={frame}
        role="slider"
        tabIndex={0}
        aria-label={series.title}
        aria-describedby="series-keys"
        aria-valuemin={1}
        aria-valuemax={points.length}
        aria-valuenow={place + 1}
        aria-valuetext={told.text}
        onKeyDown={onKeyDown}
        className="mt-1"
      >
        {BOXES.map(({ box, className }) => (
          <Plot
            key={box.width}
            box={box}
            className={className}
            series={series}
            range={range}
            place={place}
            drag={drag}
            {...pointer}
          />
        ))}
      </div>
      <p id="series-keys" className="note mt-1">
        Drag across a part to enlarge it. Arrow keys go from point to point, Enter opens the commit; + − 0 zoom, as does
        the wheel once the chart has the focus, or with Ctrl or ⌘.
      </p>
    </div>
  );
}

const BOXES = [
  { box: WIDE, className: "hidden sm:block" },
  { box: NARROW, className: "sm:hidden" },
];

const boxOf = (svg: Element): Box => BOXES.find(({ box }) => svg.getAttribute("data-box") === String(box.width))!.box;

/** In the drawing's own units. */
function xIn(svg: Element, clientX: number): number {
  const { left, width } = svg.getBoundingClientRect();
  return ((clientX - left) / width) * boxOf(svg).width;
}

const placeUnder = (svg: Element, clientX: number, series: DrawnSeries, range: Range): number =>
  layoutOf(series, range, boxOf(svg)).at(xIn(svg, clientX));

interface PlotProps extends React.SVGProps<SVGSVGElement> {
  readonly box: Box;
  readonly series: DrawnSeries;
  readonly range: Range;
  readonly place: number;
  readonly drag: { readonly from: number; readonly to: number } | null;
}

/** The drawing, and above it what moves: drawn again with every step of the pointer, which the drawing is not. */
function Plot({ box, className, series, range, place, drag, ...pointer }: PlotProps) {
  const { x, y, floor, left, right } = layoutOf(series, range, box);
  const point = series.points[place]!;
  const inside = (at: number) => Math.min(right, Math.max(left, at));
  const visible = place >= range.from && place <= range.to;
  return (
    <div className={`relative ${className}`}>
      <Drawing series={series} range={range} box={box} className="block w-full tabular-nums" />
      <svg
        aria-hidden="true"
        data-box={box.width}
        viewBox={`0 0 ${box.width} ${box.height}`}
        className="absolute inset-0 block w-full cursor-crosshair touch-pan-y select-none"
        {...pointer}
      >
        <rect width={box.width} height={box.height} fill="transparent" />
        {drag && Math.abs(drag.to - drag.from) > STILL && (
          <path
            d={`M${inside(drag.from)},${TOP}H${inside(drag.to)}V${floor}H${inside(drag.from)}Z`}
            fill="var(--color-accent)"
            opacity={0.16}
          />
        )}
        {visible && (
          <>
            <line
              x1={x(place)}
              x2={x(place)}
              y1={TOP}
              y2={floor}
              stroke="var(--color-ink)"
              strokeWidth={0.8}
              opacity={0.6}
            />
            <circle
              cx={x(place)}
              cy={y(point.value)}
              r={5}
              fill="var(--color-sheet)"
              stroke="var(--color-ink)"
              strokeWidth={1.8}
            />
          </>
        )}
      </svg>
    </div>
  );
}

function Button(props: { label: string; sign: string; disabled: boolean; onClick: () => void }) {
  return (
    <button
      type="button"
      aria-label={props.label}
      title={props.label}
      disabled={props.disabled}
      onClick={props.onClick}
      className="chip min-w-8 justify-center disabled:opacity-45"
    >
      {props.sign}
    </button>
  );
}
