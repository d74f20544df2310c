/**
 * Where the runner keeps its things, and what it was told: the one reader of the environment, and of DATA/runner.json.
 *
 *   TICKETMARK_HOME     one folder for data and cache, instead of the XDG ones
 *   TICKETMARK_DATA_DIR folder for the files of data sets
 *   TICKETMARK_NATIVE   0 = no native build of the kernels, wasm only
 *   TICKETMARK_THREADS  threads of the cpu engine; unset = the engine's choice
 *   TICKETMARK_TOKEN    a maintainer's token, for commands that queue jobs at a site
 */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { branchSchema, digestSchema, MOST_THREADS, Problem, repositorySchema } from "@ticketmark/core";
import { z } from "zod";
import { makePrivateFolder, PRIVATE_FILE, readJson, writeAtomically } from "./files.ts";

export const threadsSchema = z.coerce
  .number("expected a whole number of threads")
  .int("expected a whole number of threads")
  .min(1)
  .max(MOST_THREADS);

const environmentSchema = z.object({
  TICKETMARK_HOME: z.string().min(1).optional(),
  TICKETMARK_DATA_DIR: z.string().min(1).optional(),
  TICKETMARK_NATIVE: z.enum(["0", "1"]).default("1"),
  TICKETMARK_THREADS: threadsSchema.optional(),
  TICKETMARK_TOKEN: z.string().max(100).optional(),
  XDG_DATA_HOME: z.string().optional(),
  XDG_CACHE_HOME: z.string().optional(),
});

export interface Settings {
  /** Key, enrolment, spool, snapshots, leases. */
  readonly data: string;
  /** Native kernels, built at first use. */
  readonly cache: string;
  /** Files of data sets, one folder each: downloaded, or put there by people. */
  readonly dataDir: string;
  readonly native: boolean;
  /** null = the engine's choice. */
  readonly threads: number | null;
  /** A maintainer's, secret; null = none was set. */
  readonly token: string | null;
}

/** Throws Problem "bad-settings" naming the variable. An option of the command line wins over the environment. */
export function readSettings(
  given: { data?: string | undefined; dataDir?: string | undefined; threads?: number | undefined } = {},
  env: NodeJS.ProcessEnv = process.env,
): Settings {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== "")); // empty = unset, as shells have it
  const parsed = environmentSchema.safeParse(set);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new Problem("bad-settings", `environment: ${issue.path.join(".")}: ${issue.message}`, {
      cause: parsed.error,
    });
  }
  const { TICKETMARK_HOME, TICKETMARK_DATA_DIR, TICKETMARK_NATIVE, TICKETMARK_THREADS } = parsed.data;
  const { TICKETMARK_TOKEN, XDG_DATA_HOME, XDG_CACHE_HOME } = parsed.data;
  const xdg = (folder: string | undefined, ...otherwise: string[]) =>
    join(folder || join(homedir(), ...otherwise), "ticketmark");
  const home = TICKETMARK_HOME === undefined ? undefined : resolve(TICKETMARK_HOME);
  const cache = home === undefined ? xdg(XDG_CACHE_HOME, ".cache") : join(home, "cache");
  return {
    data: resolve(given.data ?? home ?? xdg(XDG_DATA_HOME, ".local", "share")),
    cache,
    dataDir: resolve(given.dataDir ?? TICKETMARK_DATA_DIR ?? join(cache, "data")),
    native: TICKETMARK_NATIVE === "1",
    threads: given.threads ?? TICKETMARK_THREADS ?? null,
    token: TICKETMARK_TOKEN ?? null,
  };
}

/** Whose commits a runner runs. */
export interface Tracking {
  /** An address as it was given, or an absolute path. */
  readonly repository: string;
  /** Their commits may run. */
  readonly branches: readonly string[];
  /** May those of pull requests that a maintainer of the site has approved? */
  readonly pulls: boolean;
  /** What mirror, work trees and packages may take of the disk. */
  readonly diskBytes: number;
  /** Of this process: programs for other commits get the harmless part of it (child-environment.ts). */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const GIGABYTE = 1e9;
/** An address, with a protocol or as ssh has it; else it is a path. */
const ADDRESS = /^[\w+.-]+:\/\/|^[\w.-]+@[\w.-]+:/;

const trackingSchema = z.object({
  repository: z
    .string("expected a repository, which the other options are about")
    .pipe(repositorySchema)
    .transform((text) => (ADDRESS.test(text) ? text : resolve(text))),
  branch: z.array(branchSchema).min(1).max(20).default(["main"]),
  allowPullRequests: z.boolean().default(false),
  diskLimit: z.coerce.number("expected a number of gigabytes").positive("expected more than 0 gigabytes").default(20),
});

/** As the command line has them. */
export interface TrackingOptions {
  readonly repository?: string | undefined;
  readonly branch?: string[] | undefined;
  readonly allowPullRequests?: boolean | undefined;
  /** In gigabytes. */
  readonly diskLimit?: string | undefined;
}

/** Null when none is given. Throws Problem "bad-settings" naming the option. */
export function readTracking(
  given: TrackingOptions,
  environment: Tracking["environment"] = process.env,
): Tracking | null {
  if (Object.values(given).every((value) => value === undefined)) return null;
  const parsed = trackingSchema.safeParse(given);
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues as [z.core.$ZodIssue];
    const option = String(path[0]).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new Problem("bad-settings", `--${option}: ${message}`, { cause: parsed.error });
  }
  const { repository, branch: branches, allowPullRequests: pulls, diskLimit } = parsed.data;
  return { repository, branches, pulls, diskBytes: diskLimit * GIGABYTE, environment };
}

const serverSchema = z
  .url({ protocol: /^https?$/, error: "expected a site's address, http:// or https://" })
  .transform((url) => new URL(url).origin);

/** The origin of a site. Throws Problem "bad-settings" on anything else. */
export function parseServer(text: string): string {
  const parsed = serverSchema.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new Problem("bad-settings", `server: ${parsed.error.issues[0]!.message}; got ${JSON.stringify(text)}`);
}

const enrolmentSchema = z.strictObject({
  server: z.string(),
  runnerId: z.uuid(),
  keyId: digestSchema,
  /** Transport secret. */
  bearer: z.string().min(20).max(100),
  name: z.string().min(1).max(100),
});
export type Enrolment = z.infer<typeof enrolmentSchema>;

const enrolmentFile = (data: string) => join(data, "runner.json");

/** What enrolling left in DATA/runner.json; null before. */
export async function readEnrolment(data: string): Promise<Enrolment | null> {
  const enrolment = await readJson(enrolmentFile(data), enrolmentSchema);
  return enrolment && { ...enrolment, server: parseServer(enrolment.server) };
}

export async function writeEnrolment(data: string, enrolment: Enrolment): Promise<void> {
  await makePrivateFolder(data);
  await writeAtomically(enrolmentFile(data), `${JSON.stringify(enrolment, null, 2)}\n`, PRIVATE_FILE);
}
