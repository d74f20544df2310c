/**
 * The connection. PGlite (embedded, one process, one connection) or a Postgres server through `pg`; the same queries
 * and migrations on both. Next loads a module more than once in a process (pages, routes, instrumentation, hot reload),
 * so the open database lives on globalThis.
 */
import { accessSync, constants, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { Problem } from "@ticketmark/core";
import type { PgDatabase, PgQueryResultHKT } from "drizzle-orm/pg-core";
import { env } from "../env.ts";
import { lockFolder } from "./lock.ts";
import * as schema from "./schema.ts";

export type Db = PgDatabase<PgQueryResultHKT, typeof schema>;

export interface Database {
  readonly db: Db;
  readonly kind: "pglite" | "postgres";
  /** Applies what is missing of drizzle/; safe to call by many servers at once. */
  migrate(): Promise<void>;
  close(): Promise<void>;
}

const slot = globalThis as typeof globalThis & { ticketmarkDatabase?: Promise<Database> };

/** The site's database, opened and migrated at the first call. */
export function database(): Promise<Database> {
  return (slot.ticketmarkDatabase ??= start());
}

/** The same, as pages and routes use it. */
export const db = async (): Promise<Db> => (await database()).db;

/** Ends the connection for good: who asks for it afterwards hears that the site is stopping. */
export async function closeDatabase(): Promise<void> {
  const opened = slot.ticketmarkDatabase;
  slot.ticketmarkDatabase = Promise.reject(new Problem("database-unavailable", "the site is stopping: try again soon"));
  slot.ticketmarkDatabase.catch(() => {}); // whoever asks hears it
  if (opened) await (await opened).close();
}

async function start(): Promise<Database> {
  const { databaseUrl, root } = env();
  const opened = await open(databaseUrl, join(root, "drizzle"));
  await opened.migrate();
  return opened;
}

/** `url`: pglite:DIR, pglite:memory or postgres://…. Throws Problem "database-unavailable". */
export const open = (url: string, migrationsFolder: string): Promise<Database> =>
  url.startsWith("pglite:") ? openPglite(url.slice("pglite:".length), migrationsFolder) : openPg(url, migrationsFolder);

async function openPglite(folder: string, migrationsFolder: string): Promise<Database> {
  const [{ PGlite }, { drizzle }, { migrate }] = await Promise.all([
    import("@electric-sql/pglite"),
    import("drizzle-orm/pglite"),
    import("drizzle-orm/pglite/migrator"),
  ]);
  const inMemory = folder === "memory";
  if (!inMemory) makeFolder(folder);
  const lock = inMemory ? undefined : await lockFolder(folder);
  const client = await PGlite.create(inMemory ? undefined : folder);
  const db = drizzle(client, { schema, casing: "snake_case" });
  return {
    db,
    kind: "pglite",
    migrate: () => migrate(db, { migrationsFolder }),
    async close() {
      await client.close();
      await lock?.release();
    },
  };
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    for (const path of [folder, dirname(folder)]) accessSync(path, constants.W_OK); // the lock lies beside it
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new Problem("database-unavailable", `${folder}: expected a folder to write to (TICKETMARK_DATA); ${code}`, {
      cause,
    });
  }
}

async function openPg(url: string, migrationsFolder: string): Promise<Database> {
  const [{ default: pg }, { drizzle }, { migrate }] = await Promise.all([
    import("pg"),
    import("drizzle-orm/node-postgres"),
    import("drizzle-orm/node-postgres/migrator"),
  ]);
  const pool = new pg.Pool({ connectionString: url, max: 10, connectionTimeoutMillis: 10_000 });
  pool.on("error", (error) => console.error(`idle database connection lost: ${error.message}`)); // the pool opens another
  await pool.query("select 1").catch(async (cause: NodeJS.ErrnoException) => {
    await pool.end();
    const { hostname, port, pathname } = new URL(url); // not the user, not the password
    throw new Problem(
      "database-unavailable",
      `POSTGRES_URL: no database at ${hostname}:${port || 5432}${pathname}: ${cause.message || cause.code}`,
      { cause },
    );
  });

  async function migrateAlone(): Promise<void> {
    // drizzle's migrate has no lock (drizzle-orm#874): of servers that start together on an empty database all but one fail.
    const client = await pool.connect();
    try {
      await client.query("select pg_advisory_lock(hashtext('ticketmark migrations'))");
      await migrate(drizzle(client, { casing: "snake_case" }), { migrationsFolder });
    } finally {
      await client.query("select pg_advisory_unlock(hashtext('ticketmark migrations'))");
      client.release();
    }
  }
  return {
    db: drizzle(pool, { schema, casing: "snake_case" }),
    kind: "postgres",
    migrate: migrateAlone,
    close: () => pool.end(),
  };
}
