/**
 * Follows the repository: queues what is to be run, suspects, confirms, locates. One pass at a time beside the requests;
 * everything it knows is in the database, so nothing is lost when the site stops.
 */
import { db } from "../db/client.ts";
import { wakeNotifier } from "./notify.ts";
import { pass } from "./pass.ts";

interface Tracker {
  stopped: boolean;
  /** The pass that is under way. */
  pass: Promise<void> | null;
  /** Something happened during that pass. */
  again: boolean;
}

// Next gives instrumentation and routes each their own copy of this module: the state is shared through globalThis.
const slot = globalThis as typeof globalThis & { ticketmarkTracker?: Tracker };
const tracker: Tracker = (slot.ticketmarkTracker ??= { stopped: false, pass: null, again: false });

/** A result, a commit, a claim or a person may have changed what is to be done. */
export function wakeTracker(): void {
  tracker.again = true;
  if (tracker.stopped || tracker.pass) return;
  tracker.pass = run()
    .catch((error) => console.error(error)) // the next one who wakes us tries again
    .finally(() => {
      tracker.pass = null;
      if (tracker.again) wakeTracker();
    });
}

/** Waits for the pass that is under way. */
export async function stopTracker(): Promise<void> {
  tracker.stopped = true;
  await tracker.pass;
}

async function run(): Promise<void> {
  while (tracker.again && !tracker.stopped) {
    tracker.again = false;
    await pass(await db());
    wakeNotifier(); // it may have opened alerts, or ended tries
  }
}
