/** Enrolment: a one-time token and a proof that the runner holds its key, for an id and a bearer. */
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
import { enrol } from "../../../../db/runners.ts";
import { readJson, reply, route } from "../../../../http.ts";
import { addressOf, limited } from "../../../../limiter.ts";
import { hashSecret, newSecret } from "../../../../secret.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request) {
    const { token, name, publicKey, proof, environment } = await readJson(request, enrolSchema);
    const key = fromBase64(publicKey);
    if (!verify(fromBase64(proof), enrolMessage(token, publicKey), key))
      throw new Problem(
        "bad-signature",
        "proof: expected a signature of the enrolment message by publicKey; it does not hold",
      );
    const bearer = newSecret();
    const keyId = keyIdOf(key);
    const enrolled = await limited(addressOf(request.headers), async () =>
      enrol(await db(), {
        tokenHash: hashSecret(token),
        name,
        keyId,
        publicKey: key,
        bearerHash: hashSecret(bearer),
        environment,
      }),
    );
    return reply({ runnerId: enrolled.id, keyId, bearer } satisfies z.infer<typeof enrolReplySchema>, 201);
  },
});
