import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import type { Checkout } from "./checkout.ts";
import { projectFiles } from "./checkout-fixture.ts";
import { type Checkouts, openCheckouts } from "./checkouts.ts";
import { codeIdentity } from "./code.ts";
import { isAlive, until } from "./fixtures.ts";
import { type TestRepository, temporaryFolder, testRepository } from "./mirror-fixture.ts";

const MAIN = { branches: ["main"] };
const BUILDER = "packages/core/src/engine/cpu/node/build.ts";
const secrets = { TICKETMARK_TOKEN: "secret-1", GITHUB_TOKEN: "secret-2", npm_config__authToken: "secret-3" };

const opened: Checkouts[] = [];
afterEach(() => {
  for (const checkouts of opened.splice(0)) checkouts.close();
});

async function open(source: TestRepository, folder = temporaryFolder()) {
  const checkouts = await openCheckouts(folder, source.folder, { ...process.env, ...secrets });
  opened.push(checkouts);
  return { folder, checkouts };
}

/** What the commit's worker prints. */
function run({ loader, worker, cwd, env }: Checkout) {
  const said = execFileSync(process.execPath, [...loader, worker], { cwd, env, encoding: "utf8" });
  return JSON.parse(said) as { answer: number; env: Record<string, string>; cwd: string };
}

/** When the things on a shelf were last used, in days ago, by name. */
async function age(folder: string, shelf: string, days: Record<string, number>) {
  for (const [name, ago] of Object.entries(days)) {
    const at = new Date(Date.now() - ago * 86_400_000);
    await utimes(join(folder, shelf, name, "stamp.json"), at, at);
  }
}

it("runs a commit's own code, in an environment without secrets, and installs a lockfile once", async () => {
  const source = testRepository();
  const first = await source.commit(projectFiles(1));
  const second = await source.commit({ "packages/core/src/index.ts": "export const ANSWER = 2;\n" });
  const { folder, checkouts } = await open(source);
  const one = await checkouts.checkout(first, MAIN);
  const [key] = await readdir(join(folder, "installs"));
  const stamp = join(folder, "installs", key!, "stamp.json");
  const { ino } = await stat(stamp);
  const two = await checkouts.checkout(second, MAIN);
  expect(await readdir(join(folder, "installs"))).toEqual([key]);
  expect((await stat(stamp)).ino).toBe(ino);

  const [ran, other] = [run(one), run(two)];
  expect([ran.answer, other.answer]).toEqual([1, 2]);
  expect(ran.cwd).toBe(one.cwd);
  expect(ran.env.HOME).toBe(join(one.folder, "home"));
  for (const value of Object.values(ran.env)) expect(value).not.toMatch(/secret-/);
  expect(Object.keys(ran.env).filter((name) => /^(npm_|TICKETMARK_|VITEST)/.test(name))).toEqual([]);
  expect(await codeIdentity(one.worker)).toMatchObject({ commit: first, dirty: false });
  expect(await codeIdentity(two.worker)).toMatchObject({ commit: second, dirty: false });

  const shipped = ["packages/core/src/index.ts", BUILDER].map((path) => projectFiles(1)[path]!.length);
  expect(one.facts.packageBytes).toBe(shipped[0]! + shipped[1]! + 1_000);
  expect(two.facts.packageBytes).toBe(one.facts.packageBytes);
  expect(two.facts.codeDigest).not.toBe(one.facts.codeDigest);
  const texts = await source.commit({
    ...projectFiles(2),
    "README.md": "more",
    "packages/core/src/index.test.ts": "// another",
  });
  const third = await checkouts.checkout(texts, MAIN);
  expect(third.facts).toEqual(two.facts); // nothing that runs has changed
  expect(two.cacheDir).toBe(one.cacheDir);
  const built = (checkout: { cwd: string }) => readFile(join(checkout.cwd, "packages/core/build/built"), "utf8");
  expect([await built(one), await built(two)]).toEqual(["anew ", "anew again "]); // its builder found the last one's
});

it("takes a tree again as it is, but not one that was changed or whose packages are gone", async () => {
  const source = testRepository();
  const commit = await source.commit(projectFiles(1));
  const { folder, checkouts } = await open(source);
  const one = await checkouts.checkout(commit, MAIN);
  await one.release();
  const mark = join(one.folder, "home/mark");
  await writeFile(mark, "");
  await (await checkouts.checkout(commit, MAIN)).release();
  expect(existsSync(mark)).toBe(true);

  await writeFile(join(one.cwd, "packages/core/src/index.ts"), "export const ANSWER = 666;\n");
  const again = await checkouts.checkout(commit, MAIN);
  expect(existsSync(mark)).toBe(false);
  expect(run(again).answer).toBe(1);
  await again.release();
  await rm(join(folder, "installs"), { recursive: true });
  await mkdir(join(folder, "installs"));
  expect(run(await checkouts.checkout(commit, MAIN)).answer).toBe(1);
});

