/**
 * A job in the middle, as one tensor file: the journal of completed phases, the running phase's weights, momentum and
 * position, the trace and the record. It is the runner's own and never published; it goes on only under the same spec,
 * NUMERICS and engine.
 */
import { z } from "zod";
import { canonicalBytes, decodeNumber, encodeNumber, numberSchema, parseCanonical } from "../canonical.ts";
import { NUMERICS } from "../engine/numerics.ts";
import { type Architecture, learned, type Parameter, parameters } from "../layers.ts";
import { Problem } from "../problem.ts";
import { resultSchema } from "../result.ts";
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
  position: z.strictObject({ iteration: count, lossSum: numberSchema, lossCount: count }),
  trace: resultSchema.shape.trace.omit({ every: true }),
  record: recordSchema,
});

/** What a snapshot belongs to. */
export interface SnapshotOf {
  readonly specDigest: string;
  readonly engine: string;
}

export interface Snapshot {
  readonly journal: Journal & { readonly running: Required<Start> };
  readonly trace: z.infer<typeof stateSchema>["trace"];
  readonly record: z.infer<typeof recordSchema>;
}

export function writeSnapshot(of: SnapshotOf, { journal, trace, record }: Snapshot): Uint8Array {
  const { weights, momentum, position } = journal.running;
  const state = canonicalBytes({
    completed: journal.completed.length,
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
  const all = (prefix: string, of: Weights) =>
    Object.entries(of).map(([name, values]) => dense(`${prefix}/${name}`, values));
  return writeTensorFile({
    kind: "snapshot",
    meta: { ...of, numerics: NUMERICS },
    tensors: [
      dense("state", state),
      dense("block", position.block),
      ...all("weights", weights),
      ...all("momentum", momentum),
      ...journal.completed.flatMap((done, i) => all(`completed/${i}`, done)),
    ],
  });
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
  const { completed, position, trace, record } = parsed.data;
  const held = parameters(architecture);
  const moved = learned(architecture);
  const expectedTensors = 2 + held.length * (1 + completed) + moved.length; // state and block; weights, those of each completed phase; momentum
  if (tensors.size !== expectedTensors)
    throw new Problem(
      "bad-file",
      `snapshot: expected ${expectedTensors} tensors after ${completed} phases; got ${tensors.size}`,
    );
  const all = (prefix: string, of: readonly Parameter[] = held): Weights =>
    Object.fromEntries(
      of.map(({ name, size }) => {
        const values = tensors.get(`${prefix}/${name}`);
        if (!(values instanceof Float32Array) || values.length !== size)
          throw new Problem(
            "bad-file",
            `snapshot: ${prefix}/${name}: expected ${size} numbers (f32); got ${values?.length ?? "none"}`,
          );
        return [name, values];
      }),
    );
  return {
    journal: {
      completed: Array.from({ length: completed }, (_, i) => all(`completed/${i}`)),
      running: {
        weights: all("weights"),
        momentum: all("momentum", moved),
        position: { ...position, lossSum: decodeNumber(position.lossSum), block },
      },
    },
    trace,
    record,
  };
}
