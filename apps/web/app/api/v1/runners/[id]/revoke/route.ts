/** A maintainer revokes a runner's key: its bearer ends, its jobs go back to the queue. */
import { db } from "../../../../../../db/client.ts";
import { revokeRunner } from "../../../../../../db/runners.ts";
import { idFrom, reply, route } from "../../../../../../http.ts";
import { dropFiles } from "../../../../../../pending.ts";
import { requireMaintainer } from "../../../../../../session.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request, params) {
    await requireMaintainer(request);
    const freed = await revokeRunner(await db(), idFrom(params, "runner"));
    for (const lease of freed) await dropFiles(await db(), lease);
    return reply({});
  },
});
