/**
 * Enrolment: a one-time token and a proof that the runner holds its key, for an id and a bearer. The token is looked at
 * first: checking a signature is work, and only for who was invited.
 */
import {
  enrolMessage,
  type enrolReplySchema,
  enrolSchema,
  fromBase64,
  keyIdOf,
  Problem,
  verify,
} from "@ticketmark/core";
import type { z } from "zod";
import { db } from "../../../../db/client.ts";
import { enrol, requireEnrolmentToken } from "../../../../db/runners.ts";
import { readJson, reply, route } from "../../../../http.ts";
import { addressOf, limited } from "../../../../limiter.ts";
import { hashSecret, newSecret } from "../../../../secret.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request) {
    const { token, name, publicKey, proof, environment } = await readJson(request, enrolSchema);
    const tokenHash = hashSecret(token);
    const key = fromBase64(publicKey);
    const keyId = keyIdOf(key);
    const bearer = newSecret();
    const enrolled = await limited(addressOf(request.headers), async () => {
      await requireEnrolmentToken(await db(), tokenHash);
      if (!verify(fromBase64(proof), enrolMessage(token, publicKey), key))
        throw new Problem(
          "bad-signature",
          "proof: expected a signature of the enrolment message by publicKey; it does not hold",
        );
      const bearerHash = hashSecret(bearer);
      return enrol(await db(), { tokenHash, name, keyId, publicKey: key, bearerHash, environment });
    });
    return reply({ runnerId: enrolled.id, keyId, bearer } satisfies z.infer<typeof enrolReplySchema>, 201);
  },
});
