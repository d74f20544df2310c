/**
 * A runner asks for a job, with a token that it made: asked again with the same token, it gets the same job. A trusted one
 * that tracks this site's repository may be asked for a scan in return, which it makes between jobs.
 */
import { type ClaimReply, type Command, claimSchema, NUMERICS, repositoryName } from "@ticketmark/core";
import { requireRunner } from "../../../../caller.ts";
import { db } from "../../../../db/client.ts";
import { takeScan } from "../../../../db/commits.ts";
import { claim } from "../../../../db/leases.ts";
import { listUnseen } from "../../../../db/pulls.ts";
import { env } from "../../../../env.ts";
import { readJson, reply, route } from "../../../../http.ts";
import { dropDead } from "../../../../pending.ts";
import { hashSecret, newSecret } from "../../../../secret.ts";
import { wakeTracker } from "../../../../track/tracker.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request) {
    const runner = await requireRunner(request);
    const { lease: token, numerics, ...offer } = await readJson(request, claimSchema);
    const { leaseSeconds: seconds, heartbeatSeconds: renewSeconds, retrySeconds, repository } = env();
    // An older runner's bits are not comparable with this site's: it computes nothing until it is updated.
    const command: Command = numerics < NUMERICS ? "update" : runner.command;
    if (command !== "continue")
      return reply({ job: null, command, retryAfter: retrySeconds, scan: null } satisfies ClaimReply);
    const taken = await claim(
      await db(),
      runner.id,
      offer,
      { hash: hashSecret(token), nonce: newSecret(), seconds },
      repository,
    );
    await dropDead(await db()); // of leases that this claim, or nobody, took over
    const tracked = offer.tracks?.repository;
    const follows =
      repository !== null && tracked !== undefined && repositoryName(tracked) === repositoryName(repository);
    const scan = follows && runner.trusted ? await wantedScan(tracked) : null;
    if (follows && !taken) wakeTracker(); // somebody is idle
    if (!taken) return reply({ job: null, command, retryAfter: retrySeconds, scan } satisfies ClaimReply);
    const { nonce, ...job } = taken;
    return reply({
      job: { ...job, lease: { token, nonce, seconds, renewSeconds } },
      command,
      retryAfter: 0,
      scan,
    } satisfies ClaimReply);
  },
});

/** As many branches as a reply takes: those of the allow-list, and approved heads that no scan has told of. */
const MOST_BRANCHES = 20;

/** `repository`: as the runner names it, which knows it by no other name. */
async function wantedScan(repository: string): Promise<ClaimReply["scan"]> {
  const { branches } = env();
  const asked = await takeScan(await db(), branches);
  if (!asked) return null;
  const pulls = await listUnseen(await db(), MOST_BRANCHES - branches.length);
  return { repository, branches: [...branches, ...pulls], ...asked };
}
