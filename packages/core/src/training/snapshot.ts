/**
 * A job in the middle, as one tensor file: the journal of completed phases, the running phase's weights, momentum and
 * position, the trace and the record. Weights and momentum are one tensor each, all parameters one after the other: the header stays
 * small whatever the net and the number of phases. It is the runner's own and never published; it goes on only under the same spec,
 * NUMERICS and engine.
 */
import { z } from "zod";
import {
  canonicalBytes,
  decodeNumber,
  digestSchema,
  encodeNumber,
  numberSchema,
  parseCanonical,
} from "../canonical.ts";
import { NUMERICS } from "../engine/numerics.ts";
import { type Architecture, learned, type Parameter, parameters } from "../layers.ts";
import type { Mask } from "../mask.ts";
import type { Ticket } from "../methods/method.ts";
import { Problem } from "../problem.ts";
import { readTensorFile, type Tensor, writeTensorFile } from "../tensor-file.ts";
import { BLOCK } from "../trace.ts";
import type { Weights } from "../weights.ts";
import type { Journal } from "./dense-network.ts";
import { recordSchema } from "./record.ts";
import type { Start } from "./train.ts";

const count = z.number().int().min(0);
const stateSchema = z.strictObject({
  /** Number of completed phases. */
  completed: count,
  /** Of the ticket, where there is one. */
  from: count.optional(),
  position: z.strictObject({ iteration: count, lossSum: numberSchema, lossCount: count }),
  trace: z.strictObject({ head: digestSchema, blocks: count, marks: z.string().optional() }),
  record: recordSchema,
});

/** What a snapshot belongs to. */
export interface SnapshotOf {
  readonly specDigest: string;
  readonly engine: string;
}

export interface Snapshot {
  /** Found already; null: not yet, or of a kind that has to be found again. */
  readonly ticket: Pick<Ticket, "mask" | "weights" | "from"> | null;
  readonly journal: Journal & { readonly running: Required<Start> };
  readonly trace: z.infer<typeof stateSchema>["trace"];
  readonly record: z.infer<typeof recordSchema>;
}

export function writeSnapshot(
  of: SnapshotOf,
  { ticket, journal, trace, record }: Snapshot,
  architecture: Architecture,
): Uint8Array {
  const { weights, momentum, position } = journal.running;
  const state = canonicalBytes({
    completed: journal.completed.length,
    ...(ticket && { from: ticket.from ?? 0 }),
    position: {
      iteration: position.iteration,
      lossSum: encodeNumber(position.lossSum),
      lossCount: position.lossCount,
    },
    trace,
    record,
  });
  const dense = (name: string, values: Float32Array | Uint8Array): Tensor => ({
    name,
    shape: [values.length],
    values,
    encoding: "dense",
  });
  const held = parameters(architecture);
  return writeTensorFile({
    kind: "snapshot",
    meta: { ...of, numerics: NUMERICS },
    tensors: [
      dense("state", state),
      dense("block", position.block),
      dense("weights", joinedWeights(held, weights)),
      dense("momentum", joinedWeights(learned(architecture), momentum)),
      ...(position.mask ? [dense("mask", joinedMask(architecture, position.mask))] : []),
      ...(position.memory ? [dense("memory", position.memory)] : []),
      ...(ticket
        ? [
            dense("ticket/mask", joinedMask(architecture, ticket.mask)),
            dense("ticket/weights", joinedWeights(held, ticket.weights)),
          ]
        : []),
      ...journal.completed.map((done, i) => dense(`completed/${i}`, joinedWeights(held, done))),
    ],
  });
}

const sizeOf = (of: readonly Parameter[]): number => of.reduce((sum, { size }) => sum + size, 0);

/** The values of these parameters one after the other, in `all`. */
function joined<T extends Float32Array | Uint8Array>(
  of: readonly Parameter[],
  values: Readonly<Record<string, T>>,
  all: T,
): T {
  let offset = 0;
  for (const { name, size } of of) {
    all.set(values[name]!, offset);
    offset += size;
  }
  return all;
}

