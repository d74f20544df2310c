/** One job: spec, plan, progress, who holds it, its place in the queue and why it waits. */
import { db } from "../../../../../db/client.ts";
import { findJob } from "../../../../../db/jobs.ts";
import { onlineSeconds } from "../../../../../env.ts";
import { idFrom, publicJson, route } from "../../../../../http.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async GET(request, params) {
    return publicJson(request, await findJob(await db(), idFrom(params, "job"), onlineSeconds()));
  },
});
