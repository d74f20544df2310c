/** A runner keeps its lease, says how far it is, and hears what to do. */
import { type heartbeatReplySchema, heartbeatSchema } from "@ticketmark/core";
import type { z } from "zod";
import { holderOf, requireRunner } from "../../../../../../caller.ts";
import { db } from "../../../../../../db/client.ts";
import { heartbeat } from "../../../../../../db/leases.ts";
import { env } from "../../../../../../env.ts";
import { idFrom, readJson, reply, route } from "../../../../../../http.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request, params) {
    const runner = await requireRunner(request);
    const { lease, progress } = await readJson(request, heartbeatSchema);
    const holder = holderOf(runner, idFrom(params, "job"), lease);
    const command = await heartbeat(await db(), holder, progress, env().leaseSeconds);
    return reply({ command, seconds: env().heartbeatSeconds } satisfies z.infer<typeof heartbeatReplySchema>);
  },
});
