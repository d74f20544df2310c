/**
 * The one memory of a network: where everything lies, as byte offsets, known before anything is allocated. Planned for
 * the worst mask, never grows. kernels/kernels.c says what the parts mean.
 */
import { Problem } from "../../problem.ts";
import { alwaysWhole, type BodyPlace, placeBody, storedOf } from "./body.ts";
import { sparseLimit } from "./choose.ts";
import type { Stages } from "./stages.ts";

/** The linker's own: static data (there is none) and its one stack, which no thread uses. */
const RESERVED_BYTES = 128 << 10;
/** Wasm threads start with the same stack pointer, so each gets a stack of its own. */
const STACK_BYTES = 64 << 10;
/**
 * weight_dense (kernels/batch.h) may read this far past the last of its rows, and ignores what it finds there. No other kernel
 * touches what is outside of its buffers (node/sanitized.test.ts).
 */
const ROW_SLACK_BYTES = 128;
const LINE = 64;
/** struct instruction, and how many all programs of a network can have. */
export const INSTRUCTION_BYTES = 64;
const instructionLimit = (items: number): number => 64 + items * 96;

/** What wasm can address, and what a shared memory can have. */
export const MEMORY_LIMIT = 65536 * 65536;

/** One parameter: dense, or its kept entries in order; arrays padded to 16 entries. */
export interface ParameterPlace {
  readonly name: string;
  readonly size: number;
  /** False: state of a batch norm, which has weights alone. */
  readonly learned: boolean;
  readonly weights: number;
  readonly gradients: number;
  readonly momentum: number;
  /** One byte an entry: bit 0 kept, bit 1 leaving (penalty). */
  readonly marks: number;
}

/** Lists of the kept entries of a weight, u32. By output: starts, index (input), row (output). By input: starts, index (output), entry. */
export interface SparsePlace {
  readonly limit: number;
  readonly starts: number;
  readonly index: number;
  readonly row: number;
  readonly inputStarts: number;
  readonly inputIndex: number;
  readonly inputEntry: number;
}

export interface StagePlace {
  readonly outputs: number;
  readonly inputs: number;
  readonly relu: boolean;
  readonly weight: ParameterPlace;
  readonly bias: ParameterPlace | null;
  readonly sparse: SparsePlace;
  /** Input and output, [feature][column]; a stage's x is the y before it. */
  readonly x: number;
  readonly y: number;
  /** Input as [column][feature]; for the first stage the images themselves. */
  readonly rows: number;
}

/** A parameter, and how it is stored under a mask. */
export interface Stored {
  readonly place: ParameterPlace;
  /** Is it the weight of a linear layer or a convolution? */
  readonly isWeight: boolean;
  /** Most kept entries that are stored as a list. */
  readonly limit: number;
  /** Writes the lists of kept entries, or those of a parameter that is stored whole. */
  writeLists(memory: ArrayBufferLike, kept: Uint8Array | null): void;
}

/** How parts of an arena are taken, in bytes; each returns its offset. */
export interface Allocate {
  take(bytes: number): number;
  floats(count: number): number;
  parameter(name: string, size: number): ParameterPlace;
  state(name: string, size: number): ParameterPlace;
}

export interface Arena {
  readonly bytes: number;
  /** All that is planned. */
  readonly buffers: readonly { readonly at: number; readonly bytes: number }[];
  readonly threads: number;
  readonly control: number;
  readonly call: number;
  readonly programs: number;
  /** [batch][features] as they come, and two bytes a label. */
  readonly images: number;
  readonly labels: number;
  readonly classes: number;
  /** Null: linear layers alone. */
  readonly body: BodyPlace | null;
  /** Linear layers after the body. */
  readonly stages: readonly StagePlace[];
  /** What the head reads, and what comes out of the net, [feature][column]: the same if there is no head. */
  readonly entrance: number;
  readonly output: number;
  /** Two buffers that gradients of activations take in turn. */
  readonly gradients: readonly [number, number];
  readonly parameters: readonly Stored[];
}

/** Top of the stack of a thread. */
export const stackTop = (thread: number): number => RESERVED_BYTES + (thread + 1) * STACK_BYTES;
export const RESERVED = RESERVED_BYTES;
/** Columns of a batch: padded to 16. */
export const columnsOf = (batch: number): number => Math.ceil(batch / 16) * 16;

/**
 * Throws Problem "out-of-memory" with what is needed and what there is.
 * @param gap bytes between buffers that nothing may touch: for tests
 */
