/** A maintainer has a commit, or a pull request's head, run beside the commit where it left the followed line. */
import { trySchema } from "@ticketmark/core";
import { db } from "../../../../db/client.ts";
import { readJson, reply, route } from "../../../../http.ts";
import { requireMaintainer } from "../../../../session.ts";
import { startTry } from "../../../../track/start-try.ts";
import { wakeTracker } from "../../../../track/tracker.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request) {
    const by = await requireMaintainer(request);
    const started = await startTry(await db(), await readJson(request, trySchema), by);
    wakeTracker();
    return reply(started, 201);
  },
});
