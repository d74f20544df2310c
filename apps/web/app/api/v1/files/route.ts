/** A lease's holder announces a file by digest and size, and learns where to send it: here, unless it is here already. */
import { announceSchema, type fileReplySchema, Problem } from "@ticketmark/core";
import type { z } from "zod";
import { holderOf, requireRunner } from "../../../../caller.ts";
import { db } from "../../../../db/client.ts";
import { requireLease } from "../../../../db/leases.ts";
import { readJson, reply, route } from "../../../../http.ts";
import { expectFile, isHere } from "../../../../pending.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request) {
    const runner = await requireRunner(request);
    const { job, lease, ...file } = await readJson(request, announceSchema);
    const holder = holderOf(runner, job, lease);
    const { state, spec } = await requireLease(await db(), holder);
    const announced = { jobId: job, leaseHash: holder.leaseHash, ...file };
    const here = await isHere(await db(), announced);
    if (state === "done" && !here)
      throw new Problem("conflict", `job ${job}: it has its result and takes no more files`);
    if (state !== "done") await expectFile(await db(), announced, spec);
    return reply({ url: here ? null : `/api/v1/files/${file.digest}` } satisfies z.infer<typeof fileReplySchema>);
  },
});
