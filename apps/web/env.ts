/** The site's environment: the one reader of process.env, checked once. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { branchSchema, Problem, repositorySchema } from "@ticketmark/core";
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
  /** Git repository whose commits are followed: an address, or a path ("." = this clone). Unset = none. */
  TICKETMARK_REPOSITORY: repositorySchema
    .refine(
      (address) => !/^https?:\/\/[^/]*@/.test(address),
      "expected an address without user or password: pages show it",
    )
    .optional(),
  /** Its branches whose commits may run, the one that is followed first. */
  TICKETMARK_BRANCHES: z
    .string()
    .default("main")
    .transform((text) => text.split(/[\s,]+/).filter((name) => name !== ""))
    .pipe(z.array(branchSchema).min(1).max(20)),
  /** Shared with GitHub: webhooks signed with it are believed. Unset = none are. */
  TICKETMARK_WEBHOOK_SECRET: z.string().min(16, "expected at least 16 characters").max(200).optional(),
  /** Where confirmed alerts are posted, and the secret that signs them. */
  TICKETMARK_ALERT_URL: z.url({ protocol: /^https?$/, error: "expected http:// or https://" }).optional(),
  TICKETMARK_ALERT_SECRET: z.string().min(16, "expected at least 16 characters").max(200).optional(),
  /** For checks and comments at GitHub: a token of an app or a person that may write them, and where the API is. */
  TICKETMARK_GITHUB_TOKEN: z.string().min(1).max(1_000).optional(),
  TICKETMARK_GITHUB_API: z.url({ protocol: /^https?$/ }).default("https://api.github.com"),
  /** This site's address as others reach it, for links in messages. */
  TICKETMARK_ORIGIN: z.url({ protocol: /^https?$/, error: "expected http:// or https://" }).optional(),
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
  /** Null = no repository is followed. A path is absolute. */
  readonly repository: string | null;
  readonly branches: readonly string[];
  readonly webhookSecret: string | null;
  readonly alerts: { readonly url: string; readonly secret: string | null } | null;
  readonly github: { readonly token: string; readonly api: string } | null;
  readonly origin: string | null;
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
    repository: repositoryOf(root, settings.TICKETMARK_REPOSITORY),
    branches: settings.TICKETMARK_BRANCHES,
    webhookSecret: settings.TICKETMARK_WEBHOOK_SECRET ?? null,
    alerts: settings.TICKETMARK_ALERT_URL
      ? { url: settings.TICKETMARK_ALERT_URL, secret: settings.TICKETMARK_ALERT_SECRET ?? null }
      : null,
    github: settings.TICKETMARK_GITHUB_TOKEN
      ? { token: settings.TICKETMARK_GITHUB_TOKEN, api: settings.TICKETMARK_GITHUB_API.replace(/\/$/, "") }
      : null,
    origin: settings.TICKETMARK_ORIGIN ? new URL(settings.TICKETMARK_ORIGIN).origin : null,
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

/** An address as it is; a path from the repository's root. start.mjs gives the runner the same. */
const repositoryOf = (root: string, text: string | undefined): string | null =>
  text === undefined ? null : /^[\w+.-]+:\/\/|^[\w.-]+@[\w.-]+:/.test(text) ? text : resolve(root, text);

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
