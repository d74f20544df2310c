/** A maintainer makes a token that enrols one runner, which may be trusted to say which commits there are. */
import { z } from "zod";
import { db } from "../../../../db/client.ts";
import { addEnrolmentToken } from "../../../../db/tokens.ts";
import { readJson, reply, route } from "../../../../http.ts";
import { hashSecret, newSecret } from "../../../../secret.ts";
import { requireMaintainer } from "../../../../session.ts";

const enrolmentSchema = z.strictObject({ trusted: z.boolean().default(false) });

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request) {
    const by = await requireMaintainer(request);
    const { trusted } = request.body ? await readJson(request, enrolmentSchema) : { trusted: false };
    const token = newSecret();
    const { expiresAt } = await addEnrolmentToken(await db(), hashSecret(token), `made by ${by}`, trusted);
    return reply({ token, expiresAt }, 201);
  },
});
