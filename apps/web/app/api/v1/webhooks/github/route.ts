/**
 * GitHub tells of pushes and pull requests. The signature is checked over the bytes as they came, before anything reads
 * them. Told twice is told once; what this site does not follow is answered 200 with a line that says so.
 */
import { Problem } from "@ticketmark/core";
import { db } from "../../../../../db/client.ts";
import { addCommits, removeBranch, setBranch } from "../../../../../db/commits.ts";
import { setPull } from "../../../../../db/pulls.ts";
import { env } from "../../../../../env.ts";
import { reply, route } from "../../../../../http.ts";
import { addressOf, limited } from "../../../../../limiter.ts";
import { jsonOf, readBytes } from "../../../../../track/body.ts";
import {
  isFollowed,
  isSigned,
  NO_COMMIT,
  PULL_ACTIONS,
  pullSchema,
  pushSchema,
} from "../../../../../track/github-events.ts";
import { wakeTracker } from "../../../../../track/tracker.ts";

/** GitHub sends up to 25 MB. Beyond this a push is not worth reading: a scan finds the same commits. */
const MAX_BYTES = 5_000_000;
const HEADS = "refs/heads/";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request) {
    const { repository, webhookSecret: secret } = env();
    if (repository === null || secret === null) {
      const missing = repository === null ? "TICKETMARK_REPOSITORY" : "TICKETMARK_WEBHOOK_SECRET";
      throw new Problem("not-found", `webhook: this site takes none: ${missing} is not set`);
    }
    const bytes = await readBytes(request, MAX_BYTES).catch(tooLarge);
    await limited(addressOf(request.headers), async () => {
      if (!isSigned(bytes, request.headers.get("x-hub-signature-256"), secret))
        throw new Problem("unauthorized", "x-hub-signature-256: expected an HMAC of the body under this site's secret");
    });
    const type = request.headers.get("content-type") ?? "none";
    if (!/^application\/json *(;|$)/i.test(type))
      throw new Problem(
        "bad-request",
        `content-type: expected application/json (a setting of the webhook); got ${type}`,
      );
    const event = request.headers.get("x-github-event") ?? "none";
    if (event === "push") return reply({ message: await push(bytes, repository) });
    if (event === "pull_request") return reply({ message: await pullRequest(bytes, repository) });
    return reply({ message: event === "ping" ? "ready" : `ignored: expected push or pull_request; got ${event}` });
  },
});

function tooLarge(error: unknown): never {
  if (!(error instanceof Problem) || error.code !== "too-large") throw error;
  throw new Problem("too-large", `${error.message}; the next scan will find the commits`, { cause: error });
}

async function push(bytes: Uint8Array, repository: string): Promise<string> {
  const told = jsonOf(bytes, pushSchema);
  requireFollowed(told.repository, repository);
  const name = told.ref.startsWith(HEADS) ? told.ref.slice(HEADS.length) : null;
  if (name === null || !env().branches.includes(name))
    return `ignored: expected one of ${env().branches.join(", ")}; got ${told.ref}`;
  const commits = [...told.commits, ...(told.head_commit ? [told.head_commit] : [])].map((commit) => ({
    hash: commit.id,
    parents: null,
    subject: commit.message,
    author: commit.author.name,
    committedAt: Math.max(0, commit.timestamp),
  }));
  await (await db()).transaction(async (tx) => {
    await addCommits(tx, commits);
    if (told.after === NO_COMMIT) await removeBranch(tx, name, told.before);
    else await setBranch(tx, name, told.before, told.after);
  });
  wakeTracker();
  return told.after === NO_COMMIT ? `branch ${name} is gone` : `branch ${name} is at ${told.after}`;
}

async function pullRequest(bytes: Uint8Array, repository: string): Promise<string> {
  const { action, number, pull_request: told, ...payload } = jsonOf(bytes, pullSchema);
  requireFollowed(payload.repository, repository);
  if (!PULL_ACTIONS.includes(action)) return `ignored: expected one of ${PULL_ACTIONS.join(", ")}; got ${action}`;
  await setPull(await db(), {
    number,
    head: told.head.sha,
    base: told.base.ref,
    title: told.title,
    author: told.user?.login ?? "",
    url: told.html_url,
    open: told.state === "open",
    updatedAt: new Date(told.updated_at),
  });
  wakeTracker();
  return `pull ${number} is ${told.state} at ${told.head.sha}`;
}

function requireFollowed(told: Parameters<typeof isFollowed>[0], repository: string): void {
  if (!isFollowed(told, repository))
    throw new Problem("forbidden", `repository: expected ${repository}; got ${told.full_name}`);
}
