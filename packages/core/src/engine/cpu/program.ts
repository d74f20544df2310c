/**
 * Programs: flat tables of instructions (struct instruction of kernels/table.h), one for each kind of call, written into
 * the arena. Between barriers no instruction reads what another one writes.
 */
import { type Arena, INSTRUCTION_BYTES, type ParameterPlace, type StagePlace } from "./arena.ts";

// enum of kernels/table.h, in its order
const OPS = [
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
] as const;
type Op = (typeof OPS)[number];

const HAS_BIAS = 1;
const HAS_RELU = 2;
const HAS_GATE = 4;
const BLOCKED = 8;
const HAS_MASK = 16;
const HAS_PENALTY = 32;

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
type Instruction = { op: Op } & { [field in (typeof FIELDS)[number]]?: number };

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

const PROGRAM_KINDS = ["step", "step-blocked", "update", "update-blocked", "gradients", "evaluate", "probe"] as const;
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
  const last = arena.stages.at(-1)!;
  const loss = (op: "loss" | "count"): Instruction[] => [
    { op, outputs: last.outputs, x: last.y, y: arena.gradients[0], index: arena.labels },
    { op: "barrier" },
  ];
  const train = (blocked: boolean, backward: "weights" | "biases"): Instruction[] => [
    ...forward(plan, backward === "weights"),
    ...loss("loss"),
    ...backwardPass(plan, backward, false),
    ...update(plan, blocked),
  ];
  return {
    step: write(train(false, "weights")),
    "step-blocked": write(train(true, "biases")),
    update: write(update(plan, false)),
    "update-blocked": write(update(plan, true)),
    gradients: write([...forward(plan, true), ...loss("loss"), ...backwardPass(plan, "weights", false)]),
    evaluate: write([...forward(plan, false), ...loss("count")]),
    probe: write([...forward(plan, true), ...backwardPass(plan, "weights", true)]),
  };
}

interface Plan {
  readonly arena: Arena;
  readonly reluOnImages: boolean;
  readonly storage: (parameter: ParameterPlace) => Storage;
}

/** Images → output of the last stage. With `rows`, inputs are also laid out for dense weight gradients. */
function forward({ arena, reluOnImages, storage }: Plan, rows: boolean): Instruction[] {
  const first = arena.stages[0]!;
  const program: Instruction[] = [];
  if (reluOnImages) program.push({ op: "relu", inputs: first.inputs, x: arena.images }, { op: "barrier" });
  program.push({ op: "pack", inputs: first.inputs, x: arena.images, y: first.x }, { op: "barrier" });
  arena.stages.forEach((stage, k) => {
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
    if (rows && k > 0 && !stored.sparse) program.push({ op: "unpack", inputs, x, y: stage.rows });
    program.push({ op: "barrier" });
  });
  return program;
}

/** From the gradient of the output, in arena.gradients[0]. With `toImages`, the images' gradient replaces the packed images. */
function backwardPass(
  { arena, reluOnImages, storage }: Plan,
  want: "weights" | "biases",
  toImages: boolean,
): Instruction[] {
  const program: Instruction[] = [];
  let [d, next] = arena.gradients;
  const last = arena.stages.at(-1)!;
  if (last.relu) program.push({ op: "gate", outputs: last.outputs, y: d, gated: last.y }, { op: "barrier" });
  for (let k = arena.stages.length - 1; k >= 0; k--) {
    const stage = arena.stages[k]!;
    if (want === "weights") program.push(weightGradient(stage, storage(stage.weight), d));
    if (stage.bias) program.push({ op: "bias", outputs: stage.outputs, x: d, g: stage.bias.gradients });
    const gated = k > 0 ? arena.stages[k - 1]!.relu : reluOnImages;
    if (k > 0) program.push(inputGradient(stage, storage(stage.weight), d, next, gated));
    else if (toImages) program.push({ op: "barrier" }, inputGradient(stage, storage(stage.weight), d, stage.x, gated));
    program.push({ op: "barrier" });
    [d, next] = [next, d];
  }
  return program;
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
  return arena.stages.flatMap(({ weight, bias }) =>
    [weight, bias].flatMap((parameter): Instruction[] => {
      if (!parameter) return [];
      const { kept, masked, penalised } = storage(parameter);
      const block = blocked && parameter === weight;
      return [
        {
          op: "update",
          flags: (block ? BLOCKED : 0) | (masked ? HAS_MASK : 0) | (penalised ? HAS_PENALTY : 0),
          kept,
          w: parameter.weights,
          g: parameter.gradients,
          v: parameter.momentum,
          marks: parameter.marks,
        },
      ];
    }),
  );
}
