/** A runner posts the signed envelope; everything is verified before anything is stored. */
import { type resultReplySchema, submitResultSchema } from "@ticketmark/core";
import type { z } from "zod";
import { holderOf, requireRunner } from "../../../../../../caller.ts";
import { wakeChecker } from "../../../../../../check/checker.ts";
import { acceptSubmission } from "../../../../../../check/submission.ts";
import { db } from "../../../../../../db/client.ts";
import { idFrom, readJson, reply, route } from "../../../../../../http.ts";
import { wakeTracker } from "../../../../../../track/tracker.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request, params) {
    const runner = await requireRunner(request);
    const { lease, envelope } = await readJson(request, submitResultSchema);
    const holder = holderOf(runner, idFrom(params, "job"), lease);
    const { resultId, level } = await acceptSubmission(await db(), runner, holder, envelope);
    wakeChecker();
    wakeTracker();
    return reply({ resultId, level: level === "signed" ? "signed" : "checked" } satisfies z.infer<
      typeof resultReplySchema
    >);
  },
});
