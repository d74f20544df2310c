/** A maintainer makes a token that enrols one runner. */
import { db } from "../../../../db/client.ts";
import { addEnrolmentToken } from "../../../../db/tokens.ts";
import { reply, route } from "../../../../http.ts";
import { hashSecret, newSecret } from "../../../../secret.ts";
import { requireMaintainer } from "../../../../session.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request) {
    const by = await requireMaintainer(request);
    const token = newSecret();
    const { expiresAt } = await addEnrolmentToken(await db(), hashSecret(token), `made by ${by}`);
    return reply({ token, expiresAt }, 201);
  },
});
