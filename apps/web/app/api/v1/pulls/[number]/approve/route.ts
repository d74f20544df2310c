/** A maintainer who has read a pull request's head lets it run, on runners that take pull requests. */
import { commitSchema, Problem } from "@ticketmark/core";
import { z } from "zod";
import { db } from "../../../../../../db/client.ts";
import { approvePull } from "../../../../../../db/pulls.ts";
import { readJson, reply, route } from "../../../../../../http.ts";
import { requireMaintainer } from "../../../../../../session.ts";
import { wakeTracker } from "../../../../../../track/tracker.ts";

/** The head that was looked at: a push in between must not slip through. */
const approveSchema = z.strictObject({ head: commitSchema });

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request, params) {
    const by = await requireMaintainer(request);
    const number = /^[1-9]\d{0,8}$/.test(params.number!) ? Number(params.number) : null;
    if (number === null) throw new Problem("not-found", `pull ${JSON.stringify(params.number)}: there is none`);
    const { head } = await readJson(request, approveSchema);
    await approvePull(await db(), number, head, by);
    wakeTracker();
    return reply({});
  },
});
