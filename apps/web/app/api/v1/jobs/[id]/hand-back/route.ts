/** A runner gives a job back: it is stopping, it obeyed a cancel, or something broke. */
import { handBackSchema } from "@ticketmark/core";
import { holderOf, requireRunner } from "../../../../../../caller.ts";
import { db } from "../../../../../../db/client.ts";
import { handBack } from "../../../../../../db/leases.ts";
import { idFrom, readJson, reply, route } from "../../../../../../http.ts";
import { dropFiles } from "../../../../../../pending.ts";
import { wakeTracker } from "../../../../../../track/tracker.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request, params) {
    const runner = await requireRunner(request);
    const { lease, ...why } = await readJson(request, handBackSchema);
    const holder = holderOf(runner, idFrom(params, "job"), lease);
    await handBack(await db(), holder, why);
    await dropFiles(await db(), holder);
    if (why.reason === "fault") wakeTracker();
    return reply({});
  },
});
