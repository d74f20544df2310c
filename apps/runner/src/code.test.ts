import { execFileSync } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { codeIdentity, codeState, VERSION } from "./code.ts";

it("names the commit of the repository that holds the source, and whether and how it was changed", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ticketmark-code-"));
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=test", "-c", "user.email=test@example.com", ...args], {
      cwd: folder,
      encoding: "utf8",
    });
  const source = join(folder, "source.ts");
  await writeFile(source, "1");
  expect(await codeIdentity(source)).toEqual({ commit: null, dirty: false, version: VERSION });
  git("init", "-q");
  expect((await codeIdentity(source)).commit).toBeNull(); // in a repository, but not of it
  git("add", "source.ts");
  git("commit", "-q", "-m", "one");
  const commit = git("rev-parse", "HEAD").trim();
  expect(await codeIdentity(source)).toEqual({ commit, dirty: false, version: VERSION });
  await writeFile(source, "2");
  const dirty = { commit, dirty: true, version: VERSION };
  expect(await codeIdentity(source)).toEqual(dirty);

  const two = await codeState(dirty, source);
  expect(two).toMatch(/^[0-9a-f]{32}$/);
  expect(await codeState(dirty, source)).toBe(two);
  await writeFile(source, "3");
  expect(await codeState(dirty, source)).not.toBe(two);
  const clean = { ...dirty, dirty: false };
  expect(await codeState(clean, source)).not.toBe(two);
  expect(await codeState({ ...clean, version: "another" }, source)).not.toBe(await codeState(clean, source));
  expect(await codeState(dirty, "/nowhere/source.ts")).not.toBe(await codeState(dirty, "/nowhere/source.ts"));
});
