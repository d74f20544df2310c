import { execFileSync } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { codeIdentity, VERSION } from "./code.ts";

it("names the commit of the repository that holds the source, and whether it was changed", async () => {
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
  expect(await codeIdentity(source)).toEqual({ commit, dirty: true, version: VERSION });
});
