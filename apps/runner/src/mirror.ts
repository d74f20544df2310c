/**
 * A bare mirror of one repository's branches, and what the runner asks of it: which commits there are, whether one may
 * run, what a file was. Fork commits can be fetched from a host by their hash and may lie here through a pull request, so
 * having a commit means nothing: being an ancestor of an allow-listed branch does.
 *
 * One process uses the folder. A damaged mirror is deleted and fetched anew, once: everything in it can be had again.
 */
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { branchSchema, digestOf, Problem } from "@ticketmark/core";
import type { Ran } from "./bounded.ts";
import { type Environment, fetchEnvironment } from "./child-environment.ts";
import { checkBranch, checkCommit, type GitCall, git, parseRepository, type Repository, tryGit } from "./git.ts";
import { inTurn } from "./in-turn.ts";
import { type Commit, type LogWanted, readLog } from "./mirror-log.ts";

const FETCH_MS = 10 * 60_000;
/** A host that takes a connection and says nothing: git would wait for minutes. */
const ANSWER_MS = 30_000;
const ALL_BRANCHES = "+refs/heads/*:refs/heads/*";
const refOfPull = (pull: number) => `refs/pull/${pull}/head`;

/** The number in "refs/pull/7/head", as sites name a pull request's head among branches; null = it names a branch. */
export const pullNamed = (name: string): number | null => {
  const [, number] = /^refs\/pull\/([1-9]\d{0,8})\/head$/.exec(name) ?? [];
  return number === undefined ? null : Number(number);
};

/** Where a commit must come from to be run. */
export type Origin = { readonly branches: readonly string[] } | { readonly pull: number };

export interface Mirror {
  readonly repository: Repository;
  /** Folder of git's objects, which work trees borrow. */
  readonly objects: string;
  /**
   * Brings branches up to date and drops those that are gone; with `pull`, that request's commits too. Throws Problem
   * "data-unavailable" when the repository cannot be reached, "not-found" when it has no such pull request.
   */
  fetch(wanted?: { pull?: number; signal?: AbortSignal | undefined }): Promise<void>;
  /** Is the commit the head of one of the branches or an ancestor? Fetches once before it says no. */
  isAllowed(commit: string, branches: readonly string[], signal?: AbortSignal): Promise<boolean>;
  /** The same for the head of a pull request. */
  isOfPull(commit: string, pull: number, signal?: AbortSignal): Promise<boolean>;
  /** Throws Problem "forbidden", naming commit, origin and repository, unless the commit may run. */
  requireOrigin(commit: string, origin: Origin, signal?: AbortSignal): Promise<void>;
  /**
   * Commits of the branches, or of pull requests that were fetched ("refs/pull/7/head"), that none of `since` reaches,
   * parents before children, the first `limit` (2,000 at most): a caller that knows those asks again with them. With
   * `newest` the last `limit`. Of `since`, what is not here is passed over.
   */
  log(names: readonly string[], asked?: LogWanted): Promise<Commit[]>;
  /** Of these commits the ones that are here. */
  present(commits: readonly string[]): Promise<string[]>;
  /** A file's bytes at a commit; null when there is none. Throws Problem "too-large" beyond `maxBytes`. */
  show(commit: string, path: string, maxBytes: number): Promise<Buffer | null>;
  /** Sum of the sizes in bytes of the files at a commit under `folder` for which `counts` is true. */
  sizeOf(commit: string, folder: string, counts: (path: string) => boolean): Promise<number>;
  /** sha256 over paths, modes and contents of all files at a commit for which `counts` is true. */
  digestOf(commit: string, counts: (path: string) => boolean): Promise<string>;
  /** The best common ancestor of two commits; null when they have none. */
  mergeBase(a: string, b: string): Promise<string | null>;
  /** Heads by branch, of those branches that there are. */
  heads(branches: readonly string[]): Promise<Map<string, string>>;
  /** The latest branches with names that a site may follow, at most `most`. */
  latestBranches(most: number): Promise<string[]>;
}

