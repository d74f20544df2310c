/** What happens when the site starts, and when it is told to stop. */
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Problem } from "@ticketmark/core";
import { stopChecker, wakeChecker } from "./check/checker.ts";
import { closeDatabase, type Db, db } from "./db/client.ts";
import { addFirstMaintainer } from "./db/tokens.ts";
import { env } from "./env.ts";
import { sweepFiles } from "./pending.ts";
import { hashSecret, newSecret } from "./secret.ts";
import { stopNotifier, wakeNotifier } from "./track/notify.ts";
import { stopTracker, wakeTracker } from "./track/tracker.ts";

/** After a signal: the database is closed first, then Next may take what is left of this. */
const STOP_MS = 1_800;

/** Opens and migrates the database; ends the process with one line if that is not possible. */
export async function start(): Promise<void> {
  try {
    await makeFirstMaintainer(await db(), env().tokenFile);
    await sweepFiles(await db());
  } catch (error) {
    console.error(error instanceof Problem ? `ticketmark: ${error.message}` : error);
    process.exit(1);
  }
  wakeChecker();
  wakeTracker();
  wakeNotifier();
  stopOnSignals();
}

/**
 * The token is shown once, and kept in DATA for the programs of this machine's owner. It is on disk before the database
 * knows it: a site that is killed in between has not lost it. A token that is kept already is never written over: a
 * database that was made anew takes it as its first.
 */
export async function makeFirstMaintainer(db: Db, path: string): Promise<void> {
  const kept = readToken(path);
  const token = kept ?? newSecret();
  const draft = `${path}.${process.pid}.draft`;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(draft, `${token}\n`, { mode: 0o600 });
  try {
    if (!(await addFirstMaintainer(db, hashSecret(token)))) return;
    if (kept === null) linkSync(draft, path); // unlike a rename, it fails where there is a file
  } finally {
    rmSync(draft);
  }
  console.log(`First maintainer's token: ${token}`);
}

/** Null = there is no such file. Throws Problem "bad-settings". */
function readToken(path: string): string | null {
  if (!existsSync(path)) return null;
  const token = readFileSync(path, "utf8").trim();
  if (!/^[\w-]{20,100}$/.test(token)) throw new Problem("bad-settings", `${path}: expected a maintainer's token`);
  return token;
}

/** Next's own handlers end the process as soon as no request is left, in the middle of our closing: they go second. */
function stopOnSignals(): void {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const theirs = process.listeners(signal);
    process.removeAllListeners(signal);
    process.once(signal, async () => {
      setTimeout(() => process.exit(signal === "SIGINT" ? 130 : 143), STOP_MS).unref();
      await Promise.all([stopChecker(), stopTracker(), stopNotifier()]);
      await closeDatabase();
      for (const listener of theirs) listener(signal);
    });
  }
}
