/** A file's bytes under their sha256: in from runners, out to anyone once a stored result names it. */
import { digestSchema, Problem } from "@ticketmark/core";
import { z } from "zod";
import { holderOf, requireRunner } from "../../../../../caller.ts";
import { db } from "../../../../../db/client.ts";
import { findFile } from "../../../../../db/files.ts";
import { requireLease } from "../../../../../db/leases.ts";
import { streamFile } from "../../../../../file-store.ts";
import { bounded, immutable, isFresh, parse, reply, route } from "../../../../../http.ts";
import { takeFile } from "../../../../../pending.ts";

const leaseSchema = z.object({ job: z.uuid(), lease: z.string().min(20).max(100) });
const SUFFIX = { result: "json", ticket: "ticket", trained: "trained" };

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async GET(request, params) {
    const digest = digestFrom(params.digest!);
    const file = await findFile(await db(), digest);
    if (!file) throw new Problem("not-found", `file ${digest}: there is none`);
    const headers = { ...immutable, etag: `"${digest}"` };
    if (isFresh(request, headers.etag)) return new Response(null, { status: 304, headers });
    return new Response(await streamFile(digest), {
      headers: {
        ...headers,
        "content-type": file.kind === "result" ? "application/json" : "application/octet-stream",
        "content-length": String(file.bytes),
        "content-disposition": `attachment; filename="${digest.slice(0, 12)}.${SUFFIX[file.kind]}"`,
      },
    });
  },

  async PUT(request, params) {
    const digest = digestFrom(params.digest!);
    const runner = await requireRunner(request);
    const { job, lease } = parse(
      { job: request.headers.get("ticketmark-job"), lease: request.headers.get("ticketmark-lease") },
      leaseSchema,
    );
    const holder = holderOf(runner, job, lease);
    await requireLease(await db(), holder);
    await takeFile(await db(), holder, digest, (bytes) => bounded(request, bytes));
    return reply({});
  },
});

function digestFrom(text: string): string {
  const parsed = digestSchema.safeParse(text);
  if (!parsed.success) throw new Problem("not-found", `file: ${parsed.error.issues[0]!.message}`);
  return parsed.data;
}
