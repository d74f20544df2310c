/** One result, whole: the list's fields and the result file's content. */
import { db } from "../../../../../db/client.ts";
import { findResult } from "../../../../../db/results.ts";
import { idFrom, publicJson, route } from "../../../../../http.ts";
import { publicResult } from "../public-result.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async GET(request, params) {
    return publicJson(request, publicResult(await findResult(await db(), idFrom(params, "result"))));
  },
});
