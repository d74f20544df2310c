/**
 * What `ticketmark plot` draws: accuracy against sparsity, learning curves, weights before and after a method, masks.
 * Accuracies stand by their error and sparsities by their density, both on logarithmic axes: 97 and 99 % are as far apart
 * as 0 and 70 %.
 */
import {
  architectureOf,
  datasets,
  densityPosition,
  initialWeights,
  levelPaths,
  type Mask,
  matrixPicture,
  methods,
  models,
  Problem,
  parameters,
  percent,
  type Result,
  type Spec,
  sparsityTicks,
  summarise,
  type TicketFile,
  type Weights,
} from "@ticketmark/core";
import { scaleLinear } from "d3-scale";
import type { Group } from "./groups.ts";
import { type Line, linePlot, type Point, type Tick } from "./line-plot.ts";
import type { StoredResult } from "./results.ts";
import { colourOf, EDGE, el, INK, path, picture, RULE, short, text } from "./svg.ts";

/** Pixels between ticks, at least. */
const GAP_X = 34;
const GAP_Y = 22;
/** A scale cannot be read off fewer. */
const LEAST_TICKS = 3;
const ERROR_AXIS = "axis logarithmic in the error";

/** The model and data set of what is drawn, where they are the same in all of it. */
function about(groups: readonly Group[]): string {
  const { model, dataset } = groups[0]!.spec;
  const one = groups.every(({ spec }) => spec.model === model && spec.dataset === dataset);
  return one ? `: ${models.get(model).name} on ${datasets.get(dataset).name}` : "";
}

const errorTicks = (place: (y: number) => number, [low, high]: readonly [number, number]): Tick[] => {
  const inside = [shareAt(low), shareAt(high)].map((share) => Math.max(0, share));
  const round = sparsityTicks(inside, (share) => place(densityPosition(share)), GAP_Y).filter(
    (share) => !inside.includes(share) || share === 0,
  );
  // in a range that has few of those the axis is nearly linear
  const even = () =>
    [4, 8].map((n) => scaleLinear(inside, [0, 1]).ticks(n)).find(({ length }) => length >= LEAST_TICKS);
  const ticks = round.length >= LEAST_TICKS ? round : (even() ?? round);
  return ticks.map((share) => ({ at: densityPosition(share), label: percent(share) }));
};

/** Undoes densityPosition. */
const shareAt = (position: number): number => 1 - 10 ** -position;

/** No run of so many images can tell more: a perfect score has a place on the axis too. */
const errorPosition = (accuracy: number, images: number): number =>
  densityPosition(Math.min(accuracy, 1 - 0.5 / images));

const imagesOf = ({ counted }: Group): number => counted[0]!.result.accuracy!.last.total;

/** Means over seeds with whiskers of one standard deviation; a line for whatever differs in sparsity alone. */
export function accuracyPlot(groups: readonly Group[]): string {
  const counted = groups.filter(({ accuracy }) => accuracy !== null);
  const series = new Map<string, Group[]>();
  for (const group of counted.filter(({ spec }) => spec.sparsity > 0)) {
    const name = group.name.replace(` at ${percent(group.spec.sparsity)}`, "");
    series.set(name, [...(series.get(name) ?? []), group]);
  }
  if (series.size === 0) throw new Problem("bad-request", "expected results of sparse nets to draw; found none");
  const place = (group: Group, accuracy: number) => errorPosition(accuracy, imagesOf(group));
  const lines = withDashes(
    [...series].map(([name, members]) => ({
      name,
      method: members[0]!.spec.method.id,
      markers: true,
      points: members
        .toSorted((a, b) => a.spec.sparsity - b.spec.sparsity)
        .map((group): Point => {
          const { mean, sd } = group.accuracy!;
          const whisker = sd === null ? {} : { low: place(group, mean - sd), high: place(group, mean + sd) };
          return { x: densityPosition(group.spec.sparsity), y: place(group, mean), ...whisker };
        }),
    })),
  );
  const sparsities = [...new Set([...series.values()].flat().map(({ spec }) => spec.sparsity))];
  const several = counted.some(({ accuracy }) => accuracy!.sd !== null);
  return linePlot({
    title: `Accuracy against sparsity${about(counted)}`,
    lines,
    levels: counted
      .filter(({ spec }) => spec.sparsity === 0)
      .map((group) => ({
        name: group.name,
        colour: colourOf(group.spec.method.id),
        y: place(group, group.accuracy!.mean),
      })),
    xLabel: "sparsity of the prunable weights",
    yLabel: `test accuracy, last epoch${several ? ": mean and standard deviation over seeds" : ""} (${ERROR_AXIS})`,
    xTicks: (at) =>
      sparsityTicks(sparsities, (s) => at(densityPosition(s)), GAP_X).map((s) => ({
        at: densityPosition(s),
        label: percent(s),
      })),
    yTicks: errorTicks,
  });
}

