/** A maintainer queues a suite; a second time queues only what is new in it. */
import { setImmediate as turn } from "node:timers/promises";
import { parseSpec, specDigest, type suiteReplySchema, suites } from "@ticketmark/core";
import type { z } from "zod";
import { db } from "../../../../../db/client.ts";
import { addSuiteJobs, queuedSpecs, type SuiteJob } from "../../../../../db/suites.ts";
import { reply, route } from "../../../../../http.ts";
import { newJob } from "../../../../../new-job.ts";
import { requireMaintainer } from "../../../../../session.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request, params) {
    const createdBy = await requireMaintainer(request);
    const suite = suites.get(params.id!);
    const list = suite.specs();
    const have = await queuedSpecs(await db(), suite.id);
    const missing: SuiteJob[] = [];
    for (const spec of list) {
      if (have.has(specDigest(parseSpec(spec)))) continue;
      await turn(); // planning a job takes a while, and other requests wait
      missing.push({ ...(await newJob({ spec, engine: "auto", priority: 0, createdBy })), suite: suite.id });
    }
    const queued = await addSuiteJobs(await db(), missing);
    const answer: z.infer<typeof suiteReplySchema> = { suite: suite.id, queued, existing: list.length - queued };
    return reply(answer, queued ? 201 : 200);
  },
});
