/** Results, newest first, without their curves. */
import { db } from "../../../../db/client.ts";
import { listResults } from "../../../../db/results.ts";
import { cursor, pageFrom, publicJson, route } from "../../../../http.ts";
import { publicResult } from "./public-result.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async GET(request) {
    const page = await listResults(await db(), pageFrom(request));
    return publicJson(request, { results: page.results.map(publicResult), next: cursor(page.next) });
  },
});
