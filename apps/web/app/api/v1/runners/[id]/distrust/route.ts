/** A maintainer no longer believes what a runner tells of commits. */
import { db } from "../../../../../../db/client.ts";
import { trustRunner } from "../../../../../../db/runners.ts";
import { idFrom, reply, route } from "../../../../../../http.ts";
import { requireMaintainer } from "../../../../../../session.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request, params) {
    await requireMaintainer(request);
    await trustRunner(await db(), idFrom(params, "runner"), false);
    return reply({});
  },
});
