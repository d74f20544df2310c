/**
 * The packages that another commit needs, installed by its lockfile and without their install scripts: only what core and
 * runner ask for (no site, no browsers), in a folder of its own that work trees of the same lockfile share. npm's links
 * from `node_modules` to workspaces would lead there, to folders without code, so a tree gets a real `node_modules`
 * whose entries are links: packages into the install, workspaces into the tree itself.
 */
import { createHash } from "node:crypto";
import { lstat, mkdir, readdir, realpath, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { Problem } from "@ticketmark/core";
import { z } from "zod";
import { type Ran, runBounded } from "./bounded.ts";
import { type Environment, npmEnvironment } from "./child-environment.ts";
import { namesIn } from "./files.ts";
import type { Mirror } from "./mirror.ts";

/** The workspaces a runner needs; a commit without them is not of this project, or from before there were any. */
const NEEDED = ["packages/core", "apps/runner"];

const INSTALL_MS = 15 * 60_000;
const OPTIONS = [
  "--git=git", // whatever a file of settings says
  ...["--ignore-scripts", "--no-save", "--no-audit", "--no-fund", "--prefer-offline"],
  // Seconds, not npm's minutes: a job that finds no registry is tried again later.
  ...["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=10000", "--fetch-timeout=60000"],
];
const MAX_MANIFEST = 1 << 20;
const MAX_LOCKFILE = 32 << 20;

const manifestSchema = z.object({
  workspaces: z.array(z.string().regex(/^(?!.*\.\.)[\w@.-]+(\/[\w@.-]+)*$/, "expected a folder, no pattern")).max(50),
});

/** What an install is made from. */
export interface Manifest {
  /** 32 hex digits: equal for equal files on the same kind of machine. */
  readonly key: string;
  /** package.json, lockfile, each workspace's package.json, and of .npmrc the registries, by path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly workspaces: readonly string[];
}

/** Throws Problem "engine-unavailable" for a commit that has no core and runner to install. */
export async function readManifest(mirror: Mirror, commit: string): Promise<Manifest> {
  const files = new Map<string, Uint8Array>();
  const take = async (path: string, maxBytes = MAX_MANIFEST) => {
    const bytes = await mirror.show(commit, path, maxBytes);
    if (bytes) files.set(path, bytes);
    return bytes;
  };
  const cannot = (why: string) => new Problem("engine-unavailable", `commit ${commit} cannot be installed: ${why}`);
  const parsed = manifestSchema.safeParse(jsonOf(await take("package.json")));
  if (!parsed.success) throw cannot(`package.json: expected a list of workspaces: ${parsed.error.issues[0]!.message}`);
  const { workspaces } = parsed.data;
  for (const path of workspaces) await take(`${path}/package.json`);
  const missing = NEEDED.filter((path) => !workspaces.includes(path) || !files.has(`${path}/package.json`));
  if (missing.length > 0) throw cannot(`package.json: expected the workspaces ${missing.join(" and ")}`);
  if (!(await take("package-lock.json", MAX_LOCKFILE))) throw cannot("expected a package-lock.json");
  const registries = registriesIn((await mirror.show(commit, ".npmrc", MAX_MANIFEST)) ?? new Uint8Array());
  if (registries.length > 0) files.set(".npmrc", Buffer.from(`${registries.join("\n")}\n`));
  const machine = [process.versions.node.split(".")[0], process.platform, process.arch];
  const digests = [...files].map(([path, bytes]) => [path, createHash("sha256").update(bytes).digest("hex")]);
  const key = createHash("sha256")
    .update(JSON.stringify([machine, digests]))
    .digest("hex")
    .slice(0, 32);
  return { key, files, workspaces };
}

const REGISTRY = /^[ \t]*((?:@[\w.-]+:)?registry)[ \t]*=[ \t]*(https?:\/\/[\w.:/@%~+-]+)[ \t]*$/;

/**
 * The lines of an .npmrc that name a registry, of all packages or of a scope. Others could name programs, which npm runs,
 * and put what is in its environment into addresses.
 */
export const registriesIn = (npmrc: Uint8Array): string[] =>
  new TextDecoder()
    .decode(npmrc)
    .split(/\r?\n/)
    .flatMap((line) => {
      const [, name, address] = REGISTRY.exec(line) ?? [];
      return name ? [`${name}=${address}`] : [];
    });

function jsonOf(bytes: Uint8Array | null): unknown {
  try {
    return bytes && JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null; // which the schema refuses
  }
}

export interface Setting {
  readonly environment: Environment;
  /** Folders for what a program takes for home and for temporary files. */
  readonly folders: { readonly home: string; readonly tmp: string };
  readonly signal: AbortSignal | undefined;
}

/**
 * Installs into an empty folder. Not `npm ci`: it refuses a lockfile that lacks another platform's optional binaries.
 * Throws Problem "engine-unavailable" with the last lines that npm said.
 */
export async function install({ files }: Manifest, folder: string, setting: Setting): Promise<void> {
  for (const [path, bytes] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  const [file, first] = npm(setting.environment);
  const ran = await runBounded({
    file,
    args: [...first, "install", ...OPTIONS, ...NEEDED.flatMap((path) => ["--workspace", path])],
    cwd: folder,
    env: npmEnvironment(setting.environment, setting.folders),
    signal: setting.signal,
    timeoutMs: INSTALL_MS,
    maxBytes: 16 << 20,
  });
  requireSuccess("npm install", ran);
}

/** Throws Problem "engine-unavailable" with the end of what a program said, unless it succeeded. */
export function requireSuccess(what: string, { exit, how, said }: Ran): void {
  if (exit !== 0) throw new Problem("engine-unavailable", `${what} ${how}: ${said || "(it said nothing)"}`);
}

/** npm as it started this program, else the one on PATH. */
const npm = ({ npm_execpath: path }: Environment): [string, string[]] =>
  path?.endsWith(".js") ? [process.execPath, [path]] : ["npm", []];

/** Gives a work tree the packages of an install, for itself and for each workspace that has some of its own. Neither may be moved after. */
export async function linkPackages(installed: string, tree: string, workspaces: readonly string[]): Promise<void> {
  const root = await realpath(installed);
  for (const path of ["", ...workspaces]) {
    const [from, to] = [join(root, path, "node_modules"), join(tree, path, "node_modules")];
    if ((await namesIn(from)).length > 0) await linkAll(root, tree, from, to);
  }
}

async function linkAll(root: string, tree: string, from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const name of (await readdir(from)).filter((name) => !name.startsWith("."))) {
    const entry = join(from, name);
    if (name.startsWith("@") && (await lstat(entry)).isDirectory()) {
      await linkAll(root, tree, entry, join(to, name));
      continue;
    }
    const real = await realpath(entry);
    const isWorkspace = !relative(root, real).split(sep).includes("node_modules");
    await symlink(isWorkspace ? join(tree, relative(root, real)) : real, join(to, name), "junction");
  }
}
