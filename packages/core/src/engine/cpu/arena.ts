/**
 * The one memory of a network: where everything lies, as byte offsets, known before anything is allocated. Planned for
 * the worst mask, never grows. kernels/kernels.c says what the parts mean.
 */
import { Problem } from "../../problem.ts";
import { sparseLimit } from "./choose.ts";
import type { Stages } from "./stages.ts";

/** The linker's own: static data (there is none) and its one stack, which no thread uses. */
const RESERVED_BYTES = 128 << 10;
/** Wasm threads start with the same stack pointer, so each gets a stack of its own. */
const STACK_BYTES = 64 << 10;
/** Kernels may read this far past the end of a buffer; they ignore what they find. */
const SLACK_BYTES = 256;
const LINE = 64;
/** struct instruction, and how many all programs of a network can have. */
export const INSTRUCTION_BYTES = 64;
const instructionLimit = (stages: number): number => 64 + stages * 64;

/** What wasm can address, and what a shared memory can have. */
export const MEMORY_LIMIT = 65536 * 65536;

/** One parameter: dense, or its kept entries in order; arrays padded to 16 entries. */
export interface ParameterPlace {
  readonly name: string;
  readonly size: number;
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

export interface Arena {
  readonly bytes: number;
  readonly threads: number;
  readonly control: number;
  readonly call: number;
  readonly programs: number;
  /** [batch][features] as they come, and one byte a label. */
  readonly images: number;
  readonly labels: number;
  readonly stages: readonly StagePlace[];
  /** Two buffers that gradients of activations take in turn. */
  readonly gradients: readonly [number, number];
}

/** Top of the stack of a thread. */
export const stackTop = (thread: number): number => RESERVED_BYTES + (thread + 1) * STACK_BYTES;
export const RESERVED = RESERVED_BYTES;
/** Columns of a batch: padded to 16. */
export const columnsOf = (batch: number): number => Math.ceil(batch / 16) * 16;

/** Throws Problem "out-of-memory" with what is needed and what there is. */
export function planArena(stages: Stages, maxBatch: number, threads: number, limit: number): Arena {
  let end = stackTop(threads - 1);
  const take = (bytes: number): number => {
    const at = end;
    end += Math.ceil(bytes / LINE) * LINE;
    return at;
  };
  const floats = (count: number): number => take(Math.ceil(count / 16) * LINE + SLACK_BYTES);
  const columns = columnsOf(maxBatch);
  const parameter = (name: string, size: number): ParameterPlace => ({
    name,
    size,
    weights: floats(size),
    gradients: floats(size),
    momentum: floats(size),
    marks: take(size + LINE),
  });

  const control = take(4 * LINE);
  const call = take(LINE);
  const programs = take(instructionLimit(stages.list.length) * INSTRUCTION_BYTES);
  const images = floats(columns * stages.features);
  const labels = take(columns + LINE);
  let x = floats(columns * stages.features);
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
      rows: k === 0 ? images : floats(columns * inputs),
    };
    x = place.y;
    return place;
  });
  const widest = Math.max(...stages.list.map(({ outputs }) => outputs));
  const gradients = [floats(columns * widest), floats(columns * widest)] as const;
  const bytes = Math.ceil(end / 65536) * 65536;
  if (bytes > limit) {
    throw new Problem(
      "out-of-memory",
      `cpu engine: the network needs ${bytes} bytes for batches of ${maxBatch}; there are ${limit}`,
    );
  }
  return { bytes, threads, control, call, programs, images, labels, stages: places, gradients };
}
