/** A runner asks for a job, with a token that it made: asked again with the same token, it gets the same job. */
import { type ClaimReply, type Command, claimSchema, NUMERICS } from "@ticketmark/core";
import { requireRunner } from "../../../../caller.ts";
import { db } from "../../../../db/client.ts";
import { claim } from "../../../../db/leases.ts";
import { env } from "../../../../env.ts";
import { readJson, reply, route } from "../../../../http.ts";
import { dropDead } from "../../../../pending.ts";
import { hashSecret, newSecret } from "../../../../secret.ts";

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
    if (!taken) return reply({ job: null, command, retryAfter: retrySeconds, scan: null } satisfies ClaimReply);
    const { nonce, ...job } = taken;
    return reply({
      job: { ...job, lease: { token, nonce, seconds, renewSeconds } },
      command,
      retryAfter: 0,
      scan: null,
    } satisfies ClaimReply);
  },
});
