/** `npm start` itself: what it refuses in one line, how it stops, how it goes on, and what is left when it is killed. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { root, runnerProcess, trackingOptions } from "../start.mjs";
import { childrenOf, familyOf, isAlive, processesFor, startNode } from "./processes.ts";
import { freePort } from "./site.ts";
import { longSpec } from "./test.ts";

let data: string;
test.beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "ticketmark-e2e-start-"));
});
test.afterEach(() => rmSync(data, { recursive: true, force: true }));

const start = (port: number | string, { folder = data, args = ["--no-suite"], database = "" } = {}) =>
  startNode({
    args: [join(root, "start.mjs"), ...args],
    cwd: root,
    env: { PORT: String(port), TICKETMARK_DATA: folder, POSTGRES_URL: database, TICKETMARK_THREADS: "1" },
  });

type Started = ReturnType<typeof start>;

const says = (started: Started, what: RegExp, timeout = 60_000) =>
  expect.poll(() => started.output(), { timeout }).toMatch(what);

/** The one runner among what a start has started, by its command line. */
const runnerOf = (started: Started) =>
  childrenOf(started.child.pid!).find(({ command }) => command.includes("runner start"))?.pid;

async function refused(started: Started): Promise<string> {
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
  expect(await refused(start(port, { folder: file }))).toMatch(/^The data folder .* cannot be written.*$/);
});

test("Ctrl-C in the middle of a job; the next start goes on; kill -9 leaves nobody behind", async () => {
  test.skip(process.platform !== "linux", "processes are found through /proc");
  const port = await freePort();
  const api = `http://127.0.0.1:${port}/api/v1`;
  // biome-ignore lint/suspicious/noExplicitAny: public JSON
  const get = async (path: string): Promise<any> => (await fetch(api + path)).json();

  const first = start(port);
  await says(first, /sign-in#/);
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

  const second = start(port);
  await expect
    .poll(
      async () =>
        get(`/jobs/${id}`).then(
          (job) => job.state,
          () => null,
        ),
      { timeout: 100_000 },
    )
    .toBe("done");
  expect(second.output()).not.toContain(token); // shown once
  expect((await get("/results")).results).toHaveLength(1);
  const left = familyOf(second.child.pid!);
  await second.end("SIGKILL");
  await expect.poll(() => left.filter(isAlive), { timeout: 15_000 }).toEqual([]);
  expect(processesFor(data)).toEqual([]);
});

test("the local runner runs commits of the repository that the site follows, named as the site names it", () => {
  expect(trackingOptions({})).toEqual([]);
  const here = [`--repository=${root.replace(/\/$/, "")}`, "--branch=main"];
  expect(trackingOptions({ TICKETMARK_REPOSITORY: " . ", TICKETMARK_BRANCHES: "" })).toEqual(here);
  for (const address of ["https://example.com/a.git", "git@example.com:a/b"]) {
    const options = trackingOptions({ TICKETMARK_REPOSITORY: address, TICKETMARK_BRANCHES: "main, release/1" });
    expect(options).toEqual([`--repository=${address}`, "--branch=main", "--branch=release/1"]);
  }
});

test("the watch over the starter keeps nobody alive who has come to an end", async () => {
  const [option, watch] = runnerProcess("", "").args;
  const child = (script: string) => startNode({ args: [option!, watch!, "-e", script], cwd: root, env: {} });
  const done = child("");
  await expect.poll(done.alive, { timeout: 10_000 }).toBe(false);
  expect(done.child.exitCode).toBe(0);
  const busy = child("setInterval(() => {}, 1000); console.log('up')");
  await says(busy, /up/, 10_000);
  busy.child.stdin!.end();
  await expect.poll(busy.alive, { timeout: 10_000 }).toBe(false);
  expect(busy.child.signalCode).toBe("SIGTERM");
});

test("another database, and back: each has its own token and its own runner", async () => {
  const port = await freePort();
  const other = `pglite:${join(data, "other")}`;
  const tokens = [];
  for (const [database, first] of [
    [other, true],
    ["", true],
    [other, false],
  ] as const) {
    const started = start(port, { database });
    await says(started, /Waiting for jobs/);
    const shown = started.output().match(/sign-in#(\S+)/)?.[1];
    expect(shown === undefined, started.output()).toBe(!first);
    tokens.push(shown);
    expect((await started.end("SIGINT")).code, started.output()).toBe(0);
  }
  expect(tokens[0]).not.toBe(tokens[1]);
  const kept = readdirSync(data).filter((name) => /^(maintainer-token|runner)/.test(name));
  expect(kept.map((name) => name.replace(/[0-9a-f]{8}$/, "HASH")).sort()).toEqual([
    "maintainer-token",
    "maintainer-token-HASH",
    "runner",
    "runner-HASH",
  ]);
});

test("a drained runner is let go; one that the site does not know: enrolled anew at the start; later, seen to end, and the site stays", async () => {
  test.skip(process.platform !== "linux", "processes are found through /proc");
  const port = await freePort();
  const file = join(data, "runner", "runner.json");
  const spoil = () =>
    writeFileSync(file, readFileSync(file, "utf8").replace(/"bearer": "[^"]+"/, `"bearer": "${"x".repeat(43)}"`));

  const first = start(port);
  await says(first, /Waiting for jobs/);
  const token = readFileSync(join(data, "maintainer-token"), "utf8").trim();
  const { runnerId } = JSON.parse(readFileSync(file, "utf8"));
  const drained = await fetch(`http://127.0.0.1:${port}/api/v1/runners/${runnerId}/drain`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: "{}",
  });
  expect(drained.status).toBe(200);
  await says(first, /The runner has stopped as it was told to; the site stays\.\s*$/);
  expect((await first.end("SIGINT")).code).toBe(0);
  expect(first.output()).not.toContain("starting it again");
  spoil();

  const second = start(port);
  await says(second, /does not know the runner in .*Enrolling .*Waiting for jobs/s);
  expect(readdirSync(data).filter((name) => name.startsWith("runner-until-"))).toHaveLength(1);
  spoil();
  process.kill(runnerOf(second)!, "SIGKILL");
  await says(
    second,
    /the runner ended unexpectedly \(SIGKILL\); starting it again.*bearer of an enrolled runner.*\(code 1\)/s,
  );
  await says(second, /within a minute; the site stays/);
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
  expect((await second.end("SIGINT")).code).toBe(0);
});
