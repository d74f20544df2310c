/**
 * One look at everything. Investigations go on, new suspicions are opened, work is queued; what a step makes possible is
 * done in the same pass.
 */

import type { Db } from "../db/client.ts";
import {
  addSuspicion,
  confirmedChanges,
  investigationsOf,
  listInvestigations,
  progress,
} from "../db/investigations.ts";
import type { Investigation } from "../db/schema.ts";
import { advance } from "./advance.ts";
import { queueWork } from "./queueing.ts";
import { readSituation, type Situation, situationVersion } from "./situation.ts";
import { findSuspicions } from "./suspicions.ts";
import { advanceTry } from "./tries.ts";

/** Steps of one pass; what is left is done by the next. */
const MOST_STEPS = 50;

/** What the last pass over a database has seen: runners that wait ask for a pass with every poll. */
const seen = new WeakMap<Db, string>();

export async function pass(db: Db): Promise<void> {
  const version = await situationVersion(db);
  if (version === null || version === seen.get(db)) return;
  seen.delete(db); // where it fails, the next one tries again
  await look(db);
  seen.set(db, version); // what it changed itself is looked at once more
}

async function look(db: Db): Promise<void> {
  for (let step = 0; step < MOST_STEPS; step++) {
    const situation = await readSituation(db);
    if (!situation?.isScanned) return; // a push brings neither parents nor policy: the scan that follows does
    const isOver = !(await investigate(db, situation));
    if (isOver) return queueWork(db, situation);
  }
}

/** True where something ended or moved: the situation is another then. */
async function investigate(db: Db, situation: Situation): Promise<boolean> {
  let moved = false;
  for (const one of await listInvestigations(db, { state: "running" })) {
    moved ||= await step(db, one, situation);
  }
  if (moved) return true;
  const history = {
    investigations: await investigationsOf(db, situation.line),
    alerts: await confirmedChanges(db),
  };
  for (const suspicion of findSuspicions(situation, history)) moved ||= await addSuspicion(db, suspicion);
  return moved;
}

/** One that cannot go on keeps none of the others waiting. */
async function step(db: Db, one: Investigation, situation: Situation): Promise<boolean> {
  try {
    return one.kind === "try" ? await advanceTry(db, one, situation) : await advance(db, one, situation);
  } catch (error) {
    console.error(`investigation ${one.id}:`, error);
    await progress(db, one, { state: "abandoned", step: "a fault of this site; its log says which" });
    return true;
  }
}
