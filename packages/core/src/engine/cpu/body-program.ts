/** The body's part of a program (program.ts): its phases forward and backward. Between barriers no share reads what another writes. */
import type { Arena, ParameterPlace } from "./arena.ts";
import type { Finish } from "./backward.ts";
import type { BodyPlace } from "./body.ts";
import { BLOCKED, type Instruction, REMEMBER, type Storage, TRAIN } from "./program.ts";
import { isSite, type Norm, type Site } from "./sites.ts";
import { bandsOf } from "./tiles.ts";

/** "step": batch norm by the batch, remembered; dropout drops. "batch": neither. "remembered": batch norm by what it remembers. */
export type Mode = "step" | "batch" | "remembered";

const barrier: Instruction = { op: "barrier" };

/** Images → what the head reads, in arena.entrance. */
export function bodyForward(
  arena: Arena,
  body: BodyPlace,
  mode: Mode,
  { storage, backward }: { storage: (parameter: ParameterPlace) => Storage; backward: boolean },
): Instruction[] {
  const { norms, convs, pools, scratch, widest } = body;
  const tile = { w: scratch.at, kept: scratch.bytes, inputs: widest };
  const flags = mode === "remembered" ? 0 : mode === "step" ? TRAIN | REMEMBER : TRAIN;
  const [channels, height, width] = body.body.images.shape;
  const program: Instruction[] = [
    { op: "pack-blocks", inputs: channels * height * width, x: arena.images, y: body.tensor(body.body.images) },
    barrier,
  ];
  for (const conv of convs.values())
    if (conv.winograd && !storage(conv.weight).sparse)
      program.push({ op: "points", flags: backward ? TRAIN : 0, x: conv.at });
  program.push(barrier);
  if (mode === "remembered") {
    for (const { at } of norms.values()) program.push({ op: "norm-remembered", x: at });
    program.push(barrier);
  }
  /** Figures of the norms of what has just been written. */
  const figures = (site: Site): void => {
    if (mode === "remembered") return;
    const here = [...norms.values()].filter(({ norm }) => norm.of === site);
    for (const { at, fused } of here)
      if (!fused) program.push({ op: "statistics", x: at, y: body.tensor(site) }, barrier);
    for (const { at } of here) program.push({ op: "norm", flags, x: at });
    if (here.length > 0) program.push(barrier);
  };
  figures(body.body.images);
  for (const item of body.body.items) {
    if (isSite(item)) {
      const [reader] = item.readers;
      const byConv = reader && !isSite(reader) && reader.kind === "conv";
      if (!item.stored || byConv) continue;
      const { rows, bands } = bandsOf(item.shape);
      program.push({ op: "make", ...tile, x: body.sites.get(item)!, outputs: rows, g: bands }, barrier);
      figures(item);
    } else if (item.kind === "leave") {
      program.push(
        { op: "to-columns", inputs: body.body.features, x: body.tensor(item.reads), y: arena.entrance },
        barrier,
      );
    } else {
      if (item.kind === "conv") program.push({ op: "conv", ...tile, flags, x: convs.get(item)!.at });
      else program.push({ op: item.kind, flags, x: pools.get(item)! });
      program.push(barrier);
      const made = item.kind === "conv" && item.reads.terms.length > 0 && item.reads.readers[0] === item;
      if (made) figures(item.reads); // others read what a "make" has made
      figures(item.writes);
    }
  }
  return program;
}

interface Wanted {
  readonly want: "weights" | "biases";
  /** Also the gradient of the images. */
  readonly toImages: boolean;
  /** Gradient of what the head read. */
  readonly d: number;
  readonly storage: (parameter: ParameterPlace) => Storage;
}

export function bodyBackward(body: BodyPlace, mode: Mode, wanted: Wanted): Instruction[] {
  const { norms, convs, pools, finishes, scratch, widest, gradient } = body;
  const { want, toImages, storage } = wanted;
  const tile = { w: scratch.at, kept: scratch.bytes, inputs: widest };
  const program: Instruction[] = [];
  for (const { at, weight } of convs.values()) {
    const { sparse, kept } = storage(weight);
    if (sparse) program.push({ op: "gather", x: at, outputs: kept });
  }
  const blocked = want === "biases" ? BLOCKED : 0;
  const remember = mode === "step" ? REMEMBER : 0;
  const back = ({ site }: Finish): Instruction[] =>
    (site?.terms ?? [])
      .flatMap(({ norm }) => (norm ? [norms.get(norm as Norm)!.at] : []))
      .map((at) => ({ op: "norm-back", flags: mode === "remembered" ? 0 : TRAIN, x: at }));
  for (const event of body.backward.events) {
    switch (event.kind) {
      case "enter":
        program.push({ op: "to-blocks", inputs: body.body.features, x: wanted.d, y: gradient(event.to) }, barrier);
        break;
      case "conv": {
        const { at, toImages: atImages, weight } = convs.get(event.step)!;
        const x = toImages ? atImages : at;
        program.push({ op: "conv-back", ...tile, flags: blocked, x }, barrier);
        program.push(
          { op: "reduce", ...tile, flags: blocked, x, outputs: storage(weight).kept },
          ...back(event.finish),
          barrier,
        );
        break;
      }
      case "pool":
        program.push({ op: `${event.step.kind}-back`, flags: remember, x: pools.get(event.step)! }, barrier);
        break;
      case "finish":
        program.push(
          { op: "finish", ...tile, x: finishes.get(event.finish)! },
          barrier,
          ...back(event.finish),
          barrier,
        );
        break;
    }
  }
  return program;
}
