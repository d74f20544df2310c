/** A maintainer queues a suite; a second time queues only what is new in it. */
import { type suiteReplySchema, suites } from "@ticketmark/core";
import type { z } from "zod";
import { db } from "../../../../../db/client.ts";
import type { NewJob } from "../../../../../db/jobs.ts";
import { addSuite } from "../../../../../db/suites.ts";
import { reply, route } from "../../../../../http.ts";
import { newJob } from "../../../../../new-job.ts";
import { requireMaintainer } from "../../../../../session.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request, params) {
    const createdBy = await requireMaintainer(request);
    const suite = suites.get(params.id!);
    const list: NewJob[] = [];
    for (const spec of suite.specs()) list.push(await newJob({ spec, engine: "auto", priority: 0, createdBy }));
    const { queued, existing } = await addSuite(await db(), suite.id, list);
    return reply({ suite: suite.id, queued, existing } satisfies z.infer<typeof suiteReplySchema>, queued ? 201 : 200);
  },
});
