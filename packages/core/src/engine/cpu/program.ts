/**
 * Programs: flat tables of instructions (struct instruction of kernels/table.h), one for each kind of call, written into
 * the arena. Between barriers no instruction reads what another one writes.
 */
import { type Arena, INSTRUCTION_BYTES, type ParameterPlace, type StagePlace } from "./arena.ts";
import { bodyBackward, bodyForward, type Mode } from "./body-program.ts";

// enum of kernels/table.h, in its order
export const OPS = [
  "barrier",
  "pack",
  "unpack",
  "relu",
  "forward",
  "forward-sparse",
  "input",
  "input-sparse",
  "weight",
  "weight-sparse",
  "bias",
  "loss",
  "count",
  "gate",
  "update",
  "pack-blocks",
  "to-columns",
  "to-blocks",
  "conv",
  "conv-back",
  "reduce",
  "gather",
  "points",
  "make",
  "statistics",
  "finish",
  "norm",
  "norm-remembered",
  "norm-back",
  "max-pool",
  "max-pool-back",
  "average-pool",
  "average-pool-back",
  "dropout",
  "dropout-back",
] as const;
type Op = (typeof OPS)[number];

const HAS_BIAS = 1;
const HAS_RELU = 2;
const HAS_GATE = 4;
export const BLOCKED = 8;
const HAS_MASK = 16;
const HAS_PENALTY = 32;
export const TRAIN = 64;
export const REMEMBER = 128;

// fields after op, in their order
const FIELDS = [
  "flags",
  "outputs",
  "inputs",
  "x",
  "y",
  "w",
  "g",
  "v",
  "bias",
  "gated",
  "starts",
  "index",
  "entry",
  "kept",
  "marks",
] as const;
export type Instruction = { op: Op } & { [field in (typeof FIELDS)[number]]?: number };

/** How a parameter is stored now. */
export interface Storage {
  /** Only kept entries, in order; then the sparse lists hold. */
  readonly sparse: boolean;
  /** Stored entries. */
  readonly kept: number;
  /** Stored whole, under a mask. */
  readonly masked: boolean;
  readonly penalised: boolean;
}

export interface Program {
  /** Byte offset of the first instruction. */
  readonly at: number;
  readonly count: number;
}

const PROGRAM_KINDS = [
  "step",
  "step-blocked",
  "update",
  "update-blocked",
  "gradients",
  "evaluate",
  "probe",
  "probe-evaluate",
] as const;
export type ProgramKind = (typeof PROGRAM_KINDS)[number];

/** Plans every program for parameters stored as `storage` says, and writes them all. */
export function writePrograms(
  memory: ArrayBufferLike,
  arena: Arena,
  reluOnImages: boolean,
  storage: (parameter: ParameterPlace) => Storage,
): Record<ProgramKind, Program> {
  let at = arena.programs;
  const write = (instructions: readonly Instruction[]): Program => {
    const program = { at, count: instructions.length };
    const words = new Uint32Array(memory, at, (instructions.length * INSTRUCTION_BYTES) / 4);
    at += words.byteLength;
    if (at > arena.images) throw new Error("programs outgrew their place in the arena");
    instructions.forEach((instruction, i) => {
      words[i * 16] = OPS.indexOf(instruction.op);
      FIELDS.forEach((field, f) => {
        words[i * 16 + 1 + f] = instruction[field] ?? 0;
      });
    });
    return program;
  };
  const plan = { arena, reluOnImages, storage };
  const { body } = arena;
  const loss = (op: "loss" | "count"): Instruction[] => [
    { op, outputs: arena.classes, x: arena.output, y: arena.gradients[0], index: arena.labels },
    { op: "barrier" },
  ];
  const forwards = (mode: Mode, rows: boolean, backward = true): Instruction[] => [
    ...(body ? bodyForward(arena, body, mode, { storage, backward }) : []),
    ...forward(plan, rows),
  ];
  const backwards = (mode: Mode, want: "weights" | "biases", toImages: boolean): Instruction[] => {
    const head = backwardPass(plan, want, toImages || body !== null);
    if (!body) return head.program;
    return [...head.program, ...bodyBackward(body, mode, { want, toImages, d: head.d, storage })];
  };
  const train = (blocked: boolean, want: "weights" | "biases"): Instruction[] => [
    ...forwards("step", want === "weights"),
    ...loss("loss"),
    ...backwards("step", want, false),
    ...update(plan, blocked),
  ];
  return {
    step: write(train(false, "weights")),
    "step-blocked": write(train(true, "biases")),
    update: write(update(plan, false)),
    "update-blocked": write(update(plan, true)),
    gradients: write([...forwards("batch", true), ...loss("loss"), ...backwards("batch", "weights", false)]),
    evaluate: write([...forwards("remembered", false, false), ...loss("count")]),
    probe: write([...forwards("batch", true), ...backwards("batch", "weights", true)]),
    "probe-evaluate": write([...forwards("remembered", true), ...backwards("remembered", "weights", true)]),
  };
}