/** Opens the mirror in `folder`, or makes an empty one: nothing is fetched yet. Throws Problem "bad-settings" on an address that may not be used. */
export async function openMirror(folder: string, address: string, environment: Environment): Promise<Mirror> {
  const repository = parseRepository(address);
  const [bare, home, tmp] = [join(folder, "mirror.git"), join(folder, "home"), join(folder, "tmp")];
  for (const path of [home, tmp]) await mkdir(path, { recursive: true, mode: 0o700 });
  const env = {
    ...fetchEnvironment(environment, { home, tmp }),
    GIT_ALLOW_PROTOCOL: repository.protocol,
    // not among the arguments, which every user of the machine can read
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "remote.origin.url",
    GIT_CONFIG_VALUE_0: repository.url,
  };
  type Call = Omit<GitCall, "cwd" | "env">;
  const here = (call: Call) => ({ ...call, cwd: folder, env: { ...env, GIT_DIR: bare } });
  const attempt = (call: Call) => tryGit(here(call));
  const read = (call: Call) => git(here(call));

  const make = () => git({ args: ["init", "--quiet", "--bare", "--template=", bare], cwd: folder, env });
  if (await stat(bare).then(() => false, isMissing)) await make();
  else await removeLocks(bare);

  const fetchRefs = (refs: string, signal: AbortSignal | undefined) => {
    const args = [
      "fetch",
      "--quiet",
      "--prune",
      "--no-tags",
      "--update-shallow",
      "--no-write-fetch-head",
      "origin",
      refs,
    ];
    return attempt({ args, signal, timeoutMs: FETCH_MS });
  };
  const isWhole = async (signal: AbortSignal | undefined) => {
    const args = ["fsck", "--connectivity-only", "--no-dangling", "--no-reflogs", "--no-progress"];
    return (await attempt({ args, signal, timeoutMs: FETCH_MS })).exit === 0;
  };
  const turn = inTurn();
  const fetchNow: Mirror["fetch"] = async ({ pull, signal } = {}) => {
    const answered = await attempt({ args: ["ls-remote", "origin", "HEAD"], signal, timeoutMs: ANSWER_MS });
    if (answered.exit !== 0) throw unreachable(repository, answered);
    let ran = await fetchRefs(ALL_BRANCHES, signal);
    if (ran.exit !== 0 && !(await isWhole(signal))) {
      await rm(bare, { recursive: true, force: true, maxRetries: 3 });
      await make();
      ran = await fetchRefs(ALL_BRANCHES, signal);
    }
    if (ran.exit === 0 && pull !== undefined) {
      ran = await fetchRefs(`+${refOfPull(pull)}:${refOfPull(pull)}`, signal);
      if (/couldn't find remote ref/.test(ran.said))
        throw new Problem("not-found", `${repository.name} has no pull request ${pull}`);
    }
    if (ran.exit !== 0) throw unreachable(repository, ran);
    await attempt({ args: ["-c", "gc.auto=6700", "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet"], signal });
  };
  const fetch: Mirror["fetch"] = (wanted) => turn(() => fetchNow(wanted));

  const exists = async (commit: string) =>
    (await attempt({ args: ["cat-file", "-e", `${checkCommit(commit)}^{commit}`] })).exit === 0;

  /** Refs by name, of those that there are. */
  async function refs(names: readonly string[]): Promise<Map<string, string>> {
    if (names.length === 0) return new Map();
    const found = await read({ args: ["for-each-ref", "--format=%(refname) %(objectname)", ...names] });
    const pairs = linesOf(found).map((line) => line.split(" ") as [string, string]);
    return new Map(pairs.filter(([name]) => names.includes(name))); // git takes "a" for "a/b" too
  }

  async function isReached(commit: string, names: readonly string[]): Promise<boolean> {
    if (!(await exists(commit))) return false;
    for (const head of (await refs(names)).values()) {
      const ran = await attempt({ args: ["merge-base", "--is-ancestor", commit, head] });
      if (ran.exit === 0) return true;
      if (ran.exit !== 1) throw new Problem("data-unavailable", `git merge-base ${ran.how}: ${ran.said}`);
    }
    return false;
  }

  const heads: Mirror["heads"] = async (branches) => {
    const found = await refs(branches.map(refOfBranch));
    return new Map([...found].map(([name, hash]) => [name.slice(HEADS.length), hash]));
  };
  const isAllowed: Mirror["isAllowed"] = async (commit, branches, signal) => {
    const names = branches.map(refOfBranch);
    if (await isReached(commit, names)) return true;
    await fetch({ signal });
    return isReached(commit, names);
  };
  const isOfPull: Mirror["isOfPull"] = async (commit, pull, signal) => {
    if (!Number.isSafeInteger(pull) || pull < 1)
      throw new Problem("bad-request", `pull: expected a number; got ${pull}`);
    if (await isReached(commit, [refOfPull(pull)])) return true;
    await fetch({ pull, signal });
    return isReached(commit, [refOfPull(pull)]);
  };

  return {
    repository,
    objects: join(bare, "objects"),
    fetch,
    heads,
    latestBranches: async (most) => {
      const args = ["for-each-ref", "--sort=-committerdate", `--count=${most}`, "--format=%(refname)", "refs/heads"];
      const names = linesOf(await read({ args })).map((name) => name.slice(HEADS.length));
      return names.filter((name) => branchSchema.safeParse(name).success);
    },
    isAllowed,
    isOfPull,
    requireOrigin: async (commit, origin, signal) => {
      const ofBranches = "branches" in origin;
      if (await (ofBranches ? isAllowed(commit, origin.branches, signal) : isOfPull(commit, origin.pull, signal)))
        return;
      const from = ofBranches ? `a branch that may run (${origin.branches.join(", ")})` : `pull request ${origin.pull}`;
      const what = (await exists(commit)) ? "it is not" : "there is no such commit";
      throw new Problem("forbidden", `commit ${commit}: expected one of ${from} of ${repository.name}; ${what}`);
    },
    log: async (names, asked = {}) => readLog(read, [...(await refs(names.map(refOfName))).values()], asked),
    present: async (commits) => {
      if (commits.length === 0) return [];
      const input = `${commits.map(checkCommit).join("\n")}\n`;
      const found = linesOf(await read({ args: ["cat-file", "--batch-check=%(objecttype)"], input }));
      return commits.filter((_, i) => found[i] === "commit");
    },
    show: async (commit, path, maxBytes) => {
      const name = `${checkCommit(commit)}:${checkPath(path)}`;
      const found = await read({ args: ["cat-file", "--batch-check=%(objecttype) %(objectsize)"], input: `${name}\n` });
      const [, size] = /^blob (\d+)$/m.exec(found.toString()) ?? [];
      if (size === undefined) return null;
      if (Number(size) > maxBytes)
        throw new Problem("too-large", `${name}: expected at most ${maxBytes} bytes; there are ${size}`);
      return read({ args: ["cat-file", "blob", name], maxBytes });
    },
    sizeOf: async (commit, folder, counts) => {
      const args = ["ls-tree", "-r", "-l", "-z", checkCommit(commit), "--", `${checkPath(folder)}/`];
      const listed = (await read({ args, maxBytes: 64 << 20 })).toString().split("\0");
      const files = listed.flatMap((line) => /^\d+ blob \w+ +(\d+)\t(.*)$/s.exec(line) ?? []);
      let bytes = 0;
      for (let i = 0; i < files.length; i += 3) if (counts(files[i + 2]!)) bytes += Number(files[i + 1]);
      return bytes;
    },
    digestOf: async (commit, counts) => {
      const args = ["ls-tree", "-r", "-z", "--full-tree", checkCommit(commit)];
      const listed = (await read({ args, maxBytes: 64 << 20 })).toString().split("\0");
      const counted = listed.filter((line) => line !== "" && counts(line.slice(line.indexOf("\t") + 1)));
      return digestOf(new TextEncoder().encode(counted.join("\0")));
    },
    mergeBase: async (a, b) => {
      const ran = await attempt({ args: ["merge-base", checkCommit(a), checkCommit(b)] });
      if (ran.exit !== 0 && ran.exit !== 1) throw new Problem("not-found", `git merge-base ${ran.how}: ${ran.said}`);
      return linesOf(ran.stdout)[0] ?? null;
    },
  };
}

const HEADS = "refs/heads/";
const refOfBranch = (branch: string) => `${HEADS}${checkBranch(branch)}`;
const refOfName = (name: string) => (pullNamed(name) === null ? refOfBranch(name) : name);

const linesOf = (output: Buffer): string[] => output.toString().split("\n").filter(Boolean);

function checkPath(path: string): string {
  if (path.length <= 500 && !/^\.{0,2}\/|\p{Cc}/u.test(path)) return path;
  throw new Problem("bad-request", `expected a path from the repository's root; got ${JSON.stringify(path)}`);
}

const unreachable = ({ name }: Repository, { how, said }: Ran) =>
  new Problem("data-unavailable", `${name} cannot be reached: git ${how}: ${said || "(it said nothing)"}`);

const isMissing = (error: unknown): boolean => {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return true;
  throw error;
};

/** A git that was killed leaves its locks; nobody else is at work in this folder. No branch's name ends so. */
async function removeLocks(bare: string): Promise<void> {
  for (const name of await readdir(bare, { recursive: true }))
    if (name.endsWith(".lock") && !name.startsWith("objects")) await rm(join(bare, name), { force: true });
}
