/** Lines over two axes, each with its name on the right: led to from its end, or where that is far, with a piece of the line. */
import { rangeOf, spread } from "@ticketmark/core";
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { EDGE, el, FONT_SIZE, INK, path, picture, RULE, short, text } from "./svg.ts";

export interface Point {
  readonly x: number;
  readonly y: number;
  /** Ends of a whisker. */
  readonly low?: number;
  readonly high?: number;
}

export interface Line {
  readonly name: string;
  readonly colour: string;
  /** Lines of one colour differ by their dashes: the first is solid. */
  readonly dash: number;
  /** Of each is drawn thinly what the line is the mean of. */
  readonly members?: readonly (readonly Point[])[];
  /** None where the members have no mean. */
  readonly points: readonly Point[];
  readonly markers: boolean;
}

export interface Tick {
  readonly at: number;
  readonly label: string;
}

interface LinePlot {
  readonly title: string;
  readonly lines: readonly Line[];
  /** Horizontal lines, such as the dense net's accuracy. */
  readonly levels: readonly { readonly name: string; readonly colour: string; readonly y: number }[];
  readonly xLabel: string;
  readonly yLabel: string;
  /** Given what maps a value to pixels. */
  readonly xTicks: (place: (x: number) => number) => readonly Tick[];
  readonly yTicks: (place: (y: number) => number, range: readonly [number, number]) => readonly Tick[];
}

const WIDTH = 860;
const HEIGHT = 500;
const TOP = 62;
const FLOOR = HEIGHT - 54;
const LEFT = 66;
/** Width of a letter, about: names have the room on the right that the longest takes. */
const LETTER = 6.4;
const DASHES = [undefined, "7 4", "2 3", "9 3 2 3"];
/** Pixels between lines that share an x, so that their whiskers can be told apart. */
const STEP_ASIDE = 3;
/** Unlike any line of data. */
const LEADER = { "stroke-width": 0.8, "stroke-dasharray": "1 3" };
/** Pixels that a name may be away from the end of a curve: a longer leader would cross other curves and look like one. */
const FAR = 60;

export function linePlot({ title, lines, levels, xLabel, yLabel, xTicks, yTicks }: LinePlot): string {
  const longest = Math.max(...[...lines, ...levels].map(({ name }) => name.length));
  const right = WIDTH - Math.min(WIDTH / 2, 34 + longest * LETTER);
  const drawn = lines.flatMap(({ points, members = [] }) => [...points, ...members.flat()]);
  const x = scaleLinear(rangeOf(drawn.map((point) => point.x)), [LEFT + 8, right - 8]);
  const heights = [...drawn.flatMap(({ y, low = y, high = y }) => [low, high]), ...levels.map((level) => level.y)];
  const range = rangeOf(heights, 0.05);
  const y = scaleLinear(range, [FLOOR, TOP]);
  const aside = (i: number) => (lines[i]!.markers ? (i - (lines.length - 1) / 2) * STEP_ASIDE : 0);

  const ends = [
    ...lines.map(({ name, colour, dash, points, members = [], markers }, i) => {
      const last = (points.length > 0 ? points : members.flat()).reduce((a, b) => (b.x >= a.x ? b : a));
      const at = x(last.x) + aside(i);
      return { name, colour, dash, x: at, y: y(last.y), far: !markers && right - at > FAR };
    }),
    ...levels.map((level) => ({ ...level, dash: 0, x: right, y: y(level.y), far: false })),
  ];
  const places = spread(
    ends.map((end) => end.y),
    FONT_SIZE + 4,
    TOP,
    FLOOR,
  );
  return picture(
    WIDTH,
    HEIGHT,
    title,
    text(16, 46, yLabel),
    ...yTicks(y, range).flatMap(({ at, label }) => [
      path(`M${LEFT},${short(y(at))}H${short(right)}`, RULE),
      text(LEFT - 8, y(at) + 4, label, { "text-anchor": "end" }),
    ]),
    path(`M${LEFT},${FLOOR}H${short(right)}`, EDGE),
    ...xTicks(x).flatMap(({ at, label }) => [
      path(`M${short(x(at))},${FLOOR}v5`, EDGE),
      text(x(at), FLOOR + 20, label, { "text-anchor": "middle" }),
    ]),
    text((LEFT + right) / 2, HEIGHT - 12, xLabel, { "text-anchor": "middle" }),
    ...levels.map((level) =>
      path(`M${LEFT},${short(y(level.y))}H${short(right)}`, level.colour, { "stroke-dasharray": "2 4" }),
    ),
    ...lines.map((one, i) =>
      el("g", { transform: aside(i) === 0 ? undefined : `translate(${short(aside(i))},0)` }, drawLine(one, x, y)),
    ),
    ...ends.flatMap((end, i) => [
      ...(end.far
        ? [
            el("circle", { cx: end.x, cy: end.y, r: 2.6, fill: end.colour }),
            path(`M${short(right - 9)},${short(places[i]!)}h20`, end.colour, stroke(end.dash)),
          ]
        : [path(`M${short(end.x + 5)},${short(end.y)}L${short(right + 6)},${short(places[i]!)}h5`, EDGE, LEADER)]),
      text(right + 15, places[i]! + 4, end.name, { fill: INK }),
    ]),
  );
}

const stroke = (dash: number) => ({ "stroke-width": 1.7, "stroke-dasharray": DASHES[dash % DASHES.length] });

type Scale = (value: number) => number;

function drawLine({ colour, dash, points, members = [], markers }: Line, x: Scale, y: Scale): string {
  const d = (of: readonly Point[]) =>
    line<Point>(
      (point) => x(point.x),
      (point) => y(point.y),
    ).digits(2)([...of])!;
  const whiskers = points.map(({ x: at, low, high }) =>
    low === undefined || high === undefined
      ? ""
      : path(
          `M${short(x(at))},${short(y(low))}V${short(y(high))}m-3,0h6M${short(x(at) - 3)},${short(y(low))}h6`,
          colour,
        ),
  );
  return [
    ...members.map((of) => path(d(of), colour, { "stroke-width": 0.7, opacity: 0.45 })),
    ...(points.length > 0 ? [path(d(points), colour, stroke(dash))] : []),
    ...whiskers,
    ...(markers ? points.map((point) => el("circle", { cx: x(point.x), cy: y(point.y), r: 3.2, fill: colour })) : []),
  ].join("");
}
