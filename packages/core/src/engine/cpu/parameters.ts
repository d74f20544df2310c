/**
 * Weights, gradients and momentum in the arena. A weight under a mask that keeps few entries is stored compactly, kept
 * entries in order, with the lists that the sparse kernels walk; everything else is stored whole. Callers see whole
 * arrays either way. Arguments are checked by then (checks.ts).
 */
import type { Mask } from "../../mask.ts";
import type { Weights } from "../../weights.ts";
import type { Arena, ParameterPlace, Stored } from "./arena.ts";
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

interface Parameter extends Stored {
  /** null: every entry is kept. */
  kept: Uint8Array | null;
  leaving: Uint8Array | null;
  storage: Storage;
}

/** `names`: the order in which parameters are read. */
export function parametersIn(memory: ArrayBufferLike, arena: Arena, names: readonly string[]): Parameters {
  const byName = new Map(arena.parameters.map((stored) => [stored.place.name, stored]));
  const list = names.map((name): Parameter => {
    const stored = byName.get(name)!;
    const { place, writeLists } = stored;
    const storage = { sparse: false, kept: place.size, masked: false, penalised: false };
    writeLists(memory, null);
    return { ...stored, kept: null, leaving: null, storage };
  });
  const byPlace = new Map(list.map((parameter) => [parameter.place, parameter]));
  const floats = (at: number, count: number): Float32Array => new Float32Array(memory, at, count);
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

  const of = (what: What): readonly Parameter[] =>
    what === "weights" ? list : list.filter(({ place }) => place.learned);

  return {
    storage: (place) => byPlace.get(place)!.storage,
    read: (what) => Object.fromEntries(of(what).map((parameter) => [parameter.place.name, readOne(parameter, what)])),
    write(what, values) {
      for (const parameter of of(what)) writeOne(parameter, what, values[parameter.place.name]!);
    },
    setMask(mask) {
      for (const parameter of list) {
        const { place, limit } = parameter;
        const given = mask?.[place.name];
        if (!given && !parameter.kept) continue;
        const values = WHATS.map((what) => readOne(parameter, what));
        const count = given ? given.reduce((sum, kept) => sum + (kept ? 1 : 0), 0) : place.size;
        const isSparse = limit > 0 && given !== undefined && count <= limit;
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
        parameter.writeLists(memory, isSparse ? parameter.kept : null);
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
