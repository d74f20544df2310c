/**
 * Weights, gradients and momentum in the arena. A weight under a mask that keeps few entries is stored compactly, kept
 * entries in order, with the lists that the sparse kernels walk; everything else is stored whole. Callers see whole
 * arrays either way. Arguments are checked by then (checks.ts).
 */
import type { Mask } from "../../mask.ts";
import type { Weights } from "../../weights.ts";
import type { Arena, ParameterPlace, SparsePlace } from "./arena.ts";
import type { Storage } from "./program.ts";

export type What = "weights" | "gradients" | "momentum";
const WHATS: readonly What[] = ["weights", "gradients", "momentum"];
const KEPT = 1;
const LEAVING = 2;

export interface Parameters {
  storage(place: ParameterPlace): Storage;
  read(what: What): Record<string, Float32Array>;
  write(what: What, values: Weights): void;
  /** Programs must be written anew after it. */
  setMask(mask: Mask | null): void;
  /** True if programs must be written anew. The same mask object again is taken to have the same content. */
  setPenalty(on: Mask | null): boolean;
}

interface Parameter {
  readonly place: ParameterPlace;
  readonly sparse: SparsePlace | null;
  readonly shape: readonly [outputs: number, inputs: number];
  /** null: every entry is kept. */
  kept: Uint8Array | null;
  leaving: Uint8Array | null;
  storage: Storage;
}

export function parametersIn(memory: ArrayBufferLike, arena: Arena): Parameters {
  const list = arena.stages.flatMap(({ weight, bias, sparse, outputs, inputs }): Parameter[] => {
    const whole = (place: ParameterPlace): Storage => ({
      sparse: false,
      kept: place.size,
      masked: false,
      penalised: false,
    });
    const one = { kept: null, leaving: null };
    const weights: Parameter = { ...one, place: weight, sparse, shape: [outputs, inputs], storage: whole(weight) };
    return bias
      ? [weights, { ...one, place: bias, sparse: null, shape: [outputs, 1], storage: whole(bias) }]
      : [weights];
  });
  const byPlace = new Map(list.map((parameter) => [parameter.place, parameter]));
  const floats = (at: number, count: number): Float32Array => new Float32Array(memory, at, count);
  const words = (at: number, count: number): Uint32Array => new Uint32Array(memory, at, count);
  let penalty: Mask | null = null;

  function readOne({ place, kept, storage }: Parameter, what: What): Float32Array {
    const stored = floats(place[what], storage.kept);
    if (!kept) return stored.slice();
    const whole = new Float32Array(place.size);
    if (storage.sparse) for (let i = 0, e = 0; i < whole.length; i++) whole[i] = kept[i] ? stored[e++]! : 0;
    else for (let i = 0; i < whole.length; i++) whole[i] = kept[i] ? stored[i]! : 0;
    return whole;
  }

  function writeOne({ place, kept, storage }: Parameter, what: What, whole: Float32Array): void {
    const stored = floats(place[what], Math.ceil(place.size / 16) * 16);
    if (!storage.sparse) {
      for (let i = 0; i < whole.length; i++) stored[i] = !kept || kept[i] ? whole[i]! : 0;
      return;
    }
    let e = 0;
    for (let i = 0; i < whole.length; i++) if (kept![i]) stored[e++] = whole[i]!;
    stored.fill(0, e); // the update runs to a multiple of 16
  }

  function mark({ place, kept, leaving, storage }: Parameter): void {
    const marks = new Uint8Array(memory, place.marks, place.size);
    let e = 0;
    for (let i = 0; i < place.size; i++) {
      const isKept = !kept || kept[i];
      if (isKept || !storage.sparse) marks[e++] = (isKept ? KEPT : 0) | (leaving?.[i] ? LEAVING : 0);
    }
    marks.fill(0, e);
  }

  function writeLists({ sparse, kept, shape: [outputs, inputs], storage }: Parameter): void {
    if (!sparse || !kept || !storage.sparse) return;
    const padded = Math.ceil(storage.kept / 16) * 16;
    const starts = words(sparse.starts, outputs + 1);
    const index = words(sparse.index, padded);
    const row = words(sparse.row, padded);
    const inputStarts = words(sparse.inputStarts, inputs + 1);
    const inputIndex = words(sparse.inputIndex, storage.kept);
    const inputEntry = words(sparse.inputEntry, storage.kept);
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
  }

  return {
    storage: (place) => byPlace.get(place)!.storage,
    read: (what) => Object.fromEntries(list.map((parameter) => [parameter.place.name, readOne(parameter, what)])),
    write(what, values) {
      for (const parameter of list) writeOne(parameter, what, values[parameter.place.name]!);
    },
    setMask(mask) {
      for (const parameter of list) {
        const { place, sparse } = parameter;
        const given = mask?.[place.name];
        if (!given && !parameter.kept) continue;
        const values = WHATS.map((what) => readOne(parameter, what));
        const count = given ? given.reduce((sum, kept) => sum + (kept ? 1 : 0), 0) : place.size;
        const isSparse = sparse !== null && given !== undefined && count <= sparse.limit;
        parameter.kept = given && count < place.size ? given.slice() : null;
        parameter.storage = {
          sparse: isSparse,
          kept: isSparse ? count : place.size,
          masked: !isSparse && parameter.kept !== null,
          penalised: parameter.storage.penalised,
        };
        WHATS.forEach((what, i) => {
          writeOne(parameter, what, values[i]!);
        });
        writeLists(parameter);
        mark(parameter);
      }
    },
    setPenalty(on) {
      if (on === penalty) return false;
      penalty = on;
      for (const parameter of list) {
        const given = on?.[parameter.place.name];
        if (!given && !parameter.leaving) continue;
        parameter.leaving = given?.some(Boolean) ? given.slice() : null;
        parameter.storage = { ...parameter.storage, penalised: parameter.leaving !== null };
        mark(parameter);
      }
      return true;
    },
  };
}
