/** `npm start` itself: what it refuses in one line, how it stops, how it goes on, and what is left when it is killed. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { root } from "../start.mjs";
import { familyOf, isAlive, processes, startNode } from "./processes.ts";
import { freePort } from "./site.ts";
import { longSpec } from "./test.ts";

let data: string;
test.beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "ticketmark-e2e-start-"));
});
test.afterEach(() => rmSync(data, { recursive: true, force: true }));

const start = (port: number | string, folder = data, ...args: string[]) =>
  startNode({
    args: [join(root, "start.mjs"), ...args],
    cwd: root,
    env: { PORT: String(port), TICKETMARK_DATA: folder, POSTGRES_URL: "", TICKETMARK_THREADS: "1" },
  });

async function refused(started: ReturnType<typeof start>): Promise<string> {
  await expect.poll(started.alive, { timeout: 20_000 }).toBe(false);
  expect(started.child.exitCode).not.toBe(0);
  return started.output().trim();
}

test("a port in use, a bad port, a folder that cannot be written: one line each", async () => {
  const port = await freePort();
  const busy = await new Promise<Server>((done) => {
    const server = createServer().listen(port, "127.0.0.1", () => done(server));
  });
  expect(await refused(start(port))).toMatch(/^Port \d+ is in use.*$/);
  busy.close();
  expect(await refused(start("80o0"))).toMatch(/^PORT: .*80o0.*$/);
  const file = join(data, "file");
  writeFileSync(file, "");
  expect(await refused(start(port, file))).toMatch(/^The data folder .* cannot be written.*$/);
});

test("Ctrl-C in the middle of a job; the next start goes on; kill -9 leaves nobody behind", async () => {
  test.skip(process.platform !== "linux", "processes are found through /proc");
  const port = await freePort();
  const api = `http://127.0.0.1:${port}/api/v1`;
  // biome-ignore lint/suspicious/noExplicitAny: public JSON
  const get = async (path: string): Promise<any> => (await fetch(api + path)).json();

  const first = start(port, data, "--no-suite");
  await expect.poll(() => first.output(), { timeout: 60_000 }).toMatch(/sign-in#/);
  const token = readFileSync(join(data, "maintainer-token"), "utf8").trim();
  expect(first.output()).toContain(token);
  const queued = await fetch(`${api}/jobs`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ spec: longSpec(701, 40) }),
  });
  const { id } = (await queued.json()) as { id: string };
  await expect
    .poll(async () => (await get(`/jobs/${id}`)).progress?.iteration ?? 0, { timeout: 40_000 })
    .toBeGreaterThan(500); // heartbeats come every 2 s here
  const children = familyOf(first.child.pid!);
  expect(children.length).toBeGreaterThanOrEqual(3); // site, runner, training
  expect((await first.end("SIGINT")).code).toBe(0);
  expect(children.filter(isAlive)).toEqual([]);

  const second = start(port, data, "--no-suite");
  await expect
    .poll(
      async () =>
        get(`/jobs/${id}`).then(
          (job) => job.state,
          () => null,
        ),
      { timeout: 60_000 },
    )
    .toBe("done");
  expect(second.output()).not.toContain(token); // shown once
  expect((await get("/results")).results).toHaveLength(1);
  const left = familyOf(second.child.pid!);
  await second.end("SIGKILL");
  await expect.poll(() => left.filter(isAlive), { timeout: 15_000 }).toEqual([]);
  expect(processes().filter(({ command }) => command.includes(data))).toEqual([]);
});