it("runs a pull request's commit only as one, in folders of its own that go with it", async () => {
  const source = testRepository();
  const base = await source.commit(projectFiles(1));
  source.git("checkout", "-q", "--detach");
  const forked = await source.commit({ "packages/core/src/index.ts": "export const ANSWER = 3;\n" });
  source.git("update-ref", "refs/pull/5/head", forked);
  source.git("checkout", "-q", "main");
  const { folder, checkouts } = await open(source);
  await expect(checkouts.checkout(forked, MAIN)).rejects.toMatchObject({ code: "forbidden" });
  await (await checkouts.checkout(base, MAIN)).release();
  const isolated = await checkouts.checkout(forked, { pull: 5 });
  await expect(checkouts.checkout(forked, MAIN)).rejects.toMatchObject({ code: "forbidden" });
  expect(run(isolated).answer).toBe(3);
  const tsx = isolated.loader[1]!; // the tree's own workspace
  for (const path of [isolated.cwd, isolated.cacheDir, new URL(tsx).pathname, isolated.env.HOME!, isolated.env.TMPDIR!])
    expect(path.startsWith(join(folder, "isolated"))).toBe(true);
  await isolated.release();
  expect(await readdir(join(folder, "isolated"))).toEqual([]);
  expect(await readdir(join(folder, "trees"))).toEqual([base]);
  expect(await readdir(join(folder, "installs"))).toHaveLength(1);
});

it("says why a commit cannot be run, and leaves nothing of it", async () => {
  const source = testRepository();
  const none = await source.commit({ "package.json": JSON.stringify({ workspaces: ["packages/core"] }) });
  const outside = await source.commit({ "package.json": JSON.stringify({ workspaces: ["packages/../../core"] }) });
  const noBuild = await source.commit({
    ...projectFiles(1),
    [BUILDER]: "console.error('kernels.c:7: expected ;');\nprocess.exit(4);\n",
  });
  const noInstall = await source.commit({
    ...projectFiles(1),
    "apps/runner/package.json": JSON.stringify({
      name: "r",
      version: "1.0.0",
      dependencies: { x: "file:///no/such.tgz" },
    }),
  });
  const { folder, checkouts } = await open(source);
  const failure = (commit: string, message: RegExp) =>
    expect(checkouts.checkout(commit, MAIN)).rejects.toMatchObject({
      code: "engine-unavailable",
      message: expect.stringMatching(message),
    });
  await failure(none, /expected the workspaces packages\/core and apps\/runner/);
  await failure(outside, /expected a folder, no pattern/);
  await failure(noBuild, /^building the kernels .* ended with exit code 4: kernels\.c:7: expected ;$/);
  await failure(noInstall, /^npm install ended with exit code \d+: [\s\S]*such\.tgz/);
  expect(await readdir(join(folder, "trees"))).toEqual([]);
  expect(await readdir(join(folder, "installs"))).toHaveLength(1); // of noBuild, whose packages are fine
});

it("stops a build that nobody waits for, with what it started", async () => {
  const source = testRepository();
  const note = join(temporaryFolder(), "pid");
  const waits = `import { writeFileSync } from "node:fs";\nwriteFileSync(${JSON.stringify(note)}, String(process.pid));\nsetInterval(() => {}, 1000);\n`;
  const commit = await source.commit({ ...projectFiles(1), [BUILDER]: waits });
  const { folder, checkouts } = await open(source);
  const stop = new AbortController();
  const stopped = expect(checkouts.checkout(commit, MAIN, stop.signal)).rejects.toThrow("enough");
  let pid = 0;
  await until(async () => (pid = Number(await readFile(note, "utf8").catch(() => "0"))) > 0);
  stop.abort(new Error("enough"));
  await stopped;
  expect(isAlive(pid)).toBe(false);
  expect(await readdir(join(folder, "trees"))).toEqual([]);
});

