/**
 * One commit, ready to run: a work tree, the packages of its lockfile, its kernels. The tree is a git repository of its
 * own that borrows the mirror's objects, so that code there can tell its commit; links that somebody has committed
 * become plain files, so that nothing is written or read through them.
 */
import { cp, mkdir, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Problem } from "@ticketmark/core";
import { runBounded } from "./bounded.ts";
import { childEnvironment, type Environment, gitEnvironment } from "./child-environment.ts";
import { type GitCall, git, tryGit } from "./git.ts";
import { linkPackages, type Manifest, requireSuccess, type Setting } from "./install.ts";
import type { Mirror } from "./mirror.ts";

const BUILDER = "packages/core/src/engine/cpu/node/build.ts";
const BUILD_MS = 10 * 60_000;
const BUILD = "packages/core/build";
const KERNELS = `${BUILD}/kernels.wasm`;
const SOURCE = "packages/core/src";

/** What is known of a commit without running it. */
export interface CommitFacts {
  /** See `packageBytesOf`. */
  readonly packageBytes: number;
  /** See `isRun`. */
  readonly codeDigest: string;
}

/** How to run a commit's worker; its environment is the whole one and holds no secret. */
export interface Checkout {
  readonly commit: string;
  readonly folder: string;
  readonly worker: string;
  readonly cwd: string;
  /** Arguments for Node that let it read TypeScript, with the commit's own loader. */
  readonly loader: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** For native kernels, each under the hash of its sources. */
  readonly cacheDir: string;
  readonly facts: CommitFacts;
}

export const foldersOf = (folder: string) => ({ home: join(folder, "home"), tmp: join(folder, "tmp") });
const codeIn = (folder: string) => join(folder, "code");

/** git in a commit's own repository. */
const gitIn =
  (folder: string, environment: Environment) =>
  (args: string[], signal?: AbortSignal): GitCall => ({
    args: ["-C", codeIn(folder), ...args],
    cwd: folder,
    env: gitEnvironment(environment, foldersOf(folder)),
    signal,
  });

export interface TreeParts {
  readonly commit: string;
  readonly manifest: Manifest;
  /** Folder of its packages. */
  readonly installed: string;
  /**
   * Folder with the kernels that were built last, for the next tree: the commit's own builder looks whether they are of its
   * sources, and most commits change none. Null = nothing is shared.
   */
  readonly kernels: string | null;
}

/**
 * Makes the tree of a commit in an empty folder. Throws Problem "engine-unavailable" with the last lines
 * of a build that fails.
 */
export async function makeTree(
  mirror: Mirror,
  { commit, manifest, installed, kernels }: TreeParts,
  folder: string,
  { environment, signal }: Omit<Setting, "folders">,
): Promise<CommitFacts> {
  const code = codeIn(folder);
  for (const path of [code, ...Object.values(foldersOf(folder))]) await mkdir(path, { recursive: true, mode: 0o700 });
  const call = gitIn(folder, environment);
  await git(call(["init", "--quiet", "--template="], signal));
  await mkdir(join(code, ".git/objects/info"), { recursive: true });
  await writeFile(join(code, ".git/objects/info/alternates"), `${mirror.objects}\n`);
  for (const [name, value] of Object.entries({ "core.symlinks": "false", "core.autocrlf": "false" }))
    await git(call(["config", name, value], signal));
  await git(call(["checkout", "--quiet", "--detach", commit], signal));
  await linkPackages(installed, code, manifest.workspaces);
  const build = join(code, BUILD);
  if (kernels) await cp(kernels, build, { recursive: true }).catch(ifMissing);
  await buildKernels(folder, { environment, signal });
  if (kernels) {
    await rm(kernels, { recursive: true, force: true });
    await cp(build, kernels, { recursive: true }).catch(ifMissing);
  }
  return { packageBytes: await packageBytesOf(mirror, commit, code), codeDigest: await mirror.digestOf(commit, isRun) };
}

/** Files whose content may matter to a run: of two commits that have them alike, one cannot be slower. */
export const isRun = (path: string): boolean =>
  /^(package(-lock)?\.json|tsconfig[^/]*\.json|(packages\/core|apps\/runner)\/(src\/.*|[^/]*\.json))$/.test(path) &&
  !/\.test\.tsx?$|\.md$/.test(path);

function ifMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}

async function buildKernels(folder: string, { environment, signal }: Omit<Setting, "folders">): Promise<void> {
  const code = codeIn(folder);
  const ran = await runBounded({
    file: process.execPath,
    args: [...loaderIn(folder), BUILDER],
    cwd: code,
    env: childEnvironment(environment, foldersOf(folder)),
    signal,
    timeoutMs: BUILD_MS,
    maxBytes: 16 << 20,
  });
  requireSuccess(`building the kernels (${BUILDER})`, ran);
}

/**
 * What core ships at a commit, in bytes: its files under packages/core/src as they are in git, without tests, and the
 * kernels as they were built. The same number on every machine.
 */
async function packageBytesOf(mirror: Mirror, commit: string, code: string): Promise<number> {
  const source = await mirror.sizeOf(commit, SOURCE, (path) => !/\.test\.tsx?$/.test(path));
  try {
    return source + (await stat(join(code, KERNELS))).size;
  } catch (cause) {
    throw new Problem("engine-unavailable", `commit ${commit}: expected its build to make ${KERNELS}`, { cause });
  }
}

/**
 * Is the tree still the commit's, byte for byte as git sees it, with packages? What a job has changed runs no other. It
 * finds accidents; code that means to deceive could also change what git sees, so that of a pull request runs once.
 */
export async function isIntact(folder: string, commit: string, environment: Environment): Promise<boolean> {
  const call = gitIn(folder, environment);
  try {
    loaderIn(folder);
    await stat(join(codeIn(folder), KERNELS));
  } catch {
    return false;
  }
  const head = await tryGit(call(["rev-parse", "--verify", "--quiet", "HEAD"]));
  const changes = await tryGit(call(["status", "--porcelain", "--untracked-files=no"]));
  return head.stdout.toString().trim() === commit && changes.exit === 0 && changes.stdout.length === 0;
}

/** Node's arguments for TypeScript, by the tree's own tsx. Throws Problem "engine-unavailable" where it has none. */
function loaderIn(folder: string): string[] {
  try {
    const require = createRequire(join(codeIn(folder), "apps/runner/package.json"));
    return ["--import", pathToFileURL(require.resolve("tsx")).href];
  } catch (cause) {
    throw new Problem("engine-unavailable", "expected the commit's runner to depend on tsx, which it is run with", {
      cause,
    });
  }
}

/** How to run what `makeTree` has made. */
export function checkoutIn(
  folder: string,
  { commit, facts, cacheDir }: Pick<Checkout, "commit" | "facts" | "cacheDir">,
  environment: Environment,
): Checkout {
  const code = codeIn(folder);
  return {
    commit,
    folder,
    worker: join(code, "apps/runner/src/worker.ts"),
    cwd: code,
    loader: loaderIn(folder),
    env: childEnvironment(environment, foldersOf(folder)),
    cacheDir,
    facts,
  };
}
