/** A maintainer lets a drained runner take jobs again. */
import { db } from "../../../../../../db/client.ts";
import { tellRunner } from "../../../../../../db/runners.ts";
import { idFrom, reply, route } from "../../../../../../http.ts";
import { requireMaintainer } from "../../../../../../session.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request, params) {
    await requireMaintainer(request);
    await tellRunner(await db(), idFrom(params, "runner"), "continue");
    return reply({});
  },
});
