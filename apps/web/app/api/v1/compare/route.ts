/** Two commits beside each other, testbed by testbed; names may be the first digits. */
import { z } from "@ticketmark/core";
import { db } from "../../../../db/client.ts";
import { findCommit } from "../../../../db/regressions.ts";
import { parse, publicJson, route, searchOf } from "../../../../http.ts";
import { comparisonJson, readComparison } from "../../../../regression-json.ts";

const querySchema = z.object({ base: z.string().max(100), head: z.string().max(100) });

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async GET(request) {
    const { base, head } = parse(searchOf(request), querySchema);
    const database = await db();
    const commits = [await findCommit(database, base), await findCommit(database, head)] as const;
    return publicJson(request, comparisonJson(await readComparison(database, ...commits)));
  },
});
