/**
 * What GitHub posts, as far as it is used: pushes and pull requests. Everything else in a payload is passed over.
 * https://docs.github.com/en/webhooks/webhook-events-and-payloads
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { commitSchema, repositoryName } from "@ticketmark/core";
import { z } from "zod";

const MAX_INT32 = 0x7fff_ffff;
/** What GitHub says for a commit that is none: before a branch was made, after it was deleted. */
export const NO_COMMIT = "0".repeat(40);

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

/** Without control and formatting characters (reversed directions), in at most `most` code units, and none cut in half. */
const line = (most: number) =>
  z.string().transform((text) => {
    const first = text.trimStart().split(/[\r\n]/, 1)[0]!;
    const clean = first.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\s]+/gu, " ").trim();
    return clean.slice(0, most).replace(/[\ud800-\udbff]$/, "");
  });

const address = z.string().max(1_000);
const repositorySchema = z.object({
  full_name: z.string().max(300),
  clone_url: address,
  ssh_url: address,
  html_url: address,
});
type Repository = z.infer<typeof repositorySchema>;

const commit = z.object({
  id: commitSchema,
  message: line(200),
  timestamp: time,
  author: z.object({ name: line(100) }),
});

export const pushSchema = z.object({
  ref: z.string().max(1_000),
  before: commitSchema,
  after: commitSchema,
  repository: repositorySchema,
  /** GitHub lists 2,048 at most, and none for a branch that was made from known commits. */
  commits: z.array(commit).max(5_000),
  head_commit: commit.nullable(),
});

export const PULL_ACTIONS: readonly string[] = ["opened", "synchronize", "reopened", "closed", "edited"];
export const pullSchema = z.object({
  action: z.string().max(100),
  number: z.number().int().positive().max(MAX_INT32),
  repository: repositorySchema,
  pull_request: z.object({
    state: z.enum(["open", "closed"]),
    title: line(300),
    html_url: z.url({ protocol: /^https?$/ }).max(1_000),
    updated_at: time,
    head: z.object({ sha: commitSchema }),
    base: z.object({ ref: line(255) }),
    /** Null = the account is gone. */
    user: z.object({ login: line(100) }).nullable(),
  }),
});

/** Is this `x-hub-signature-256` the one of these bytes under the secret? In constant time. */
export function isSigned(bytes: Uint8Array, signature: string | null, secret: string): boolean {
  const [, hex] = signature?.match(/^sha256=([0-9a-f]{64})$/i) ?? [];
  if (hex === undefined) return false;
  return timingSafeEqual(Buffer.from(hex, "hex"), createHmac("sha256", secret).update(bytes).digest());
}

/** Is the payload's repository the followed one, however that was written? A path is no repository of GitHub's. */
export const isFollowed = ({ clone_url, ssh_url, html_url }: Repository, followed: string): boolean =>
  [clone_url, ssh_url, html_url].some((one) => nameOf(one) === nameOf(followed));

/** GitHub tells no names apart that differ in case alone. */
const nameOf = (address: string): string => repositoryName(address).toLowerCase();
