import { existsSync, rmSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openMirror } from "./mirror.ts";
import { type TestRepository, temporaryFolder, testRepository } from "./mirror-fixture.ts";

const open = (source: TestRepository, folder = temporaryFolder()) => openMirror(folder, source.folder, process.env);

/** A commit on no branch of the source, which a host would serve by its hash and as a pull request. */
async function fork(source: TestRepository, pull: number): Promise<string> {
  source.git("checkout", "-q", "--detach");
  const hash = await source.commit({ "evil.ts": "1" }, "From a fork");
  source.git("update-ref", `refs/pull/${pull}/head`, hash);
  source.git("checkout", "-q", "main");
  return hash;
}

it("lets ancestors of the branches that may run be run, and asks the repository before it says no", async () => {
  const source = testRepository();
  const first = await source.commit({ a: "1" });
  const second = await source.commit({ a: "2" });
  const mirror = await open(source);
  expect(await mirror.isAllowed(second, ["main"])).toBe(true);
  expect(await mirror.isAllowed(first, ["main"])).toBe(true);
  const third = await source.commit({ a: "3" });
  expect(await mirror.isAllowed(third, ["no-such", "main"])).toBe(true); // after a fetch
  source.git("checkout", "-q", "-b", "wild", first);
  const wild = await source.commit({ a: "4" });
  expect(await mirror.isAllowed(wild, ["main"])).toBe(false);
  expect(await mirror.isAllowed(wild, ["main", "wild"])).toBe(true);
  expect(await mirror.isAllowed("0".repeat(40), ["main"])).toBe(false);
  expect(await mirror.isAllowed(first, [])).toBe(false);
  expect(await mirror.heads(["main", "wild", "no-such", "wil"])).toEqual(
    new Map([
      ["main", third],
      ["wild", wild],
    ]),
  );
  expect(await mirror.mergeBase(third, wild)).toBe(first);
  source.git("branch", "release/1", wild);
  expect(await mirror.isAllowed(wild, ["release"])).toBe(false); // a folder of branches is no branch
  expect(await mirror.isAllowed(wild, ["release/1"])).toBe(true);
  source.git("checkout", "-q", "--orphan", "other");
  const orphan = await source.commit({ b: "1" });
  source.git("branch", "-D", "wild");
  await mirror.fetch();
  expect(await mirror.mergeBase(third, orphan)).toBeNull();
  expect(await mirror.heads(["wild", "other"])).toEqual(new Map([["other", orphan]]));
});

it("refuses a fork's commit though it has it, and takes it as the pull request's", async () => {
  const source = testRepository();
  const base = await source.commit({ a: "1" });
  const forked = await fork(source, 7);
  const mirror = await open(source);
  expect(await mirror.isAllowed(forked, ["main"])).toBe(false);
  expect(await mirror.show(base, "a", 10)).not.toBeNull();
  await expect(mirror.show(forked, "evil.ts", 10)).resolves.toBeNull(); // not even fetched
  expect(await mirror.isOfPull(forked, 7)).toBe(true);
  expect(await mirror.show(forked, "evil.ts", 10)).toEqual(Buffer.from("1")); // here now
  expect(await mirror.isAllowed(forked, ["main"])).toBe(false);
  await expect(mirror.requireOrigin(forked, { branches: ["main"] })).rejects.toMatchObject({
    code: "forbidden",
    message: `commit ${forked}: expected one of a branch that may run (main) of ${source.folder}; it is not`,
  });
  await mirror.requireOrigin(forked, { pull: 7 });
  await expect(mirror.requireOrigin("1".repeat(40), { pull: 7 })).rejects.toThrow(/no such commit/);
  await expect(mirror.isOfPull(forked, 8)).rejects.toMatchObject({ code: "not-found" });
  await expect(mirror.isOfPull(forked, 0)).rejects.toMatchObject({ code: "bad-request" });
});

it("reads files at a commit, bounded, and nothing that is no file", async () => {
  const source = testRepository();
  const commit = await source.commit({ "a/policies.json": "[1, 2]", "a/b.test.ts": "12345", "c.ts": "1" });
  const mirror = await open(source);
  await mirror.fetch();
  expect((await mirror.show(commit, "a/policies.json", 6))?.toString()).toBe("[1, 2]");
  expect(await mirror.show(commit, "a", 100)).toBeNull();
  expect(await mirror.show(commit, "no/such", 100)).toBeNull();
  expect(await mirror.show("0".repeat(40), "c.ts", 100)).toBeNull();
  await expect(mirror.show(commit, "a/policies.json", 5)).rejects.toMatchObject({ code: "too-large" });
  for (const path of ["../x", "/etc/passwd", "a\nHEAD:c.ts"])
    await expect(mirror.show(commit, path, 100)).rejects.toMatchObject({ code: "bad-request" });
  expect(await mirror.sizeOf(commit, "a", (path) => !path.endsWith(".test.ts"))).toBe(6);
  expect(await mirror.sizeOf(commit, "a", () => true)).toBe(11);
});

