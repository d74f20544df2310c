/**
 * Checks stored results, one after the other, beside the requests. The queue is the database's (results without a
 * check), so nothing is lost when the site stops; two sites on one database may check a result twice, to the same end.
 */
import { Problem } from "@ticketmark/core";
import { db } from "../db/client.ts";
import { nextUnchecked, setCheck } from "../db/results.ts";
import { checkStored } from "./check.ts";

interface Checker {
  stopped: boolean;
  /** The pass over the unchecked results that is under way. */
  pass: Promise<void> | null;
  /** A result came in during that pass. */
  again: boolean;
}

// Next gives instrumentation and routes each their own copy of this module: the state is shared through globalThis.
const slot = globalThis as typeof globalThis & { ticketmarkChecker?: Checker };
const checker: Checker = (slot.ticketmarkChecker ??= { stopped: false, pass: null, again: false });

/** There may be a result to check. */
export function wakeChecker(): void {
  checker.again = true;
  if (checker.stopped || checker.pass) return;
  checker.pass = run()
    .catch((error) => console.error(error)) // the database went away: the next result wakes us again
    .finally(() => {
      checker.pass = null;
      if (checker.again) wakeChecker();
    });
}

/** Waits for the check that is under way. */
export async function stopChecker(): Promise<void> {
  checker.stopped = true;
  await checker.pass;
}

async function run(): Promise<void> {
  while (checker.again && !checker.stopped) {
    checker.again = false;
    let seq = 0;
    while (!checker.stopped) {
      const row = await nextUnchecked(await db(), seq);
      if (!row) break;
      seq = row.seq;
      try {
        await setCheck(await db(), row.id, await checkStored(row));
      } catch (error) {
        // One result that cannot be checked keeps none of the others waiting; it is tried again with the next.
        console.error(`result ${row.id} is not checked:`, error instanceof Problem ? error.message : error);
      }
    }
  }
}
