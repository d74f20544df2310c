import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type Program, runBounded } from "./bounded.ts";
import { isAlive, until } from "./fixtures.ts";

const node = (script: string, rest: Partial<Program> = {}) =>
  runBounded({
    file: process.execPath,
    args: ["-e", script],
    cwd: ".",
    env: {},
    timeoutMs: 60_000,
    maxBytes: 1_000,
    ...rest,
  });

it("tells how a program ended, and the last of what it said", async () => {
  const ran = await node(
    "console.log('out'); for (let i = 0; i < 50; i++) console.error('line ' + i); process.exitCode = 3",
  );
  expect(ran).toMatchObject({ exit: 3, how: "ended with exit code 3", stdout: Buffer.from("out\n") });
  expect(ran.said.split("\n")).toHaveLength(15);
  expect(ran.said).toMatch(/line 49$/);
  expect((await node("", { file: "/no/such/program" })).how).toMatch(/^could not be started: .*ENOENT/);
});

it("gives a program its input and the environment it was given, nothing else", async () => {
  const script = "process.stdin.on('data', d => console.log(String(d), JSON.stringify(Object.keys(process.env))))";
  expect((await node(script, { input: "read this", env: { ONE: "1" } })).stdout.toString()).toBe('read this ["ONE"]\n');
});

it("ends a program that writes or takes too much, and counts neither as its own end", async () => {
  const loud = await node("setInterval(() => console.log('x'.repeat(500)), 1)");
  expect(loud).toMatchObject({ exit: null, how: "wrote more than 1000 bytes" });
  expect(loud.stdout.length).toBeLessThanOrEqual(1_000);
  expect(await node("setInterval(() => {}, 1000)", { timeoutMs: 300 })).toMatchObject({
    exit: null,
    how: "took longer than 0.3 s",
  });
});

it("kills what a program started with it when it is aborted", async () => {
  const note = join(await mkdtemp(join(tmpdir(), "ticketmark-bounded-")), "pid");
  const stop = new AbortController();
  const script = `const { spawn } = require("node:child_process");
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "inherit" });
    require("node:fs").writeFileSync(${JSON.stringify(note)}, String(child.pid)); setInterval(() => {}, 1000)`;
  const ended = expect(node(script, { signal: stop.signal })).rejects.toThrow("enough");
  let pid = 0;
  await until(async () => (pid = Number(await readFile(note, "utf8").catch(() => "0"))) > 0);
  stop.abort(new Error("enough"));
  await ended;
  await until(() => !isAlive(pid));
  await expect(node("", { signal: stop.signal })).rejects.toThrow("enough");
});

it("waits for no program of another group that holds the output", async () => {
  const note = join(await mkdtemp(join(tmpdir(), "ticketmark-bounded-")), "pid");
  const script = `const { spawn } = require("node:child_process");
    const left = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { detached: true, stdio: "inherit" });
    left.unref();
    require("node:fs").writeFileSync(${JSON.stringify(note)}, String(left.pid)); console.log("out")`;
  const own = await node(script);
  expect(own).toMatchObject({ exit: 0, how: "ended with exit code 0", stdout: Buffer.from("out\n") });
  process.kill(Number(await readFile(note, "utf8")), "SIGKILL");
  const late = await node(`${script}; setInterval(() => {}, 1000)`, { timeoutMs: 1_000 });
  expect(late).toMatchObject({ exit: null, how: "took longer than 1 s" });
  process.kill(Number(await readFile(note, "utf8")), "SIGKILL");
});
