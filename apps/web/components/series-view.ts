/** Which part of a series is shown, and where its points lie: the arithmetic behind zoom, drag and hover. Pure. */

/** Places of the first and the last point shown. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Zooming in ends here. */
const FEWEST = 3;

export const whole = (points: number): Range => ({ from: 0, to: Math.max(0, points - 1) });

export const isWhole = ({ from, to }: Range, points: number): boolean => from <= 0 && to >= points - 1;

/** As near to the wish as the series allows: its size first, then its place. Whole numbers. */
function fit(from: number, to: number, points: number): Range {
  const size = Math.min(Math.max(Math.round(to - from), FEWEST - 1), Math.max(0, points - 1));
  const start = Math.min(Math.max(0, Math.round(from)), points - 1 - size);
  return { from: Math.max(0, start), to: Math.max(0, start) + size };
}

/** `factor` below 1 shows fewer points; the one at `centre` stays where it is. One point more or less at least. */
export function zoomed({ from, to }: Range, points: number, factor: number, centre: number): Range {
  const size = to - from;
  const wanted = factor < 1 ? Math.min(size * factor, size - 1) : Math.max(size * factor, size + 1);
  const share = size === 0 ? 0.5 : (centre - from) / size;
  const start = centre - share * wanted;
  return fit(start, start + wanted, points);
}

export const moved = ({ from, to }: Range, points: number, by: number): Range => fit(from + by, to + by, points);

/** Between two places, in either order: what a drag selects. */
export const between = (a: number, b: number, points: number): Range => {
  const [low, high] = a < b ? [a, b] : [b, a];
  const middle = (low + high) / 2;
  const half = Math.max(high - low, FEWEST - 1) / 2;
  return fit(middle - half, middle + half, points);
};

/** Moved as little as it takes to show `place`. */
export function showing(range: Range, points: number, place: number): Range {
  if (place < range.from) return moved(range, points, place - range.from);
  return place > range.to ? moved(range, points, place - range.to) : range;
}

/** Where a key goes from `place`; null for a key that goes nowhere. Page keys: a quarter of what is shown. */
export function placeAfterKey(key: string, place: number, points: number, { from, to }: Range): number | null {
  const page = Math.max(1, Math.round((to - from) / 4));
  const steps: Readonly<Record<string, number>> = {
    ...{ ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 },
    ...{ PageDown: -page, PageUp: page, Home: -points, End: points },
  };
  const step = steps[key];
  return step === undefined ? null : Math.min(points - 1, Math.max(0, place + step));
}

/** From ?from=&to=: the first digits of commits. What is not found is the line's end on that side. */
export function rangeOfCommits(commits: readonly string[], from: string | null, to: string | null): Range {
  const at = (name: string | null) =>
    name !== null && /^[0-9a-f]{7,40}$/.test(name) ? commits.findIndex((commit) => commit.startsWith(name)) : -1;
  const all = whole(commits.length);
  const [first, last] = [at(from), at(to)];
  return between(first < 0 ? all.from : first, last < 0 ? all.to : last, commits.length);
}

/** "?from=…&to=…", empty where everything is shown. */
export const rangeQuery = (commits: readonly string[], range: Range): string =>
  isWhole(range, commits.length)
    ? ""
    : `?from=${commits[range.from]!.slice(0, 12)}&to=${commits[range.to]!.slice(0, 12)}`;

/** Pixels of a place, and back: the first and the last point shown stand at the ends, a single one in the middle. */
export interface Places {
  readonly x: (place: number) => number;
  /** The nearest point shown. */
  readonly at: (x: number) => number;
}

export function placesIn({ from, to }: Range, left: number, right: number): Places {
  const size = to - from;
  return {
    x: (place) => (size === 0 ? (left + right) / 2 : left + ((place - from) / size) * (right - left)),
    at: (x) => Math.min(to, Math.max(from, Math.round(from + ((x - left) / (right - left)) * size))),
  };
}

/** Places to label: evenly, the last one always, each at least `gap` pixels from the next. */
export function ticksIn({ from, to }: Range, width: number, gap: number): number[] {
  const most = Math.max(1, Math.floor(width / gap));
  const step = Math.max(1, Math.ceil((to - from) / most));
  const ticks: number[] = [];
  for (let place = to; place >= from; place -= step) ticks.push(place);
  return ticks.reverse();
}
