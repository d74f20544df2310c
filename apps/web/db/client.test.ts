import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterAll, describe, expect, it } from "vitest";
import { open } from "./client.ts";
import { lockFolder } from "./lock.ts";
import { migrations, someDigest, testServers } from "./test-databases.ts";
import { addFirstMaintainer } from "./tokens.ts";

const folder = mkdtempSync(join(tmpdir(), "ticketmark-client-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const unavailable = (text: string) =>
  expect.objectContaining({ code: "database-unavailable", message: expect.stringContaining(text) });

for (const server of await testServers()) {
  describe(`${server.name}`, () => {
    it("applies each migration once, however often it is asked", async () => {
      const database = await server.empty();
      await database.migrate();
      await database.migrate();
      const { rows } = (await database.db.execute(sql`select * from drizzle.__drizzle_migrations`)) as unknown as {
        rows: unknown[];
      };
      expect(rows).toHaveLength(readdirSync(migrations).filter((name) => name.endsWith(".sql")).length);
    });

    it("makes one first maintainer, of many at once", async () => {
      const { db, migrate } = await server.empty();
      await migrate();
      const won = await Promise.all(Array.from({ length: 6 }, () => addFirstMaintainer(db, someDigest())));
      expect(won.filter(Boolean)).toHaveLength(1);
      expect(await addFirstMaintainer(db, someDigest())).toBe(false);
    });

    const { again } = server;
    it.skipIf(!again)("migrates once when six servers start together", async () => {
      const database = await server.empty();
      const six = await Promise.all(Array.from({ length: 6 }, () => again!(database)));
      await Promise.all(six.map(({ migrate }) => migrate()));
      expect((await six[5]!.db.execute(sql`select count(*)::int as n from tokens`)) as unknown).toMatchObject({
        rows: [{ n: 0 }],
      });
    });
  });
}

describe("a database that cannot be had", () => {
  it("is named in one line, without its password", async () => {
    const error = await open("postgres://me:secret@127.0.0.1:1/none", migrations).catch((e) => e);
    expect(error).toEqual(unavailable("127.0.0.1:1/none"));
    expect(error.message).not.toContain("secret");
    expect(error.message).not.toContain("\n");
  });

  it("is refused when another process has the PGlite folder, and had again after it was killed", async () => {
    const path = join(folder, "db");
    mkdirSync(path);
    const holder = await hold(path);
    await expect(open(`pglite:${path}`, migrations)).rejects.toEqual(unavailable(`process ${holder.pid}`));
    holder.kill("SIGKILL");
    await once(holder, "exit");
    expect(readdirSync(`${path}.lock`)).toHaveLength(1); // its dead socket
    const lock = await lockFolder(path);
    await expect(lockFolder(path)).rejects.toEqual(unavailable(path));
    await lock.release();
    expect(readdirSync(`${path}.lock`)).toEqual([]);
  });

  it("is never had by two, of many that try at once", async () => {
    const path = join(folder, "race");
    mkdirSync(path);
    for (let round = 0; round < 5; round++) {
      const tries = await Promise.allSettled(Array.from({ length: 6 }, () => lockFolder(path)));
      const locks = tries.filter((t) => t.status === "fulfilled");
      expect(locks.length).toBeLessThanOrEqual(1);
      for (const { value } of locks) await value.release();
    }
    await (await lockFolder(path)).release();
  });

  it("is locked under a path too long for a socket, too", async () => {
    const path = join(folder, "long".repeat(30));
    mkdirSync(path);
    const lock = await lockFolder(path);
    await expect(lockFolder(path)).rejects.toEqual(unavailable(path));
    await lock.release();
  });
});

/** A process that holds the folder's lock. */
async function hold(path: string): Promise<ChildProcess> {
  const code = `
    import { lockFolder } from ${JSON.stringify(join(import.meta.dirname, "lock.ts"))};
    await lockFolder(${JSON.stringify(path)});
    setInterval(() => {}, 1000);
    console.log("held");`;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout!, "data");
  return child;
}
