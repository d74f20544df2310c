/** What was measured at a commit, beside the commits before it, and what was found. */
import { db } from "../../../../../db/client.ts";
import { findCommit } from "../../../../../db/regressions.ts";
import { publicJson, route } from "../../../../../http.ts";
import { commitJson, readCommit } from "../../../../../regression-json.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async GET(request, params) {
    const database = await db();
    return publicJson(request, commitJson(await readCommit(database, await findCommit(database, params.hash!))));
  },
});