const joinedWeights = (of: readonly Parameter[], values: Weights): Float32Array =>
  joined(of, values, new Float32Array(sizeOf(of)));

function parted(of: readonly Parameter[], all: Float32Array): Weights {
  let offset = 0;
  return Object.fromEntries(of.map(({ name, size }) => [name, all.subarray(offset, (offset += size))]));
}

const prunableOf = (architecture: Architecture) => parameters(architecture).filter(({ prunable }) => prunable);

function joinedMask(architecture: Architecture, mask: Mask): Uint8Array {
  const of = prunableOf(architecture);
  return joined(of, mask, new Uint8Array(sizeOf(of)));
}

function partedMask(architecture: Architecture, all: Tensor["values"] | undefined): Mask {
  const of = prunableOf(architecture);
  if (!(all instanceof Uint8Array) || all.length !== sizeOf(of) || all.some((kept) => kept > 1))
    throw new Problem("bad-file", `snapshot: mask: expected ${sizeOf(of)} bytes of 0 and 1; got others`);
  let offset = 0;
  return Object.fromEntries(of.map(({ name, size }) => [name, all.slice(offset, (offset += size))]));
}

/**
 * Throws Problem "bad-file" if the bytes are no snapshot, one of another spec, NUMERICS or engine, or if their tensors are
 * not the architecture's.
 */
export function readSnapshot(bytes: Uint8Array, of: SnapshotOf, architecture: Architecture): Snapshot {
  const file = readTensorFile(bytes);
  const expected = JSON.stringify({ specDigest: of.specDigest, engine: of.engine, numerics: NUMERICS });
  const meta = file.meta as { specDigest?: unknown; engine?: unknown; numerics?: unknown } | null;
  const got = JSON.stringify({ specDigest: meta?.specDigest, engine: meta?.engine, numerics: meta?.numerics });
  if (file.kind !== "snapshot" || got !== expected)
    throw new Problem("bad-file", `snapshot: expected one of ${expected}; got a ${file.kind} of ${got}`);

  const tensors = new Map(file.tensors.map(({ name, values }) => [name, values]));
  const state = tensors.get("state");
  const block = tensors.get("block");
  if (!(state instanceof Uint8Array) || !(block instanceof Float32Array) || block.length > BLOCK)
    throw new Problem("bad-file", `snapshot: expected tensors state (u8) and block (f32, at most ${BLOCK})`);
  const parsed = stateSchema.safeParse(parseCanonical(state, "snapshot: state"));
  if (!parsed.success)
    throw new Problem("bad-file", `snapshot: state: ${parsed.error.message}`, { cause: parsed.error });
  const { completed, from, position, trace, record } = parsed.data;
  const mask = tensors.get("mask");
  const memory = tensors.get("memory");
  const extra = (mask ? 1 : 0) + (memory ? 1 : 0) + (from === undefined ? 0 : 2);
  if (tensors.size !== 4 + extra + completed)
    throw new Problem(
      "bad-file",
      `snapshot: expected ${4 + extra + completed} tensors after ${completed} phases; got ${tensors.size}`,
    );
  const set = (name: string, of: readonly Parameter[]): Weights => {
    const values = tensors.get(name);
    if (!(values instanceof Float32Array) || values.length !== sizeOf(of))
      throw new Problem(
        "bad-file",
        `snapshot: ${name}: expected ${sizeOf(of)} numbers (f32); got ${values?.length ?? "none"}`,
      );
    return parted(of, values);
  };
  const held = parameters(architecture);
  return {
    ticket:
      from === undefined
        ? null
        : { from, mask: partedMask(architecture, tensors.get("ticket/mask")), weights: set("ticket/weights", held) },
    journal: {
      completed: Array.from({ length: completed }, (_, i) => set(`completed/${i}`, held)),
      running: {
        weights: set("weights", held),
        momentum: set("momentum", learned(architecture)),
        position: {
          ...position,
          lossSum: decodeNumber(position.lossSum),
          block,
          ...(mask && { mask: partedMask(architecture, mask) }),
          ...(memory instanceof Uint8Array && { memory }),
        },
      },
    },
    trace,
    record,
  };
}
