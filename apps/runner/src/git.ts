/**
 * git, called so that neither a repository's contents nor a machine's settings decide what runs: no hooks, no filters,
 * no submodules, no helpers, no questions, one protocol, and every call bounded in time and output.
 */
import { isAbsolute } from "node:path";
import { Problem } from "@ticketmark/core";
import { type Ran, runBounded } from "./bounded.ts";

const SAFE = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "protocol.ext.allow=never",
  "submodule.recurse=false",
  "fetch.recurseSubmodules=false",
  "gc.auto=0", // collected by us, in the foreground, when nobody else is at it
  "maintenance.auto=false",
  "http.lowSpeedLimit=1000", // bytes a second,
  "http.lowSpeedTime=30", // so many seconds long
].flatMap((setting) => ["-c", setting]);

export interface GitCall {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
}

/** How git ended: exit codes are for the caller to read. Throws Problem "engine-unavailable" where there is no git. */
export async function tryGit({ args, timeoutMs = 120_000, maxBytes = 1 << 20, ...call }: GitCall): Promise<Ran> {
  const ran = await runBounded({ file: "git", args: [...SAFE, ...args], timeoutMs, maxBytes, ...call });
  if (ran.how.startsWith("could not be started")) throw new Problem("engine-unavailable", `git ${ran.how}`);
  return { ...ran, said: withoutCredentials(ran.said) };
}

/** The output of a call that must succeed. Throws Problem "data-unavailable" with what git said. */
export async function git(call: GitCall): Promise<Buffer> {
  const ran = await tryGit(call);
  if (ran.exit === 0) return ran.stdout;
  throw new Problem("data-unavailable", `git ${call.args[0]} ${ran.how}: ${ran.said || "(it said nothing)"}`);
}

/** A text without user names and passwords of addresses. */
export const withoutCredentials = (text: string): string => text.replace(/(\w:\/\/)[^\s/]*@/g, "$1");

/** A repository's address, and the one protocol that git may speak for it. */
export interface Repository {
  readonly url: string;
  /** For people: without credentials. */
  readonly name: string;
  readonly protocol: "https" | "ssh" | "file";
}

const HOST = "[A-Za-z0-9][A-Za-z0-9.-]*";
const FORMS: readonly (readonly [Repository["protocol"], RegExp])[] = [
  ["https", new RegExp(`^https://([^/@]+@)?${HOST}(:\\d{1,5})?/.`)],
  ["ssh", new RegExp(`^ssh://([A-Za-z0-9_][\\w.-]*@)?${HOST}(:\\d{1,5})?/.`)],
  ["ssh", new RegExp(`^[A-Za-z0-9_][\\w.-]*@${HOST}:[^-:]`)],
  ["file", /^file:\/\/\/./],
];

/** Throws Problem "bad-settings" on what is not https, ssh, or a path of this machine; options and helpers above all. */
export function parseRepository(text: string): Repository {
  const printable = /^[\x21-\x7e]{1,500}$/.test(text); // of addresses; a path may hold spaces and letters of any language
  const found = printable ? FORMS.find(([, form]) => form.test(text)) : undefined;
  const name = withoutCredentials(text);
  if (found) return { url: text, name, protocol: found[0] };
  if (isAbsolute(text) && text.length <= 500 && !/\p{Cc}/u.test(text)) return { url: text, name, protocol: "file" };
  const expected = "expected https://…, ssh://…, git@host:path, file:///… or an absolute path";
  throw new Problem("bad-settings", `repository: ${expected}; got ${JSON.stringify(name.slice(0, 200))}`);
}

/** Throws Problem "bad-request" on anything but 40 hex digits. */
export function checkCommit(commit: string): string {
  if (/^[0-9a-f]{40}$/.test(commit)) return commit;
  throw new Problem("bad-request", `commit: expected 40 hex digits; got ${JSON.stringify(commit.slice(0, 80))}`);
}

/** A name is put behind refs/heads/, so it is no option; but it must be no expression either. */
export function checkBranch(branch: string): string {
  if (/^\w[\w./+-]{0,199}$/.test(branch) && !/\.\.|\/\/|[./]$|\.lock(\/|$)/.test(branch)) return branch;
  throw new Problem(
    "bad-settings",
    `branch: expected the name of a branch; got ${JSON.stringify(branch.slice(0, 80))}`,
  );
}
