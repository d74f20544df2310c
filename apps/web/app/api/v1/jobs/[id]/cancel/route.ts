/** A maintainer stops a job. */
import { db } from "../../../../../../db/client.ts";
import { cancelJob } from "../../../../../../db/jobs.ts";
import { idFrom, reply, route } from "../../../../../../http.ts";
import { dropDead } from "../../../../../../pending.ts";
import { requireMaintainer } from "../../../../../../session.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request, params) {
    const by = await requireMaintainer(request);
    await cancelJob(await db(), idFrom(params, "job"), by);
    await dropDead(await db());
    return reply({});
  },
});