it("lists commits, parents first, from what is known on, cut and cleaned", async () => {
  const source = testRepository();
  const first = await source.commit({ a: "1" }, "First");
  source.git("checkout", "-q", "-b", "side");
  const side = await source.commit({ b: "1" }, `Colours \u001b[31m and \u202e turns ${"x".repeat(300)}`);
  source.git("checkout", "-q", "main");
  const second = await source.commit({ a: "2" }, "Second");
  source.git("merge", "-q", "--no-ff", "-m", "Merge\n\nwith a body", "side");
  const merge = source.git("rev-parse", "HEAD");
  const mirror = await open(source);
  await mirror.fetch();
  const all = await mirror.log(["main", "side", "no-such"]);
  expect(all.map(({ hash }) => hash).sort()).toEqual([first, side, second, merge].sort());
  all.forEach(({ parents }, i) => {
    for (const parent of parents) expect(all.slice(0, i).some(({ hash }) => hash === parent)).toBe(true);
  });
  expect(all[0]).toEqual({
    hash: first,
    parents: [],
    subject: "First",
    author: "A Tester",
    committedAt: Number(source.git("log", "-1", "--format=%ct", first)) * 1_000,
  });
  expect(all.at(-1)).toMatchObject({ hash: merge, parents: [second, side], subject: "Merge" });
  const { subject } = all.find(({ hash }) => hash === side)!;
  expect(subject).toMatch(/^Colours \[31m and turns x+$/);
  expect(subject).toHaveLength(200);
  expect((await mirror.log(["main"], { limit: 2 })).map(({ hash }) => hash)).toEqual(
    all.slice(0, 2).map(({ hash }) => hash),
  );
  const since = await mirror.log(["main"], { since: [second, "9".repeat(40)] });
  expect(since.map(({ hash }) => hash)).toEqual([side, merge]);
  expect(await mirror.log(["main"], { since: [merge] })).toEqual([]);
  expect((await mirror.log(["main"], { limit: 2, newest: true })).map(({ hash }) => hash)).toEqual(
    all.slice(2).map(({ hash }) => hash),
  );
  expect(await mirror.present([merge, "9".repeat(40), first])).toEqual([merge, first]);
  expect(await mirror.log(["no-such"])).toEqual([]);
  const wide = await source.commit({ a: "3" }, `x${"😀".repeat(150)}`);
  await mirror.fetch();
  expect((await mirror.log(["main"], { since: [merge] }))[0]).toMatchObject({
    hash: wide,
    subject: `x${"😀".repeat(99)}`, // 200 UTF-16 units would halve one
  });
  await expect(mirror.log(["main"], { limit: 2_001 })).rejects.toMatchObject({ code: "bad-request" });
});

it("makes a damaged mirror anew, and says so when the repository cannot be had", async () => {
  const source = testRepository();
  const commit = await source.commit({ a: "1" });
  const folder = temporaryFolder();
  const mirror = await open(source, folder);
  await mirror.fetch();
  const bare = join(folder, "mirror.git");
  await writeFile(join(bare, "HEAD"), "garbage");
  await mirror.fetch();
  expect(await mirror.isAllowed(commit, ["main"])).toBe(true);
  for (const name of await readdir(join(bare, "objects"))) rmSync(join(bare, "objects", name), { recursive: true });
  const next = await source.commit({ a: "2" });
  expect(await mirror.isAllowed(next, ["main"])).toBe(true);
  expect((await mirror.show(commit, "a", 10))?.toString()).toBe("1");

  await writeFile(join(bare, "refs/heads/main.lock"), ""); // of a git that was killed
  const last = await source.commit({ a: "3" });
  const again = await open(source, folder);
  expect(await again.isAllowed(last, ["main"])).toBe(true);
  rmSync(source.folder, { recursive: true });
  await expect(again.fetch()).rejects.toMatchObject({ code: "data-unavailable" });
  expect(existsSync(join(bare, "refs"))).toBe(true); // what is whole stays
  expect(await again.isAllowed(last, ["main"])).toBe(true);
});

it("runs no hook, and obeys an abort", async () => {
  const source = testRepository();
  await source.commit({ a: "1" });
  const folder = temporaryFolder();
  const mirror = await open(source, folder);
  await mirror.fetch();
  const note = join(folder, "hook-ran");
  const hook = join(folder, "mirror.git/hooks/reference-transaction");
  await mkdir(join(folder, "mirror.git/hooks"), { recursive: true });
  await writeFile(hook, `#!/bin/sh\ntouch ${note}\n`, { mode: 0o755 });
  await source.commit({ a: "2" });
  await mirror.fetch();
  expect(existsSync(note)).toBe(false);
  await expect(mirror.fetch({ signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
});

it("mirrors a shallow clone as far as it goes", async () => {
  const source = testRepository();
  await source.commit({ a: "1" });
  const head = await source.commit({ a: "2" });
  const shallow = temporaryFolder();
  source.git("clone", "-q", "--depth=1", `file://${source.folder}`, shallow);
  const mirror = await openMirror(temporaryFolder(), shallow, process.env);
  expect(await mirror.isAllowed(head, ["main"])).toBe(true);
  expect((await mirror.log(["main"])).map(({ hash }) => hash)).toEqual([head]);
});
