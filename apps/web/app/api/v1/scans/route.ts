/** A trusted runner tells what git says of the followed repository. */
import { MAX_POLICY_BYTES, MAX_SCANNED, Problem, repositoryName, scanSchema } from "@ticketmark/core";
import { requireRunner } from "../../../../caller.ts";
import { db } from "../../../../db/client.ts";
import { recordScan } from "../../../../db/commits.ts";
import { env } from "../../../../env.ts";
import { reply, route } from "../../../../http.ts";
import { jsonOf, readBytes } from "../../../../track/body.ts";
import { wakeTracker } from "../../../../track/tracker.ts";

/** A commit: its name, sixteen parents, 300 characters of text, of which one may take six bytes. A policy is text in text. */
const MAX_SCAN_BYTES = MAX_SCANNED * 3_000 + 20 * 2 * MAX_POLICY_BYTES;

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async POST(request) {
    const runner = await requireRunner(request);
    const { repository, branches } = env();
    if (!runner.trusted)
      throw new Problem(
        "forbidden",
        `runner ${runner.name}: expected one enrolled as trusted; only such tell of commits`,
      );
    if (repository === null)
      throw new Problem("not-found", "this site follows no repository: TICKETMARK_REPOSITORY is not set");
    const scan = jsonOf(await readBytes(request, MAX_SCAN_BYTES), scanSchema);
    if (repositoryName(scan.repository) !== repositoryName(repository))
      throw new Problem("forbidden", `repository: expected ${repository}; got ${scan.repository}`);
    const others = scan.branches.map(({ name }) => name).filter((name) => !branches.includes(name));
    if (others.length > 0)
      throw new Problem("forbidden", `branches: expected some of ${branches.join(", ")}; got ${others.join(", ")}`);
    await recordScan(await db(), scan);
    wakeTracker();
    return reply({});
  },
});