export function planArena(stages: Stages, maxBatch: number, threads: number, limit: number, gap = 0): Arena {
  let end = stackTop(threads - 1);
  const buffers: Arena["buffers"][number][] = [];
  const take = (bytes: number): number => {
    const at = end;
    buffers.push({ at, bytes });
    end += Math.ceil(bytes / LINE) * LINE + gap;
    return at;
  };
  const floats = (count: number, slack = 0): number => take(Math.ceil(count / 16) * LINE + slack);
  const columns = columnsOf(maxBatch);
  const parameter = (name: string, size: number): ParameterPlace => ({
    ...{ name, size, learned: true, weights: floats(size), gradients: floats(size), momentum: floats(size) },
    marks: take(size + LINE),
  });
  const state = (name: string, size: number): ParameterPlace => ({
    ...{ name, size, learned: false, weights: floats(size), gradients: 0, momentum: 0, marks: 0 },
  });

  const control = take(4 * LINE);
  const call = take(LINE);
  const programs = take(instructionLimit(stages.list.length + (stages.body?.items.length ?? 0)) * INSTRUCTION_BYTES);
  const images = floats(columns * stages.features, ROW_SLACK_BYTES);
  const labels = take(2 * columns + LINE);
  const body = stages.body ? placeBody(stages.body, { take, floats, parameter, state }, columns / 16, threads) : null;
  const headFeatures = stages.body?.features ?? stages.features;
  const entrance = floats(columns * headFeatures);
  let x = entrance;
  const places = stages.list.map(({ name, outputs, inputs, bias, relu }, k): StagePlace => {
    const limit = sparseLimit(outputs * inputs);
    const place: StagePlace = {
      outputs,
      inputs,
      relu,
      weight: parameter(`${name}.weight`, outputs * inputs),
      bias: bias ? parameter(`${name}.bias`, outputs) : null,
      sparse: {
        limit,
        starts: floats(outputs + 1),
        index: floats(limit),
        row: floats(limit),
        inputStarts: floats(inputs + 1),
        inputIndex: floats(limit),
        inputEntry: floats(limit),
      },
      x,
      y: floats(columns * outputs),
      rows: k === 0 && !body ? images : floats(columns * inputs, ROW_SLACK_BYTES),
    };
    x = place.y;
    return place;
  });
  const widest = Math.max(headFeatures, ...stages.list.map(({ outputs }) => outputs));
  const gradients = [floats(columns * widest), floats(columns * widest)] as const;
  const bytes = Math.ceil(end / 65536) * 65536;
  if (bytes > limit) {
    throw new Problem(
      "out-of-memory",
      `cpu engine: the network needs ${bytes} bytes for batches of ${maxBatch}; there are ${limit}`,
    );
  }
  const parameters = [
    ...(body ? storedOf(body) : []),
    ...places.flatMap((stage) => [
      { place: stage.weight, isWeight: true, limit: stage.sparse.limit, writeLists: writeLists(stage) },
      ...(stage.bias ? [alwaysWhole(stage.bias)] : []),
    ]),
  ];
  return {
    bytes,
    buffers,
    threads,
    control,
    call,
    programs,
    images,
    labels,
    classes: stages.classes,
    body,
    stages: places,
    entrance,
    output: x,
    gradients,
    parameters,
  };
}

/** Lists of the kept weights of a linear layer, by output and by input. */
const writeLists =
  ({ sparse, outputs, inputs }: StagePlace) =>
  (memory: ArrayBufferLike, kept: Uint8Array | null): void => {
    if (!kept) return;
    const words = (at: number, count: number): Uint32Array => new Uint32Array(memory, at, count);
    const padded = Math.ceil(sparse.limit / 16) * 16;
    const starts = words(sparse.starts, outputs + 1);
    const index = words(sparse.index, padded);
    const row = words(sparse.row, padded);
    const inputStarts = words(sparse.inputStarts, inputs + 1);
    const inputIndex = words(sparse.inputIndex, sparse.limit);
    const inputEntry = words(sparse.inputEntry, sparse.limit);
    inputStarts.fill(0);
    let e = 0;
    for (let o = 0; o < outputs; o++) {
      starts[o] = e;
      for (let i = 0; i < inputs; i++) {
        if (!kept[o * inputs + i]) continue;
        index[e] = i;
        row[e++] = o;
        inputStarts[i + 1]!++;
      }
    }
    starts[outputs] = e;
    index.fill(0, e);
    row.fill(0, e);
    for (let i = 0; i < inputs; i++) inputStarts[i + 1]! += inputStarts[i]!;
    const next = inputStarts.slice(0, inputs);
    for (let k = 0; k < e; k++) {
      const to = next[index[k]!]!++;
      inputIndex[to] = row[k]!;
      inputEntry[to] = k;
    }
  };