/** Test accuracy over all phases; thin lines are the seeds of a mean. */
export function curvesPlot(groups: readonly Group[]): string {
  const counted = groups.filter(({ counted }) => counted.some(({ result }) => result.curves.iteration.length > 0));
  if (counted.length === 0) throw new Problem("bad-request", "expected results with learning curves; found none");
  const lines = withDashes(
    counted.map((group) => {
      const curves = group.counted.map(({ result }) => result.curves);
      const place = (x: number, accuracy: number): Point => ({ x, y: errorPosition(accuracy, imagesOf(group)) });
      const members = curves.map(({ iteration, testAccuracy }) => iteration.map((x, i) => place(x, testAccuracy[i]!)));
      return {
        name: group.name,
        method: group.spec.method.id,
        markers: false,
        points: meanCurve(curves).map(({ x, y }) => place(x, y)),
        ...(members.length > 1 && { members }),
      };
    }),
  );
  return linePlot({
    title: `Learning curves${about(counted)}`,
    lines,
    levels: [],
    xLabel: "iterations, of the method and of the final training",
    yLabel: `test accuracy (${ERROR_AXIS})`,
    xTicks: (at) => {
      const most = Math.max(
        ...lines.flatMap(({ points, members = [] }) => [points, ...members].flat().map(({ x }) => x)),
      );
      const ticks = scaleLinear([0, most], [at(0), at(most)]).ticks(8);
      return ticks.map((tick) => ({ at: tick, label: tick.toLocaleString("en-GB") }));
    },
    yTicks: errorTicks,
  });
}

/** Of accuracies; none where the curves are not of the same iterations, as of phases that end early. */
function meanCurve(curves: readonly Result["curves"][]): Point[] {
  const [{ iteration: xs }] = curves as [Result["curves"]];
  if (curves.some(({ iteration }) => iteration.join() !== xs.join())) return [];
  return xs.map((x, i) => ({ x, y: summarise(curves.map(({ testAccuracy }) => testAccuracy[i]!)).mean }));
}

function withDashes(lines: readonly (Omit<Line, "colour" | "dash"> & { readonly method: string })[]): Line[] {
  const seen = new Map<string, number>();
  return lines.map(({ method, ...rest }) => {
    const dash = seen.get(method) ?? 0;
    seen.set(method, dash + 1);
    return { ...rest, colour: colourOf(method), dash };
  });
}

const BINS = 101;
const PANEL = { width: 620, height: 170, left: 70, gap: 78, top: 66 };

/**
 * Prunable weights of all layers: the initial ones, those of the ticket and those trained; above, the weights that stay,
 * below, those that leave. What these were right before the cut is in no file: after it they are 0.
 */
export function weightsPlot({ spec }: StoredResult, ticket: TicketFile, trained: TicketFile): string {
  if (spec.initial) throw new Problem("bad-request", "expected a spec whose initial weights are drawn by its seed");
  const initial = initialWeights(spec);
  const choose = (weights: Weights, kept: 0 | 1) => chosen(weights, ticket.mask, kept);
  const panels = [
    {
      name: "weights that stay",
      curves: [
        { name: "initial", colour: EDGE, values: choose(initial, 1) },
        { name: "in the ticket", colour: colourOf(spec.method.id), values: choose(ticket.weights, 1) },
        { name: "after the final training", colour: INK, values: choose(trained.weights, 1) },
      ],
    },
    {
      name: "weights that leave, 0 in the ticket (right before the cut they are in no file)",
      curves: [{ name: "initial", colour: EDGE, values: choose(initial, 0) }],
    },
  ];
  // wide enough for nearly all weights before the final training, which spreads some of them far
  const most = Math.max(...[initial, ticket.weights].map((weights) => quantile(choose(weights, 1), 0.995)), 1e-6);
  const height = PANEL.top + panels.length * (PANEL.height + PANEL.gap) - 20;
  const drawn = panels.map(({ name, curves }, i) =>
    histogram(name, curves, most, PANEL.top + i * (PANEL.height + PANEL.gap)),
  );
  return picture(PANEL.left + PANEL.width + 180, height, `Weights: ${runTitle(spec)}`, ...drawn);
}

const runTitle = ({ method, sparsity, seed, model, dataset }: Spec): string =>
  `${methods.get(method.id).name} at ${percent(sparsity)}, seed ${seed}: ${models.get(model).name} on ${datasets.get(dataset).name}`;

/** Of magnitudes; 0 for none. */
const quantile = (values: Float32Array, share: number): number =>
  values.map(Math.abs).sort()[Math.floor(share * values.length)] ?? 0;

function chosen(weights: Weights, mask: Mask, kept: 0 | 1): Float32Array {
  const parts = Object.entries(mask).map(([name, of]) => weights[name]!.filter((_, i) => of[i] === kept));
  const values = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    values.set(part, at);
    at += part.length;
  }
  return values;
}

