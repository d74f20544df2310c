/**
 * Other commits of one repository, ready to run: work trees by commit and installs by lockfile, kept until disk runs
 * short and then dropped, least recently used first. A pull request's commit gets tree, packages and kernels of its own,
 * which are gone after use: its code shares nothing that an allow-listed commit will run with.
 *
 *   mirror.git, home, tmp   the mirror and what git needs to run
 *   kernels                 wasm kernels of the tree that was made last
 *   cache                   native kernels of all trees, by hash of their sources
 *   trees/COMMIT            home, tmp, code
 *   installs/KEY            packages of one lockfile
 *   isolated/ID             as in trees, its install and its cache
 *
 * One process uses the folder, and a socket keeps others out. Trees and installs are made one after the other.
 */
import { randomUUID } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { digestSchema } from "@ticketmark/core";
import { z } from "zod";
import { type Checkout, checkoutIn, foldersOf, isIntact, makeTree } from "./checkout.ts";
import type { Environment } from "./child-environment.ts";
import { checkCommit } from "./git.ts";
import { inTurn } from "./in-turn.ts";
import { install, readManifest } from "./install.ts";
import { lockFolder } from "./lock.ts";
import { type Mirror, type Origin, openMirror } from "./mirror.ts";
import { killOrphans } from "./orphans.ts";
import { bytesIn, openShelf } from "./shelf.ts";

/** A checkout that stays until it is released. */
export interface HeldCheckout extends Checkout {
  release(): Promise<void>;
}

export interface Checkouts {
  readonly mirror: Mirror;
  /**
   * The commit, ready to run, if it comes from where `origin` says; a pull request's is isolated. Throws Problem
   * "forbidden" if it does not, "data-unavailable" when the repository cannot be reached, "engine-unavailable" when it
   * cannot be installed or built, with the last lines of output; throws what `signal` is aborted with.
   */
  checkout(commit: string, origin: Origin, signal?: AbortSignal): Promise<HeldCheckout>;
  /**
   * Removes what was used least recently, trees that nobody holds and installs that no tree uses, until all that is here
   * takes at most `limitBytes`, or nothing is left to remove. Returns the bytes taken then.
   */
  sweep(limitBytes: number): Promise<number>;
  /** Lets other processes use the folder. */
  close(): void;
}

/** What takes room and is no tree or install that is kept. */
const BESIDE = ["mirror.git", "home", "tmp", "kernels", "cache", "isolated"];

const treeSchema = z.strictObject({
  install: z.string(),
  facts: z.strictObject({ packageBytes: z.number().int().min(0), codeDigest: digestSchema }),
});

/**
 * Opens the folder, which is made if missing, and removes what a crash has left there, at work or half-made. Throws Problem
 * "conflict" while another process uses it, "bad-settings" on an address that may not be used.
 */
export async function openCheckouts(folder: string, repository: string, environment: Environment): Promise<Checkouts> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const lock = await lockFolder(folder);
  try {
    await killOrphans(folder);
    return { ...(await openLocked(folder, repository, environment)), close: () => void lock.close() };
  } catch (error) {
    lock.close();
    throw error;
  }
}

async function openLocked(
  folder: string,
  repository: string,
  environment: Environment,
): Promise<Omit<Checkouts, "close">> {
  const mirror = await openMirror(folder, repository, environment);
  const isolated = join(folder, "isolated");
  await rm(isolated, { recursive: true, force: true, maxRetries: 3 });
  const installs = await openShelf(join(folder, "installs"), z.null());
  const trees = await openShelf(join(folder, "trees"), treeSchema);
  const held = new Map<string, number>();
  const turn = inTurn();

  const installOnce = async (commit: string, signal: AbortSignal | undefined) => {
    const manifest = await readManifest(mirror, commit);
    const installed = installs.pathOf(manifest.key);
    if (!(await installs.find(manifest.key)))
      await installs.make(manifest.key, async () => {
        await install(manifest, installed, { environment, folders: foldersOf(folder), signal });
        return null;
      });
    return { commit, manifest, installed, kernels: join(folder, "kernels") };
  };

  async function shared(commit: string, signal: AbortSignal | undefined): Promise<HeldCheckout> {
    const path = trees.pathOf(commit);
    let note = (await trees.find(commit))?.note;
    const usable =
      note && (await installs.find(note.install)) && (held.get(commit) || (await isIntact(path, commit, environment)));
    if (!note || !usable) {
      const parts = await installOnce(commit, signal);
      note = await trees.make(commit, async () => {
        const facts = await makeTree(mirror, parts, path, { environment, signal });
        return { install: parts.manifest.key, facts };
      });
    }
    const { install: key, facts } = note;
    const touch = async () => {
      await installs.touch(key);
      await trees.touch(commit);
    };
    await touch();
    held.set(commit, (held.get(commit) ?? 0) + 1);
    const release = once(() =>
      turn(async () => {
        held.set(commit, held.get(commit)! - 1);
        await touch();
      }),
    );
    const cacheDir = join(folder, "cache");
    return { ...checkoutIn(path, { commit, facts, cacheDir }, environment), release };
  }

  async function alone(commit: string, signal: AbortSignal | undefined): Promise<HeldCheckout> {
    const path = join(isolated, randomUUID());
    const remove = () => rm(path, { recursive: true, force: true, maxRetries: 3 });
    const installed = join(path, "install");
    const folders = foldersOf(path);
    try {
      for (const made of [installed, ...Object.values(folders)]) await mkdir(made, { recursive: true, mode: 0o700 });
      const manifest = await readManifest(mirror, commit);
      await install(manifest, installed, { environment, folders, signal });
      const parts = { commit, manifest, installed, kernels: null };
      const facts = await makeTree(mirror, parts, path, { environment, signal });
      const cacheDir = join(path, "cache");
      return { ...checkoutIn(path, { commit, facts, cacheDir }, environment), release: once(remove) };
    } catch (error) {
      await remove();
      throw error;
    }
  }

  async function sweep(limitBytes: number): Promise<number> {
    const standing = await trees.list();
    const packages = await installs.list();
    const sum = (items: readonly { bytes: number }[]) => items.reduce((total, { bytes }) => total + bytes, 0);
    let total = sum(standing) + sum(packages);
    for (const name of BESIDE) total += await bytesIn(join(folder, name));
    while (total > limitBytes) {
      const used = new Set(standing.map(({ note }) => note.install));
      const tree = standing.find(({ name }) => !held.get(name));
      const idle = packages.find(({ name }) => !used.has(name));
      // An install is touched with each of its trees, so that of the two it is the later one.
      const treeFirst = tree && !(idle && idle.usedAt < tree.usedAt);
      if (treeFirst) {
        await trees.remove(tree.name);
        standing.splice(standing.indexOf(tree), 1);
        total -= tree.bytes;
      } else if (idle) {
        await installs.remove(idle.name);
        packages.splice(packages.indexOf(idle), 1);
        total -= idle.bytes;
      } else return total;
    }
    return total;
  }

  return {
    mirror,
    checkout: async (commit, origin, signal) => {
      await mirror.requireOrigin(checkCommit(commit), origin, signal);
      return turn(() => {
        signal?.throwIfAborted();
        return "pull" in origin ? alone(commit, signal) : shared(commit, signal);
      });
    },
    sweep: (limitBytes) => turn(() => sweep(limitBytes)),
  };
}

/** Releasing twice would release somebody else's hold. */
function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null;
  return () => (done ??= work());
}
