/** The queue: a maintainer adds a job; anyone may look, newest first. */
import { JOB_STATES, type jobReplySchema, submitJobSchema } from "@ticketmark/core";
import { z } from "zod";
import { db } from "../../../../db/client.ts";
import { addJob, listJobs } from "../../../../db/jobs.ts";
import { onlineSeconds } from "../../../../env.ts";
import { cursor, pageFrom, parse, publicJson, readJson, reply, route, searchOf } from "../../../../http.ts";
import { newJob } from "../../../../new-job.ts";
import { requireMaintainer } from "../../../../session.ts";

const stateSchema = z.object({ state: z.enum(JOB_STATES).optional() });

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async GET(request) {
    const { state } = parse(searchOf(request), stateSchema);
    const page = await listJobs(await db(), { ...pageFrom(request), state, onlineSeconds: onlineSeconds() });
    return publicJson(request, { jobs: page.jobs, next: cursor(page.next) });
  },

  async POST(request) {
    const createdBy = await requireMaintainer(request);
    const job = await newJob({ ...(await readJson(request, submitJobSchema)), createdBy });
    const { id } = await addJob(await db(), job);
    return reply({ id, specDigest: job.specDigest } satisfies z.infer<typeof jobReplySchema>, 201);
  },
});
