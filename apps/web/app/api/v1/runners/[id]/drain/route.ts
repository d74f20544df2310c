/** A maintainer tells a runner to finish its job and take no other. */
import { db } from "../../../../../../db/client.ts";
import { tellRunner } from "../../../../../../db/runners.ts";
import { idFrom, reply, route } from "../../../../../../http.ts";
import { requireMaintainer } from "../../../../../../session.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request, params) {
    await requireMaintainer(request);
    await tellRunner(await db(), idFrom(params, "runner"), "drain");
    return reply({});
  },
});