it("drops what was used least recently, trees and then installs without one, never what is held", async () => {
  const source = testRepository();
  const commits: string[] = [];
  for (const [answer, lockfile] of [
    [1, "a"],
    [2, "a"],
    [3, "b"],
    [4, "b"],
  ] as const) {
    const lock = JSON.stringify({ lockfileVersion: 3, requires: true, packages: {}, name: lockfile });
    commits.push(await source.commit({ ...projectFiles(answer), "package-lock.json": lock }));
  }
  const { folder, checkouts } = await open(source);
  const holds = [];
  const keys: string[] = [];
  for (const commit of commits) {
    holds.push(await checkouts.checkout(commit, MAIN));
    keys.push((await readdir(join(folder, "installs"))).find((key) => !keys.includes(key)) ?? keys.at(-1)!);
  }
  const [a, , b] = keys as [string, string, string];
  const [one, two, three, four] = commits as [string, string, string, string];
  const names = async () =>
    [await readdir(join(folder, "trees")), await readdir(join(folder, "installs"))].map((n) => n.sort());
  const all = await checkouts.sweep(Number.MAX_SAFE_INTEGER);
  expect(await names()).toEqual([[...commits].sort(), [a, b].sort()]);
  expect(await checkouts.sweep(0)).toBe(all); // all are held
  expect(await names()).toEqual([[...commits].sort(), [a, b].sort()]);

  for (const hold of holds.slice(0, 3)) await hold.release(); // the fourth stays
  await age(folder, "trees", { [one]: 5, [two]: 4, [three]: 3, [four]: 9 });
  await age(folder, "installs", { [a]: 4, [b]: 3 });
  await (await checkouts.checkout(one, MAIN)).release(); // now the last that was used, and with it its install
  expect((await stat(join(folder, "installs", a, "stamp.json"))).mtimeMs).toBeGreaterThan(Date.now() - 3_600_000);
  await checkouts.sweep(all - 1);
  expect(await names()).toEqual([[one, three, four].sort(), [a, b].sort()]);
  const left = await checkouts.sweep(all - 1);
  expect(await checkouts.sweep(left - 1)).toBeLessThan(left);
  expect(await names()).toEqual([[one, four].sort(), [a, b].sort()]);
  await age(folder, "trees", { [one]: 20, [four]: 9 });
  const idle = await checkouts.sweep((await checkouts.sweep(left)) - 1);
  expect(await names()).toEqual([[four], [a, b].sort()]);
  expect(run(holds[3]!).answer).toBe(4);
  await holds[3]!.release();
  await age(folder, "trees", { [four]: 9 });
  await checkouts.sweep(idle - 1);
  expect(await names()).toEqual([[], [a, b].sort()]);
  await checkouts.sweep(0);
  expect(await names()).toEqual([[], []]);
  expect(run(await checkouts.checkout(two, MAIN)).answer).toBe(2);
});

it.runIf(process.platform === "linux")("ends at its start what a killed runner left at work", async () => {
  const source = testRepository();
  const [folder, note] = [temporaryFolder(), join(temporaryFolder(), "pid")];
  const builder = `import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
const { pid } = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { detached: true, stdio: "ignore" });
writeFileSync(${JSON.stringify(note)}, process.pid + " " + pid + " ");
setInterval(() => {}, 1000);
`;
  const commit = await source.commit({ ...projectFiles(1), [BUILDER]: builder });
  const killed = `import { openCheckouts } from ${JSON.stringify(new URL("./checkouts.ts", import.meta.url).href)};
const checkouts = await openCheckouts(${JSON.stringify(folder)}, ${JSON.stringify(source.folder)}, process.env);
await checkouts.checkout(${JSON.stringify(commit)}, { branches: ["main"] });`;
  const tsx = ["--import", import.meta.resolve("tsx"), "--input-type=module"];
  const runner = spawn(process.execPath, [...tsx, "--eval", killed], { stdio: "inherit" });
  const pids = async () => (await readFile(note, "utf8").catch(() => "")).split(" ").filter(Boolean).map(Number);
  await until(async () => (await pids()).length === 2);
  runner.kill("SIGKILL");
  await once(runner, "exit");
  expect((await pids()).map(isAlive)).toEqual([true, true]);
  await open(source, folder);
  expect((await pids()).map(isAlive)).toEqual([false, false]);
  expect(await readdir(join(folder, "trees"))).toEqual([]);
});

it("removes at its start what a killed runner left half-made, and lets no second one in", async () => {
  const source = testRepository();
  const commit = await source.commit(projectFiles(1));
  const { folder, checkouts } = await open(source);
  await checkouts.checkout(commit, MAIN);
  await expect(open(source, folder)).rejects.toMatchObject({ code: "conflict" });
  checkouts.close();
  for (const path of ["trees/half/code", "installs/half/node_modules", "isolated/half/code"])
    await mkdir(join(folder, path), { recursive: true });
  await writeFile(join(folder, "installs/half/stamp.json"), "{");
  await open(source, folder);
  expect(await readdir(join(folder, "trees"))).toEqual([commit]);
  expect(await readdir(join(folder, "installs"))).toHaveLength(1);
  expect(existsSync(join(folder, "isolated/half"))).toBe(false);
});
