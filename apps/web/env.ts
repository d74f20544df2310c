/** The site's environment: the one reader of process.env, checked once. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Problem } from "@ticketmark/core";
import { z } from "zod";

const seconds = (fallback: number, max: number) => z.coerce.number().positive().max(max).default(fallback);

const schema = z.object({
  /** Where the rows are: unset or pglite:DIR = embedded, pglite:memory = gone with the process, postgres://… = a server. */
  POSTGRES_URL: z
    .string()
    .regex(/^(pglite:.+|postgres(ql)?:\/\/.+)$/, "expected pglite:DIR or postgres://USER:PASSWORD@HOST:PORT/NAME")
    .optional(),
  /** Folder for the embedded database (db/), files (files/) and the first maintainer's token. */
  TICKETMARK_DATA: z.string().min(1).optional(),
  /** How long a lease holds without a heartbeat. */
  TICKETMARK_LEASE_SECONDS: seconds(120, 86_400),
  /** How often runners are told to send one. */
  TICKETMARK_HEARTBEAT_SECONDS: seconds(15, 3_600),
  /** How long a runner waits before it asks again when there was no job. */
  TICKETMARK_RETRY_SECONDS: seconds(10, 3_600),
  /** 1 = a proxy in front sets x-forwarded-for: callers are told apart by it. */
  TICKETMARK_TRUST_PROXY: z.enum(["0", "1"], 'expected "1" or "0"').default("0"),
});

export interface Env {
  /** The repository: migrations, kernels and npm packages are found from here. */
  readonly root: string;
  readonly data: string;
  readonly databaseUrl: string;
  /** Where this database's first maintainer's token is kept. */
  readonly tokenFile: string;
  readonly leaseSeconds: number;
  readonly heartbeatSeconds: number;
  readonly retrySeconds: number;
  readonly trustProxy: boolean;
}

/** Throws Problem "bad-settings": every variable that is wrong, in one line. Unset and empty mean the same. */
export function readEnv(variables: Record<string, string | undefined>, cwd: string): Env {
  const given = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ""));
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`); // never the value: it may hold a password
    throw new Problem("bad-settings", faults.join("; "));
  }
  const settings = parsed.data;
  const root = findRoot(cwd);
  const data = resolve(root, settings.TICKETMARK_DATA ?? ".data");
  return {
    root,
    data,
    databaseUrl: fromRoot(root, settings.POSTGRES_URL ?? `pglite:${join(data, "db")}`),
    tokenFile: join(data, tokenName(settings.POSTGRES_URL)),
    leaseSeconds: settings.TICKETMARK_LEASE_SECONDS,
    heartbeatSeconds: settings.TICKETMARK_HEARTBEAT_SECONDS,
    retrySeconds: settings.TICKETMARK_RETRY_SECONDS,
    trustProxy: settings.TICKETMARK_TRUST_PROXY === "1",
  };
}

/** One file a database: another POSTGRES_URL has other maintainers. start.mjs computes the same name. */
const tokenName = (url: string | undefined): string =>
  url === undefined
    ? "maintainer-token"
    : `maintainer-token-${createHash("sha256").update(url).digest("hex").slice(0, 8)}`;

/** A folder is meant from the repository, wherever the site is started. */
const fromRoot = (root: string, url: string): string =>
  url.startsWith("pglite:") && url !== "pglite:memory" ? `pglite:${resolve(root, url.slice("pglite:".length))}` : url;

/** The nearest folder upwards that holds the migrations: Next runs in apps/web, tests in the root. */
function findRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "drizzle", "meta", "_journal.json"))) return folder;
    if (folder === dirname(folder))
      throw new Problem(
        "bad-settings",
        `expected drizzle/ (the migrations) in ${from} or a folder above it; found none`,
      );
  }
}

export const isDevelopment = process.env.NODE_ENV === "development";

let cached: Env | undefined;
export const env = (): Env => (cached ??= readEnv(process.env, process.cwd()));

/** A runner that was not heard of for this long is not online: three times the longest silence it was told to keep. */
export const onlineSeconds = (): number => 3 * Math.max(20, env().heartbeatSeconds, env().retrySeconds);

/** Parts that a test must not skip, whatever is missing on the machine: native, webgpu, postgres, browser. */
export const requiredInTests = (): readonly string[] => (process.env.TICKETMARK_REQUIRE ?? "").split(/[\s,]+/);
