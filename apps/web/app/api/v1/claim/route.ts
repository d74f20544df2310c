/** A runner asks for a job. */
import { type ClaimReply, claimSchema } from "@ticketmark/core";
import { requireRunner } from "../../../../caller.ts";
import { db } from "../../../../db/client.ts";
import { claim } from "../../../../db/leases.ts";
import { env } from "../../../../env.ts";
import { readJson, reply, route } from "../../../../http.ts";
import { hashSecret, newSecret } from "../../../../secret.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request) {
    const runner = await requireRunner(request);
    const offer = await readJson(request, claimSchema);
    const { leaseSeconds: seconds, heartbeatSeconds: renewSeconds, retrySeconds } = env();
    const token = newSecret();
    const nonce = newSecret();
    const job = await claim(await db(), runner.id, offer, { hash: hashSecret(token), nonce, seconds });
    return reply({
      job: job && { ...job, lease: { token, nonce, seconds, renewSeconds } },
      command: "continue",
      retryAfter: job ? 0 : retrySeconds,
    } satisfies ClaimReply);
  },
});
