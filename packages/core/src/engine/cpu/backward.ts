/**
 * The backward pass of a body as a list of events, and the memory of its gradients. A site's gradient is made where its
 * last contribution is: in the convolution that reads it first, else in an event of its own. Buffers are used again as
 * soon as nobody reads them any more.
 */
import { type Body, type ConvStep, isSite, type Norm, type PoolStep, type Site, type Step } from "./sites.ts";

/** A gradient in memory, [block][channel][row][column][16]. */
export interface Buffer {
  readonly shape: Site["shape"];
  /** First and last event that touch it. */
  first: number;
  last: number;
  /** Floats of one block before it. */
  offset: number;
}

/** A contribution to a gradient: a buffer, through the norm or the sampling of a term. */
export interface Source {
  readonly buffer: Buffer;
  readonly norm?: Norm;
  readonly sampled?: { readonly stride: number; readonly before: number };
}

export interface Finish {
  /** Null: a plain sum, one contribution of several. */
  readonly site: Site | null;
  readonly to: Buffer;
  readonly sources: readonly Source[];
}

export type Event =
  | { readonly kind: "enter"; readonly to: Buffer }
  | { readonly kind: "conv"; readonly step: ConvStep; readonly d: Source; readonly finish: Finish }
  | { readonly kind: "pool"; readonly step: PoolStep; readonly gradient: Buffer; readonly to: Buffer }
  | { readonly kind: "finish"; readonly finish: Finish };

export interface Backward {
  readonly events: readonly Event[];
  /** Gradient of the images. */
  readonly images: Buffer;
  /** Floats of one block of all buffers. */
  readonly floats: number;
}

export function backwardOf(body: Body): Backward {
  const events: Event[] = [];
  const all: Buffer[] = [];
  const buffer = (shape: Site["shape"]): Buffer => {
    const made = { shape, first: Number.POSITIVE_INFINITY, last: -1, offset: 0 };
    all.push(made);
    return made;
  };
  const own = new Map<Site, Buffer>();
  const gradientOf = (site: Site): Buffer => {
    let found = own.get(site);
    if (!found) own.set(site, (found = buffer(site.shape)));
    return found;
  };
  /** What a step adds to the gradient of what it reads. */
  const given = new Map<Step, Buffer>();
  const givenBy = (step: Step): Buffer => {
    let found = given.get(step);
    if (!found) given.set(step, (found = buffer(step.reads.shape)));
    return found;
  };
  const sourcesOf = (site: Site, reader: Step | Site): Source[] => {
    if (!isSite(reader)) return [{ buffer: givenBy(reader) }];
    return reader.terms
      .filter(({ from }) => from === site)
      .map(({ norm, sampled }) => ({ buffer: gradientOf(reader), norm, sampled }));
  };
  const readersOf = (site: Site): (Step | Site)[] => [...new Set(site.readers)];
  const readFirstByConv = (site: Site): boolean => {
    const [first] = site.readers;
    return first !== undefined && !isSite(first) && first.kind === "conv";
  };
  const finishOf = (site: Site, except?: Step): Finish => ({
    site,
    to: gradientOf(site),
    sources: readersOf(site)
      .filter((reader) => reader !== except)
      .flatMap((reader) => sourcesOf(site, reader)),
  });
  /** The gradient of what a step wrote: as its one reader has it, if that can be read as it is. */
  const gradientWritten = (site: Site, plain: boolean): Source => {
    if (!readFirstByConv(site)) {
      const sources = readersOf(site).flatMap((reader) => sourcesOf(site, reader));
      const [only] = sources;
      if (sources.length === 1 && only && !only.sampled && !(plain && only.norm)) return only;
      events.push({ kind: "finish", finish: finishOf(site) });
    }
    return { buffer: gradientOf(site) };
  };

  for (const item of [...body.items].reverse()) {
    if (isSite(item)) {
      if (!readFirstByConv(item)) events.push({ kind: "finish", finish: finishOf(item) });
    } else if (item.kind === "leave") events.push({ kind: "enter", to: givenBy(item) });
    else if (item.kind === "conv") {
      const d = gradientWritten(item.writes, false);
      const isFirst = item.reads.readers[0] === item;
      const finish = isFirst ? finishOf(item.reads, item) : { site: null, to: givenBy(item), sources: [] };
      events.push({ kind: "conv", step: item, d, finish });
    } else {
      const { buffer: gradient } = gradientWritten(item.writes, true);
      events.push({ kind: "pool", step: item, gradient, to: givenBy(item) });
    }
  }
  if (!readFirstByConv(body.images)) events.push({ kind: "finish", finish: finishOf(body.images) });

  const touch = (one: Buffer, at: number): void => {
    one.first = Math.min(one.first, at);
    one.last = Math.max(one.last, at);
  };
  for (const [at, event] of events.entries()) {
    const finish = event.kind === "conv" || event.kind === "finish" ? event.finish : null;
    for (const one of [finish?.to, ...(finish?.sources.map((source) => source.buffer) ?? [])]) if (one) touch(one, at);
    if (event.kind === "conv") touch(event.d.buffer, at);
    if (event.kind === "pool") touch(event.gradient, at);
    if (event.kind === "pool" || event.kind === "enter") touch(event.to, at);
  }
  const images = gradientOf(body.images);
  touch(images, events.length);
  return { events, images, floats: place(all) };
}

/** First fit, the largest first; returns the floats of all. */
function place(buffers: readonly Buffer[]): number {
  const placed: Buffer[] = [];
  const sizeOf = ({ shape }: Buffer): number => shape.reduce((product, n) => product * n, 16);
  for (const one of [...buffers].sort((a, b) => sizeOf(b) - sizeOf(a) || a.first - b.first)) {
    if (one.last < 0) continue; // nobody's
    const others = placed
      .filter((other) => other.first <= one.last && one.first <= other.last)
      .sort((a, b) => a.offset - b.offset);
    for (const other of others) {
      if (one.offset + sizeOf(one) <= other.offset) break;
      one.offset = Math.max(one.offset, other.offset + sizeOf(other));
    }
    placed.push(one);
  }
  return Math.max(0, ...placed.map((one) => one.offset + sizeOf(one)));
}