interface Curve {
  readonly name: string;
  readonly colour: string;
  readonly values: Float32Array;
}

/** Steps over bins from −most to most; how many lie beyond is said. */
function histogram(name: string, curves: readonly Curve[], most: number, top: number): string {
  const { width, height, left } = PANEL;
  const floor = top + height;
  const counts = curves.map(({ values }) => {
    const bins = new Array<number>(BINS).fill(0);
    for (const value of values) {
      const bin = Math.floor(((value + most) / (2 * most)) * BINS);
      if (bin >= 0 && bin < BINS) bins[bin]! += 1;
    }
    return bins;
  });
  const beyond = curves.map(({ values }, i) => values.length - counts[i]!.reduce((sum, n) => sum + n, 0));
  const highest = Math.max(1, ...counts.flat());
  const x = scaleLinear([-most, most], [left, left + width]);
  const y = scaleLinear([0, highest], [floor, top]);
  const steps = (bins: readonly number[]) =>
    `M${left},${floor}${bins.map((n, i) => `V${short(y(n))}H${short(left + ((i + 1) * width) / BINS)}`).join("")}V${floor}`;
  return el(
    "g",
    {},
    text(left, top - 10, `${name}: ${curves[0]!.values.length.toLocaleString("en-GB")}`, { fill: INK }),
    ...y
      .ticks(4)
      .flatMap((n) => [
        path(`M${left},${short(y(n))}h${width}`, RULE),
        text(left - 8, y(n) + 4, n.toLocaleString("en-GB"), { "text-anchor": "end" }),
      ]),
    ...x
      .ticks(7)
      .map((value) => text(x(value), floor + 18, String(Number(value.toPrecision(6))), { "text-anchor": "middle" })),
    text(left + width / 2, floor + 36, "weight", { "text-anchor": "middle" }),
    path(`M${left},${floor}h${width}`, EDGE),
    ...counts.map((bins, i) =>
      path(steps(bins), curves[i]!.colour, { "stroke-width": 1.4, "stroke-linejoin": "round" }),
    ),
    ...curves.flatMap((curve, i) => [
      path(`M${left + width + 14},${top + 8 + 34 * i}h16`, curve.colour, { "stroke-width": 2 }),
      text(left + width + 36, top + 12 + 34 * i, curve.name, { fill: INK }),
      ...(beyond[i] === 0
        ? []
        : [
            text(
              left + width + 36,
              top + 27 + 34 * i,
              `${beyond[i]!.toLocaleString("en-GB")} beyond ±${Number(most.toPrecision(2))}`,
            ),
          ]),
    ]),
  );
}

const LEVELS = 8;
const CELLS = 100;
const SIDE = 200;

/** Each masked layer as its weight matrix, outputs downwards: the darker, the more of a cell is kept. */
export function maskPlot({ spec }: StoredResult, ticket: TicketFile): string {
  const layers = parameters(architectureOf(spec)).filter(({ name, prunable }) => prunable && ticket.mask[name]);
  const columns = Math.min(4, layers.length);
  const [stepX, stepY] = [SIDE + 40, SIDE + 62];
  const drawn = layers.map(({ name, shape }, i) => {
    const [outputs = 1, inputs = 1, ...kernel] = shape;
    const taps = kernel.reduce((product, n) => product * n, 1);
    const cells = matrixPicture(ticket.mask[name]!, outputs, inputs, CELLS, taps);
    const kept = ticket.mask[name]!.reduce((sum, one) => sum + one, 0);
    const scale = Math.min(SIDE / cells.columns, SIDE / cells.rows);
    const [left, top] = [24 + (i % columns) * stepX, 84 + Math.floor(i / columns) * stepY];
    const frame = { width: cells.columns * scale, height: cells.rows * scale };
    return el(
      "g",
      { transform: `translate(${left},${top})` },
      text(0, -22, name, { fill: INK }),
      text(
        0,
        -7,
        `${shape.join(" × ")}, ${kept.toLocaleString("en-GB")} kept (${percent(Number((kept / ticket.mask[name]!.length).toFixed(4)))})`,
        {
          "font-size": 11,
        },
      ),
      ...levelPaths(cells, LEVELS).map((d, level) =>
        d === ""
          ? ""
          : el("path", { d, transform: `scale(${short(scale)})`, fill: INK, opacity: (level + 1) / LEVELS }),
      ),
      el("rect", { ...frame, fill: "none", stroke: EDGE, "stroke-width": 0.6 }),
    );
  });
  const title = `Masks: ${runTitle(spec)}`;
  const width = Math.max(24 + columns * stepX, 60 + 8 * title.length);
  return picture(width, 70 + Math.ceil(layers.length / columns) * stepY, title, ...drawn);
}
