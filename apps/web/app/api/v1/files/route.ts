/** A job's holder announces a file by digest and size, and learns where to send it: here, unless it is stored already. */
import { announceSchema, type fileReplySchema, Problem } from "@ticketmark/core";
import type { z } from "zod";
import { holderOf, requireRunner } from "../../../../caller.ts";
import { db } from "../../../../db/client.ts";
import { announce, findFile } from "../../../../db/files.ts";
import { requireLease } from "../../../../db/leases.ts";
import { hasFile } from "../../../../file-store.ts";
import { readJson, reply, route } from "../../../../http.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request) {
    const runner = await requireRunner(request);
    const { job, lease, digest, kind, bytes } = await readJson(request, announceSchema);
    const { state } = await requireLease(await db(), holderOf(runner, job, lease));
    const stored = await findFile(await db(), digest);
    const has = stored !== null && (await hasFile(digest, stored.bytes));
    if (state === "done" && !has)
      throw new Problem("conflict", `job ${job}: it has its result and takes no more files`);
    if (state !== "done") await announce(await db(), { jobId: job, kind, digest, bytes });
    return reply({ url: has ? null : `/api/v1/files/${digest}` } satisfies z.infer<typeof fileReplySchema>);
  },
});
