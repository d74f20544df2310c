import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, it } from "vitest";
import { type Database, open } from "./db/client.ts";
import { migrations } from "./db/test-databases.ts";
import { findMaintainer } from "./db/tokens.ts";
import { hashSecret } from "./secret.ts";
import { makeFirstMaintainer } from "./start.ts";

const folder = mkdtempSync(join(tmpdir(), "ticketmark-start-"));
const path = join(folder, "data", "maintainer-token");
const opened: Database[] = [];
const emptyDatabase = async () => {
  const database = await open("pglite:memory", migrations);
  opened.push(database);
  await database.migrate();
  return database.db;
};
const kept = () => readFileSync(path, "utf8").trim();

beforeEach(() => rmSync(join(folder, "data"), { recursive: true, force: true }));
afterAll(async () => {
  for (const database of opened) await database.close();
  rmSync(folder, { recursive: true, force: true });
});

it("keeps the first maintainer's token, and none when there is one already", async () => {
  const db = await emptyDatabase();
  await makeFirstMaintainer(db, path);
  expect(await findMaintainer(db, hashSecret(kept()))).toBe("first maintainer");
  expect(readdirSync(join(folder, "data"))).toEqual(["maintainer-token"]);
  rmSync(path);
  await makeFirstMaintainer(db, path);
  expect(readdirSync(join(folder, "data"))).toEqual([]);
});

it("never writes over a token: a new database takes the one that is kept", async () => {
  await makeFirstMaintainer(await emptyDatabase(), path);
  const before = kept();
  const db = await emptyDatabase();
  await makeFirstMaintainer(db, path);
  expect(kept()).toBe(before);
  expect(await findMaintainer(db, hashSecret(before))).toBe("first maintainer");
  writeFileSync(path, "?");
  await expect(makeFirstMaintainer(db, path)).rejects.toEqual(expect.objectContaining({ code: "bad-settings" }));
});
