/**
 * One look at everything. Investigations go on, new suspicions are opened, work is queued; what a step makes possible is
 * done in the same pass.
 */

import type { Db } from "../db/client.ts";
import { addSuspicion, confirmedChanges, listInvestigations } from "../db/investigations.ts";
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
    if (!situation) return;
    const isOver = !(await investigate(db, situation));
    if (!isOver) continue;
    if (situation.isScanned) await queueWork(db, situation); // a push does not bring the policy
    return;
  }
}

/** True where something ended or moved: the situation is another then. */
async function investigate(db: Db, situation: Situation): Promise<boolean> {
  let moved = false;
  for (const one of await listInvestigations(db, { state: "running" })) {
    const went = one.kind === "try" ? await advanceTry(db, one, situation) : await advance(db, one, situation);
    moved ||= went;
  }
  if (moved) return true;
  const history = { investigations: await listInvestigations(db), alerts: await confirmedChanges(db) };
  const found = findSuspicions(situation, history);
  for (const suspicion of found) await addSuspicion(db, suspicion);
  return found.length > 0;
}
