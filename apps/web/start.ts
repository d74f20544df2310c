/** What happens when the site starts, and when it is told to stop. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Problem } from "@ticketmark/core";
import { stopChecker, wakeChecker } from "./check/checker.ts";
import { closeDatabase, type Db, db } from "./db/client.ts";
import { addFirstMaintainer } from "./db/tokens.ts";
import { env } from "./env.ts";
import { removeOldDrafts } from "./file-store.ts";
import { hashSecret, newSecret } from "./secret.ts";

/** After a signal: the database is closed first, then Next may take what is left of this. */
const STOP_MS = 1_800;

/** Opens and migrates the database; ends the process with one line if that is not possible. */
export async function start(): Promise<void> {
  try {
    await makeFirstMaintainer(await db());
    await removeOldDrafts();
  } catch (error) {
    console.error(error instanceof Problem ? `ticketmark: ${error.message}` : error);
    process.exit(1);
  }
  wakeChecker();
  stopOnSignals();
}

/**
 * The token is shown once, and kept in DATA/maintainer-token for the programs of this machine's owner. It is on disk
 * before the database knows it: a site that is killed in between has not lost it.
 */
async function makeFirstMaintainer(db: Db): Promise<void> {
  const token = newSecret();
  const path = join(env().data, "maintainer-token");
  const draft = `${path}.${process.pid}.draft`;
  mkdirSync(env().data, { recursive: true });
  writeFileSync(draft, `${token}\n`, { mode: 0o600 });
  if (!(await addFirstMaintainer(db, hashSecret(token)))) return rmSync(draft);
  renameSync(draft, path);
  console.log(`First maintainer's token: ${token}`);
}

/** Next's own handlers end the process as soon as no request is left, in the middle of our closing: they go second. */
function stopOnSignals(): void {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const theirs = process.listeners(signal);
    process.removeAllListeners(signal);
    process.once(signal, async () => {
      setTimeout(() => process.exit(signal === "SIGINT" ? 130 : 143), STOP_MS).unref();
      await stopChecker();
      await closeDatabase();
      for (const listener of theirs) listener(signal);
    });
  }
}