interface Plan {
  readonly arena: Arena;
  readonly reluOnImages: boolean;
  readonly storage: (parameter: ParameterPlace) => Storage;
}

/** Images → output of the last stage. With `rows`, inputs are also laid out for dense weight gradients. */
function forward({ arena, reluOnImages, storage }: Plan, rows: boolean): Instruction[] {
  const program: Instruction[] = [];
  if (!arena.body) {
    const { inputs, x } = arena.stages[0]!;
    if (reluOnImages) program.push({ op: "relu", inputs, x: arena.images }, { op: "barrier" });
    program.push({ op: "pack", inputs, x: arena.images, y: x }, { op: "barrier" });
  }
  for (const stage of arena.stages) {
    const { outputs, inputs, x, y, bias, sparse } = stage;
    const stored = storage(stage.weight);
    program.push({
      op: stored.sparse ? "forward-sparse" : "forward",
      flags: (bias ? HAS_BIAS : 0) | (stage.relu ? HAS_RELU : 0),
      outputs,
      inputs,
      x,
      y,
      w: stage.weight.weights,
      bias: bias?.weights ?? 0,
      starts: sparse.starts,
      index: sparse.index,
    });
    if (rows && stage.rows !== arena.images && !stored.sparse) program.push({ op: "unpack", inputs, x, y: stage.rows });
    program.push({ op: "barrier" });
  }
  return program;
}

/**
 * From the gradient of the output, in arena.gradients[0]. With `toInput`, also the gradient of what the head reads: without a
 * body it replaces the packed images; `d` says where it is.
 */
function backwardPass(
  { arena, reluOnImages, storage }: Plan,
  want: "weights" | "biases",
  toInput: boolean,
): { program: Instruction[]; d: number } {
  const program: Instruction[] = [];
  let [d, next] = arena.gradients;
  const last = arena.stages.at(-1);
  if (last?.relu) program.push({ op: "gate", outputs: last.outputs, y: d, gated: last.y }, { op: "barrier" });
  for (let k = arena.stages.length - 1; k >= 0; k--) {
    const stage = arena.stages[k]!;
    if (want === "weights") program.push(weightGradient(stage, storage(stage.weight), d));
    if (stage.bias) program.push({ op: "bias", outputs: stage.outputs, x: d, g: stage.bias.gradients });
    const gated = k > 0 ? arena.stages[k - 1]!.relu : reluOnImages;
    if (k > 0 || arena.body) program.push(inputGradient(stage, storage(stage.weight), d, next, gated));
    else if (toInput) program.push({ op: "barrier" }, inputGradient(stage, storage(stage.weight), d, stage.x, gated));
    program.push({ op: "barrier" });
    [d, next] = [next, d];
  }
  return { program, d };
}

function weightGradient(stage: StagePlace, stored: Storage, d: number): Instruction {
  const { outputs, inputs, weight, sparse } = stage;
  const g = weight.gradients;
  if (!stored.sparse) return { op: "weight", outputs, inputs, x: d, y: stage.rows, g };
  return { op: "weight-sparse", kept: stored.kept, x: d, y: stage.x, g, entry: sparse.row, index: sparse.index };
}

function inputGradient(stage: StagePlace, stored: Storage, d: number, to: number, gated: boolean): Instruction {
  const { outputs, inputs, weight, sparse } = stage;
  return {
    op: stored.sparse ? "input-sparse" : "input",
    flags: gated ? HAS_GATE : 0,
    outputs,
    inputs,
    x: d,
    y: to,
    w: weight.weights,
    gated: stage.x,
    starts: sparse.inputStarts,
    index: sparse.inputIndex,
    entry: sparse.inputEntry,
  };
}

function update({ arena, storage }: Plan, blocked: boolean): Instruction[] {
  return arena.parameters.flatMap(({ place, isWeight }): Instruction[] => {
    if (!place.learned) return [];
    const { kept, masked, penalised } = storage(place);
    const block = blocked && isWeight;
    return [
      {
        op: "update",
        flags: (block ? BLOCKED : 0) | (masked ? HAS_MASK : 0) | (penalised ? HAS_PENALTY : 0),
        kept,
        w: place.weights,
        g: place.gradients,
        v: place.momentum,
        marks: place.marks,
      },
    ];
  });
}
