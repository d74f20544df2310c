/** For tests: a git repository in a temporary folder, made by the real git. */
import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";

/** Gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "ticketmark-commits-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

export interface TestRepository {
  readonly folder: string;
  git(...args: string[]): string;
  /** Writes files and commits them; null removes one. The new commit's hash. */
  commit(files: Record<string, string | null>, subject?: string): Promise<string>;
}

/** An empty repository on branch main. */
export function testRepository(): TestRepository {
  const folder = temporaryFolder();
  const who = ["user.name=A Tester", "user.email=test@example.com", "commit.gpgSign=false", "core.hooksPath=/dev/null"];
  const settings = who.flatMap((setting) => ["-c", setting]);
  const git = (...args: string[]) =>
    execFileSync("git", [...settings, ...args], { cwd: folder, encoding: "utf8", stdio: "pipe" }).trim();
  git("init", "-q", "--template=", "-b", "main");
  return {
    folder,
    git,
    commit: async (files, subject = "A commit") => {
      for (const [path, text] of Object.entries(files)) {
        if (text === null) {
          git("rm", "-q", path);
          continue;
        }
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), text);
        git("add", path);
      }
      git("commit", "-q", "--allow-empty", "-m", subject);
      return git("rev-parse", "HEAD");
    },
  };
}
