/** Where the levels of a series change, by core's default detector, with the commits on both sides. */
import { type ChangePoint, DEFAULT_DETECTOR, detectors, type Run } from "@ticketmark/core";

import type { Db } from "./client.ts";
import { type Level, relative } from "./series-points.ts";

export interface Change extends ChangePoint {
  /** The commit that the new level begins with, and the measured one before it. */
  readonly commit: string;
  readonly parent: string;
  /** (after − before) / |before|; null where that is nothing to divide by. */
  readonly change: number | null;
}

interface Found {
  readonly values: readonly number[];
  readonly changes: readonly ChangePoint[];
}
/** By series. A new result changes few of them, and the list of series has them all. */
const found = new WeakMap<Db, Map<string, Found>>();

/** In the same values they are not looked for again. Ascending. */
export function changesOf(db: Db, id: string, levels: readonly Level<Run>[]): Change[] {
  const ofDb = found.get(db) ?? new Map<string, Found>();
  found.set(db, ofDb);
  const values = levels.map(({ value }) => value);
  const known = ofDb.get(id);
  const same = known?.values.length === values.length && known.values.every((value, i) => value === values[i]);
  const changes = same ? known.changes : detectors.get(DEFAULT_DETECTOR).detect(values);
  if (!same) ofDb.set(id, { values, changes });
  return changes.map((one) => ({
    ...one,
    commit: levels[one.index]!.commit,
    parent: levels[one.index - 1]!.commit,
    change: relative(one.before, one.after),
  }));
}
